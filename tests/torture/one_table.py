"""Put the results of all torture suites into one table: `python -m tests.torture.one_table [FOLDER] [--markdown FILE]`.

FOLDER has the files that `make torture` writes: torture-kills.json, torture-damages.json, torture-files.json and
torture-load.json; those that are not there are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HEADS = ("suite", "injected", "survived", "refused or said", "lost", "silently wrong", "hangs", "crashes", "memory, MB")
NONE = "-"


def of_kills(found: dict[str, Any]) -> list[object]:
    """Commands that were killed and run again."""
    total = {key: sum(stage[key] for stage in found["stages"].values()) for key in next(iter(found["stages"].values()))
             if key not in ("seconds", "problems")}  # fmt: skip
    lost = total["lost"] + total["failed"]
    return ["commands killed", total["kills"], total["survived"], 0, lost, total["wrong"], total["orphans"], NONE, NONE]


def of_damages(found: dict[str, Any]) -> list[object]:
    """Files of a workspace that were damaged; `missed`: by doctor, which counts as silently wrong."""
    verdicts: dict[str, int] = found["verdicts"]
    same = verdicts.get("same", 0) + verdicts.get("as never made", 0)
    said = verdicts.get("refused", 0) + verdicts.get("said", 0)
    silent = verdicts.get("silent", 0) + verdicts.get("missed", 0)
    return ["files of a workspace damaged", found["n"], same, said, 0, silent, NONE, verdicts.get("raised", 0), NONE]


def of_files(found: dict[str, Any]) -> list[object]:
    """Damaged files that were given as input; a child that needs more memory than its limit counts as a crash."""
    total: dict[str, int] = found["total"]
    crashes = sum(total.get(name, 0) for name in ("crash", "exception", "memory"))
    return ["damaged files read", found["files"], total.get("read", 0), total.get("refused", 0), 0, NONE,
            total.get("hang", 0), crashes, NONE]  # fmt: skip


def of_load(found: dict[str, Any]) -> list[object]:
    """Requests under load."""
    n = sum(kind["n"] for kind in found["requests"].values())
    name = f"requests in {found['minutes']:g} minutes, {found['tracks']:,} tracks"
    return [name, n, n - found["n_errors"], 0, 0, NONE, NONE, found["n_errors"], found["memory_mb"]["most"]]


SUITES = {"kills": of_kills, "damages": of_damages, "files": of_files, "load": of_load}


def table(folder: Path) -> str:
    """Return the table of the results in a folder, in Markdown."""
    lines = [f"| {' | '.join(HEADS)} |", f"|---{'|---:' * (len(HEADS) - 1)}|"]
    for name, row in SUITES.items():
        path = folder / f"torture-{name}.json"
        if path.is_file():
            cells = row(json.loads(path.read_text(encoding="utf-8")))
            lines.append(f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it into a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    found = table(options.folder)
    if options.markdown:
        options.markdown.write_text(found, encoding="utf-8")
    sys.stdout.write(found)


if __name__ == "__main__":
    main()
