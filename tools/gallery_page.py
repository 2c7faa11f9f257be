"""Write docs/gallery.md from the scripts of docs/gallery: title, text, picture and code of each.

    python tools/gallery_page.py

The first line of a script's docstring is its title, the others are its text. `make gallery` runs the scripts first. A
test compares the page with what this makes, so page and scripts cannot differ.
"""

from __future__ import annotations

import ast
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "gallery"
PAGE = DOCS / "gallery.md"
SCRIPTS = (
    "new_track", "map_of_artists", "path", "artist_caps", "cold_start",
    "own_encoder", "what_sound_tells", "own_factors", "enough_playlists", "reach",
)  # fmt: skip
INTRODUCTION = """# Gallery

Ten short scripts, each with its picture. All use the world that `unheard demo` generates: its music is audible, its
bands are imaginary, and its listeners are **simulated**. The pictures show how to ask; real listeners may answer
otherwise. Intervals are over playlists, and the held-out tracks are always the same.

```
unheard demo demo-world
python docs/gallery/new_track.py demo-world/workspace .
```

The first argument of a script is a workspace, the second is the folder for its picture. `make gallery` runs all of
them and makes this page. They share the style of [gallery.mplstyle](gallery/gallery.mplstyle). [From Python](python.md)
explains `unheard.open` and what it returns; modules other than `unheard` and `unheard.estimators` may change between
versions.
"""


def page() -> str:
    """Return the page; ValueError if `SCRIPTS` are not the scripts of the folder."""
    there = {path.stem for path in FOLDER.glob("*.py")}
    if there != set(SCRIPTS):
        raise ValueError(f"{FOLDER}: has {sorted(there)}, expected {sorted(SCRIPTS)}; list each script in SCRIPTS")
    return "\n".join([INTRODUCTION, *(section(FOLDER / f"{name}.py") for name in SCRIPTS)])


def section(script: Path) -> str:
    """Return title, text, picture and code of one script."""
    source = script.read_text(encoding="utf-8")
    module = ast.parse(source)
    title, _, text = (ast.get_docstring(module) or "").partition("\n")
    code = "\n".join(source.splitlines()[module.body[0].end_lineno :]).strip()
    picture = f"![{title}](gallery/{script.stem}.png)"
    heading = f"## {title}\n\n{text.strip()}\n\n{picture}\n"
    return f"{heading}\n[{script.name}](gallery/{script.name})\n\n```python\n{code}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
