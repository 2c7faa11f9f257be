"""The commands of docs/how-to/backup.md."""

from __future__ import annotations

from pathlib import Path

import unheard
from tests.builders.contents import contents
from tests.how_to.pages import run_page


def test_the_commands_work(folder: Path) -> None:
    run_page("backup.md", {})
    before = contents(folder / "W")
    for name in ("restored", "small", "from-folder"):
        assert contents(folder / name) == before
    wanted = unheard.open(folder / "W", model="toy").recommend(playlist="p00", n=10)
    for name in ("restored", "small", "from-folder"):
        found = unheard.open(folder / name, model="toy").recommend(playlist="p00", n=10)
        assert list(found[0]) == list(wanted[0])
        assert found[1].tobytes() == wanted[1].tobytes()
