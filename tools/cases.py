"""Run the inputs that failed in comparable software, and check what unheard makes of them.

    python tools/cases.py FOLDER [--program .venv/bin/unheard] [NAME ...]

FOLDER has one folder for each case, with a README and a script run.sh that runs the program named by $U and leaves its
workspace in /tmp/case-w. A case passes if the check of its number, below, finds nothing wrong with the output and the
workspace. A case without a check passes if nothing ends in a traceback. One line for each case; exit code 1 if one
fails.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unheard.library import Track, open_library
from unheard.plays import read_plays
from unheard.workspace import Workspace

WORKSPACE = Path("/tmp/case-w")
LIMIT_S = 600
YEAR_2000, YEAR_2100 = 946_684_800, 4_102_444_800


@dataclass(frozen=True)
class Run:
    """Output of a case's script, and the folder of the case."""

    folder: Path
    program: str
    text: str

    @property
    def tables(self) -> str:
        """The output before the lists that a script prints at its end."""
        return self.text.partition("#EXTM3U")[0]

    def unheard(self, *words: str) -> str:
        """Run a command and return all that it prints."""
        ran = subprocess.run([self.program, *words], capture_output=True, text=True, check=False, timeout=LIMIT_S)
        return ran.stdout + ran.stderr


def tracks() -> list[Track]:
    with open_library(WORKSPACE / "library.sqlite") as library:
        return list(library.tracks().items)


def plays() -> list[tuple[str, str, float | None]]:
    """Return playlist, track label and time of every stored play."""
    label = {track.track_id: track.label for track in tracks()}
    found = read_plays(Workspace.open(WORKSPACE))
    return [(play.playlist_id, label.get(play.track_id, play.track_id), play.timestamp) for play in found]


def deleted(run: Run) -> str:
    entries = [line for line in Path("/tmp/case.m3u8").read_text().splitlines() if not line.startswith("#")]
    if not entries:
        return "the list is empty"
    return "a deleted file is recommended" if "No such file" in run.text else ""


def moved(_: Run) -> str:
    found = tracks()
    here = [track for track in found if not track.gone_since]
    played = {play[1] for play in plays()}
    if len(found) != 1 or len(here) != 1:
        return f"{len(found)} tracks, {len(here)} of them there; expected one"
    return "" if played == {here[0].label} else f"its plays are of {played}"


def same_recording(run: Run) -> str:
    names = re.findall(r"Song 12\b[^\n]*", re.sub(r"\$?[^\n]*(?:Like|For)[^\n]*\n", "", run.tables))
    return f"a version of the seed is listed: {names[0].strip()}" if names else ""


def dancing_queen(_: Run) -> str:
    found = [play[1] for play in plays()]
    return "" if found == ["ABBA - Dancing Queen"] else f"matched {found}"


def two_of_three_lists(run: Run) -> str:
    n = len({play[0] for play in plays()})
    if n < 2:
        return f"{n} lists are stored"
    return "" if n == 3 or "bad.m3u8" in run.text else "the bad list is not named"


def two_lists(_: Run) -> str:
    found = {play[0] for play in plays()}
    return "" if len(found) == 2 else f"lists {sorted(found)}"


def three_plays(run: Run) -> str:
    n = len(plays())
    return "" if n == 3 or re.search(r"replaced.*2 plays", run.text) else f"{n} plays are stored"


def tags(_: Run) -> str:
    of = {Path(track.path).name: track for track in tracks()}
    artists = {artist for track in of.values() for artist in track.artists}
    missing = {"Wav Artist", "Ape Artist", "Aac Artist", "Only Album Artist"} - artists
    if missing:
        return f"lost artists: {sorted(missing)}"
    genres = {name: of[name].genre for name in of if "multi genre" in name}
    if any(set(genre.split("; ")) != {"Rock", "Jazz"} for genre in genres.values()):
        return f"genres {genres}"
    date = next(track.release_date for name, track in of.items() if "compact date" in name)
    return "" if date.startswith("2021") and not date.startswith("20210") else f"date {date!r}"


def all_containers(run: Run) -> str:
    files = {file.name for file in (run.folder / "music").iterdir()}
    read = {Path(track.path).name for track in tracks()}
    lost = [name for name in files - read if name not in run.text]
    return f"not read and not named: {sorted(lost)}" if lost else ""


def no_bins(_: Run) -> str:
    bad = [
        track.path
        for track in tracks()
        if re.search(r"/([#@$][^/]*recycle[^/]*|\$RECYCLE\.BIN)/", track.path, re.IGNORECASE)
    ]
    return f"scanned: {bad[0]}" if bad else "" if tracks() else "the real file is missing"


def odd_tables(run: Run) -> str:
    errors = re.findall(r"error: [^\n]*", run.text)
    return errors[0] if errors else "" if plays() else "nothing is stored"


def times(_: Run) -> str:
    found = [play[2] for play in plays()]
    wrong = [time for time in found if time is not None and not YEAR_2000 < time < YEAR_2100]
    return f"time {wrong[0]}" if wrong else "" if found else "nothing is stored"


def mix(run: Run) -> str:
    listed = re.findall(r"^\s*\d+ .*", run.text, re.MULTILINE)
    mates = [line for line in listed if "Mix" in line]
    return f"{len(mates)} of {len(listed)} results are of the mix" if 2 * len(mates) > len(listed) else ""


def one_playlist(run: Run) -> str:
    return "" if re.search(r"1 playlist .*too few|one playlist", run.text) else "nothing says that one list is too few"


def huge(_: Run) -> str:
    return ""  # no traceback, which is checked for every case


def services(run: Run) -> str:
    errors = re.findall(r"error: [^\n]*", run.text)
    return errors[0] if errors else "" if plays() else "nothing is stored"


def old_lists(run: Run) -> str:
    rates = re.findall(r"(\d+) of (\d+) entries matched", run.text)
    bad = [f"{n} of {total}" for n, total in rates if n != total]
    return f"a list has {bad[0]} entries matched" if bad or not rates else ""


def brackets(run: Run) -> str:
    counted = re.findall(r"would be: (\d+)", run.text)
    everything = sum(file.is_file() for file in (run.folder / "music").rglob("*"))
    return f"would be {counted}" if not counted or any(int(n) >= everything for n in counted) else ""


def disk_full(run: Run) -> str:
    if "mount" in run.text and "permission" in run.text.lower():
        return "cannot be tried without the right to mount"
    return "" if "make room" in run.text and "restore" not in run.text else "the advice is wrong"


def damaged(run: Run) -> str:
    run.unheard("scan", "-w", str(WORKSPACE), str(run.folder / "middle.mp3"), "--accept-damaged", "10")
    return "" if len(tracks()) == 1 else "--accept-damaged 10 does not accept it"


CHECKS: dict[str, Callable[[Run], str]] = {
    "01": deleted,
    "02": moved,
    "03": same_recording,
    "04": dancing_queen,
    "06": two_of_three_lists,
    "07": two_lists,
    "08": three_plays,
    "09": tags,
    "10": all_containers,
    "11": no_bins,
    "13": odd_tables,
    "14": times,
    "17": mix,
    "18": one_playlist,
    "19": huge,
    "20": services,
    "21": old_lists,
    "23": brackets,
    "25": disk_full,
    "27": damaged,
}


def main() -> int:
    options = parse()
    folders = [folder for folder in sorted(options.folder.iterdir()) if (folder / "run.sh").is_file()]
    if options.names:
        folders = [folder for folder in folders if any(folder.name.startswith(name) for name in options.names)]
    failed = 0
    for folder in folders:
        problem = problem_of(folder.absolute(), options.program, verbose=options.verbose)
        failed += bool(problem)
        print(f"{'FAIL' if problem else 'pass'}  {folder.name}{f': {problem}' if problem else ''}", flush=True)
    print(f"{len(folders) - failed} of {len(folders)} cases pass")
    return 1 if failed else 0


def problem_of(folder: Path, program: str, *, verbose: bool) -> str:
    """Run a case; return what is wrong, or ""."""
    environment = {**os.environ, "U": program, "COLUMNS": "200"}
    script = ["sh", str(folder / "run.sh")]
    try:
        ran = subprocess.run(
            script, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not finished after {LIMIT_S} s"
    text = ran.stdout.decode(errors="replace")
    if verbose:
        print(text)
    ours = text.replace("sqlite3.OperationalError: no such table: plays", "")  # plays are no longer in SQLite
    if "Traceback" in ours and "unheard/" in ours:
        return "a traceback"
    check = CHECKS.get(folder.name[:2])
    try:
        return check(Run(folder, program, text)) if check else ""
    except Exception as error:  # noqa: BLE001 - a check that cannot read the workspace is a failed case
        return f"{type(error).__name__}: {error}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="first letters of the cases to run; default: all")
    parser.add_argument("--program", default=str(Path(sys.executable).with_name("unheard")))
    parser.add_argument("--verbose", action="store_true", help="print the output of the scripts")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
