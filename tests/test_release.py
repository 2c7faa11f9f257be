"""What a release checks, on small packages; `make release --dry-run` does all of it on the real one."""

from __future__ import annotations

import runpy
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "release.py"))
release = SimpleNamespace(**TOOL)

METADATA = """Metadata-Version: 2.4
Name: unheard
Version: 1.2.3
Summary: s
License-Expression: MIT
Requires-Python: >=3.11
Description-Content-Type: text/markdown
"""
FILES = {"unheard/__init__.py": "", "unheard/models/recipes/a.toml": "", "unheard/py.typed": ""}


def wheel_of(folder: Path, files: dict[str, str], metadata: str = METADATA) -> Path:
    path = folder / "unheard-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("unheard-1.2.3.dist-info/METADATA", metadata)
        archive.writestr("unheard-1.2.3.dist-info/licenses/LICENSE", "MIT")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).touch()
    (tmp_path / "src" / "unheard" / "__pycache__").mkdir()
    (tmp_path / "src" / "unheard" / "__pycache__" / "a.py").touch()
    return tmp_path / "src" / "unheard"


def test_a_wheel_holds_the_package_and_nothing_else(source: Path, tmp_path: Path) -> None:
    assert release.wheel_problems(wheel_of(tmp_path, FILES), source) == []
    without = {name: text for name, text in FILES.items() if not name.endswith(".toml")}
    assert release.wheel_problems(wheel_of(tmp_path, without), source) == ["unheard/models/recipes/a.toml: is missing"]
    assert release.wheel_problems(wheel_of(tmp_path, FILES | {"tests/a.py": ""}), source) == [
        "tests/a.py: does not belong to it"
    ]
    found = release.wheel_problems(wheel_of(tmp_path, FILES, METADATA.replace("Summary: s\n", "")), source)
    assert found == ["its metadata have no Summary"]


def test_its_description_can_be_read_without_the_repository(source: Path, tmp_path: Path) -> None:
    text = "\n[guide](docs/guide.md), [PyPI](https://pypi.org), ![page](docs/a.png)\n"
    assert release.wheel_problems(wheel_of(tmp_path, FILES, METADATA + text), source) == [
        f"its description has a link to {link}, which a package index does not show"
        for link in ("docs/guide.md", "docs/a.png")
    ]
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["readme"]
    page = (ROOT / described).read_text(encoding="utf-8")
    assert release.wheel_problems(wheel_of(tmp_path, FILES, METADATA + "\n" + page), source) == []


def test_a_wheel_may_not_be_large(source: Path, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path, FILES | {"unheard/py.typed": "x" * (release.MAX_WHEEL_BYTES + 1)})
    (found,) = release.wheel_problems(wheel, source)
    assert "expected at most 3,000,000" in found


def test_a_source_distribution_can_be_built_from(tmp_path: Path) -> None:
    path = tmp_path / "unheard-1.2.3.tar.gz"
    (tmp_path / "x").touch()
    with tarfile.open(path, "w:gz") as archive:
        for name in ("pyproject.toml", "README.md", "src/unheard/__init__.py"):
            archive.add(tmp_path / "x", f"unheard-1.2.3/{name}")
    assert release.sdist_problems(path) == ["LICENSE: is missing"]


def test_the_changelog_is_dated_once() -> None:
    text = "# Changelog\n\n## 1.2.3 - unreleased\n\n- New.\n\n## 1.2.2 - 2026-01-01\n"
    dated = release.dated(text, "1.2.3", "2026-02-03")
    assert dated == text.replace("unreleased", "2026-02-03")
    with pytest.raises(release.ReleaseError, match=r"expected a heading '## 1\.2\.3 - unreleased'"):
        release.dated(dated, "1.2.3", "2026-02-04")


def test_the_citation_is_of_the_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {release.version()}" in text.splitlines()
    again = release.cited(release.cited(text, "9.8.7", "2026-02-03"), "9.8.8", "2026-02-04")
    assert [line for line in again.splitlines() if line.startswith(("version", "date"))] == [
        "version: 9.8.8",
        "date-released: 2026-02-04",
    ]
