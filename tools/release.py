"""Make a release: build, check, write the changelog and the citation, commit and tag.

    make release            everything
    make release --dry-run  build and check only; nothing outside of dist/ changes
    make release-files      the same, for the machine that publishes

The version is that of pyproject.toml, and its part of CHANGELOG.md is the one that says `unreleased`. The tools are
installed into .venv-release. Nothing is uploaded: a pushed tag starts .github/workflows/release.yml.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST, TOOLS = ROOT / "dist", ROOT / ".venv-release"
MAX_WHEEL_BYTES, MAX_SDIST_BYTES = 3_000_000, 8_000_000
OF_PACKAGE = {".py", ".typed", ".toml", ".html", ".css", ".js", ".svg"}
UNRELEASED = "unreleased"


class ReleaseError(Exception):
    """What has to be mended before a release, in one line."""


def version() -> str:
    """Return the version of pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def dated(changelog: str, number: str, day: str) -> str:
    """Return the changelog with the date of a release; ReleaseError if the version has no unreleased part."""
    heading = f"## {number} - {UNRELEASED}"
    if heading not in changelog.splitlines():
        raise ReleaseError(f"CHANGELOG.md: expected a heading {heading!r}")
    return changelog.replace(heading, f"## {number} - {day}", 1)


def cited(citation: str, number: str, day: str) -> str:
    """Return CITATION.cff with the version and the date of a release."""
    lines = [line for line in citation.splitlines() if not line.startswith(("version:", "date-released:"))]
    return "\n".join([*lines, f"version: {number}", f"date-released: {day}"]) + "\n"


def wheel_problems(wheel: Path, source: Path) -> list[str]:
    """Return what is wrong with the contents of a wheel of the package in `source`."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(about))
    inside = {name for name in names if ".dist-info/" not in name}
    expected = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and path.suffix in OF_PACKAGE and "__pycache__" not in path.parts
    }
    found = [f"{name}: is missing" for name in sorted(expected - inside)]
    found += [f"{name}: does not belong to it" for name in sorted(inside - expected)]
    if wheel.stat().st_size > MAX_WHEEL_BYTES:
        found.append(f"it has {wheel.stat().st_size:,} bytes, expected at most {MAX_WHEEL_BYTES:,}")
    for field in ("Name", "Version", "Summary", "License-Expression", "Requires-Python", "Description-Content-Type"):
        if not metadata[field]:
            found.append(f"its metadata have no {field}")
    found += [
        f"its description has a link to {link}, which a package index does not show" for link in local_links(metadata)
    ]
    if not any(name.endswith("licenses/LICENSE") for name in names):
        found.append("it has no licence")
    return found


def local_links(metadata: Message) -> list[str]:
    """Return the links of a description that are not addresses."""
    return re.findall(r"\]\((?!https?:)([^)]*)\)", str(metadata.get_payload()))


def sdist_problems(sdist: Path) -> list[str]:
    """Return what is wrong with the contents of a source distribution."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ("pyproject.toml", "README.md", "LICENSE", "src/unheard/__init__.py")
    found = [f"{name}: is missing" for name in needed if name not in names]
    if sdist.stat().st_size > MAX_SDIST_BYTES:
        found.append(f"it has {sdist.stat().st_size:,} bytes, expected at most {MAX_SDIST_BYTES:,}")
    return found


def run(*words: object) -> None:
    """Run a command in the root; ReleaseError if it fails."""
    print("+", *words, flush=True)
    if subprocess.run([str(word) for word in words], cwd=ROOT, check=False).returncode:
        raise ReleaseError(f"{words[0]} {words[1] if len(words) > 1 else ''}: failed")


def build() -> tuple[Path, Path]:
    """Build wheel, source distribution and bill of materials into dist/, and check them; return the first two."""
    tool = TOOLS / ("Scripts" if sys.platform == "win32" else "bin")
    group = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["release"]
    run(sys.executable, "-m", "venv", TOOLS)
    run(tool / "pip", "install", "--quiet", "--disable-pip-version-check", *group)
    shutil.rmtree(DIST, ignore_errors=True)
    run(tool / "python", "-m", "build", "--outdir", DIST)
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    run(tool / "twine", "check", "--strict", wheel, sdist)
    problems = [f"{wheel.name}: {one}" for one in wheel_problems(wheel, ROOT / "src" / "unheard")]
    problems += [f"{sdist.name}: {one}" for one in sdist_problems(sdist)]
    if problems:
        raise ReleaseError("; ".join(problems))
    bill = DIST / f"unheard-{version()}.cdx.json"
    run(
        tool / "cyclonedx-py", "requirements", "requirements.lock", "--pyproject", "pyproject.toml", "--of", "JSON",
        "--output-reproducible", "-o", bill,
    )  # fmt: skip
    return wheel, sdist


def is_clean() -> bool:
    """Return whether everything is committed."""
    command = ["git", "status", "--porcelain"]
    return not subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def release(*, dry_run: bool) -> None:
    """Build and check; unless it is a dry run, date the changelog and the citation, commit and tag."""
    number, day = version(), dt.datetime.now(dt.UTC).date().isoformat()
    if re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", number) is None:
        raise ReleaseError(f"pyproject.toml: the version {number!r} is none that PyPI sorts, such as 0.2.0 or 0.2.0rc1")
    changes: dict[str, Callable[[str, str, str], str]] = {"CHANGELOG.md": dated, "CITATION.cff": cited}
    changed = {name: change((ROOT / name).read_text(encoding="utf-8"), number, day) for name, change in changes.items()}
    if not dry_run and not is_clean():
        raise ReleaseError("there are changes that are not committed; commit them first")
    wheel, sdist = build()
    for path in (wheel, sdist):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
    if dry_run:
        print(f"dry run: {', '.join(changed)} would be dated {day}, committed and tagged v{number}")
        return
    for name, text in changed.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    run("git", "commit", "--quiet", "-am", f"Release {number}")
    run("git", "tag", "--annotate", f"v{number}", "--message", f"unheard {number}")
    print(f"tagged v{number}; to publish it, run: git push origin v{number}")


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--build-only", action="store_true", help="for the machine that publishes a tag")
    given = parser.parse_args()
    try:
        build() if given.build_only else release(dry_run=given.dry_run)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
