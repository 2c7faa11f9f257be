"""The documentation site builds without a warning, so no link leads nowhere, and it asks no other server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(
    r'<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc="(?:https?:)?//'
    r'|<link\b[^>]*\brel="(?:stylesheet|preload|icon)"[^>]*\bhref="(?:https?:)?//'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    words = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "site"


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted(pages)


def test_the_page_of_decisions_has_all_of_them_by_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- \[(.+)\]\((\d.+?)\)", (folder / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    titles = [(path.read_text(encoding="utf-8").splitlines()[0], path.name) for path in folder.glob("0*.md")]
    assert sorted((f"# {title}", name) for title, name in listed) == sorted(titles)
    assert all(title.startswith(f"# {int(name[:4])}. ") for title, name in titles)


def test_no_paragraph_swallows_a_list_or_a_table(site: Path) -> None:
    """A list or a table needs an empty line before it, or the builder takes it for more lines of the paragraph."""
    for page in site.rglob("*.html"):
        for paragraph in re.findall(r"<p>(.*?)</p>", page.read_text(encoding="utf-8"), re.DOTALL):
            assert not re.search(r"\n(?:[-*] |\d+\. |\|)", paragraph), (page.name, paragraph)


def test_no_page_shows_an_escape(site: Path) -> None:
    """Bars and angle brackets in cells of the reference are text, not backslashes and tags."""
    for page in site.rglob("*.html"):
        text = re.sub(r"<(pre|script)\b.*?</\1>|<[^>]+>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"\\[&|_*]|\\ ", text), page.name


def test_no_page_asks_another_server(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not ELSEWHERE.search(page.read_text(encoding="utf-8")), page.name
