"""Kill real `unheard` commands at random moments, run them again, and compare the workspace with an undisturbed one.

    python -m tests.torture.kill_moments --kills 100 -o kills.json     (make torture KILLS=100)
    python -m tests.torture.kill_moments --show kills.json

Each stage starts from the workspace that the stage before it left. A kill is SIGKILL to the process of the command, not
to its workers, after a random share of the time that the undisturbed command took. Then the same command runs again to
its end. Of every kill one of these is counted:

    survived   the second run ends well, and the workspace is that of the undisturbed run (tests/builders/contents.py)
    failed     the second run ends with an error
    lost       a file or table is missing
    wrong      a file or table has other content

and besides: `touched`, kills after the command had changed something; `ended`, commands that were done before the kill;
`orphans`, kills after which a process lived on for more than 30 s; `leftovers`, temporary files or folders that were
there after the second run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.builders.command_line import RECIPE
from tests.builders.contents import contents
from tests.builders.processes import Finished, finish, run, start
from unheard.backup.archive import restore
from unheard.demo.generator import build_world

EARLIEST, LATEST = 0.3, 1.05  # shares of a command's time; before the first, Python imports modules
ORPHAN_S = 30.0
BLEND = """
name = "small"
about = "a blend for tests"
[[member]]
[member.reduced-rank]
[[member]]
artist = true
[member.shrinkage]
[[member]]
[member.two-tower]
output = 8
steps = 40
checks = 2
"""


@dataclass(frozen=True)
class Stage:
    """A command and the stage whose workspace it starts from; `result` returns what it made, by name."""

    name: str
    after: str
    words: tuple[object, ...]
    result: Callable[[Path], dict[str, str]] = lambda base: contents(base / "w")


@dataclass
class Counts:
    """What became of the kills of one stage."""

    kills: int = 0
    ended: int = 0
    touched: int = 0
    survived: int = 0
    failed: int = 0
    lost: int = 0
    wrong: int = 0
    orphans: int = 0
    leftovers: int = 0
    seconds: float = 0.0  # of the undisturbed command
    problems: list[str] = field(default_factory=list)


def stages(base: Path) -> list[Stage]:
    """Return all stages, in an order in which each follows the one that it starts from."""
    w, world = base / "w", base / "world"
    return [
        Stage("scan", "init", ("scan", "-w", w, world / "tracks.csv", "-j", 2)),
        Stage("import", "scan", ("import", "-w", w, world / "playlists.csv")),
        Stage("split", "import", ("split", "-w", w)),
        Stage("factors", "split", ("factors", "-w", w, "--dim", 8, "--iterations", 100)),
        Stage("features", "factors", ("features", "-w", w, "--kind", "chroma", "--kind", "mfcc", "-j", 2)),
        Stage("train network", "factors", ("train", "-w", w, base / "tiny.toml", "--split", "artists")),
        Stage("train blend", "factors", ("train", "-w", w, base / "small.toml", "--split", "artists")),
        Stage("map", "train blend", ("map", "-w", w, "--split", "artists", "--model", "small")),
        Stage(
            "go",
            "init",
            ("go", world / "tracks.csv", world / "few.csv", "-w", w, "-o", base / "lists", "-j", 2),
            lambda base: contents(base / "w") | _lists(base / "lists"),
        ),
        Stage("backup", "train blend", ("backup", "-w", w, base / "copy.tar.zst", "--verify"), _restored),
    ]


def _lists(folder: Path) -> dict[str, str]:
    return {f"lists/{path.name}": path.read_text() for path in folder.glob("*.m3u8")}


def _restored(base: Path) -> dict[str, str]:
    shutil.rmtree(base / "restored", ignore_errors=True)
    restore(base / "copy.tar.zst", base / "restored")
    found = contents(base / "restored")
    shutil.rmtree(base / "restored")
    return found


class Torture:
    """A folder with a world, a workspace at `w`, and copies of the workspace after every stage."""

    def __init__(self, base: Path, seed: int) -> None:
        self.base, self.random = base, random.Random(seed)
        self.env = {"UNHEARD_BF16": "off", "TMPDIR": str(base / "scratch")}
        (base / "scratch").mkdir()
        build_world(base / "world", n_bands=14, n_tracks=42, n_playlists=150, seconds=4.0, jobs=1)
        lines = (base / "world" / "playlists.csv").read_text().splitlines(keepends=True)
        ids = list(dict.fromkeys(line.split(",")[0] for line in lines))[:41]  # the title and 40 playlists:
        few = [line for line in lines if line.split(",")[0] in ids]  # too few for `go` to train
        (base / "world" / "few.csv").write_text("".join(few))
        (base / "tiny.toml").write_text(RECIPE)
        (base / "small.toml").write_text(BLEND)
        run("init", "-w", base / "after" / "init")

    def reset(self, stage: Stage) -> None:
        """Put the workspace of the stage before in place, at the same path each time."""
        for name in ("w", "lists"):
            shutil.rmtree(self.base / name, ignore_errors=True)
        (self.base / "copy.tar.zst").unlink(missing_ok=True)
        shutil.copytree(self.base / "after" / stage.after, self.base / "w")

    def undisturbed(self, stage: Stage) -> tuple[dict[str, str], float]:
        """Run a stage, keep its workspace for later ones, and return what it made and its seconds."""
        self.reset(stage)
        began = time.monotonic()
        done = run(*stage.words, env=self.env)
        seconds = time.monotonic() - began
        assert done.code == 0, (stage.name, done)
        result = stage.result(self.base)
        shutil.copytree(self.base / "w", self.base / "after" / stage.name)
        return result, seconds

    def kill_once(self, stage: Stage, expected: dict[str, str], counts: Counts) -> None:
        """Kill the stage's command at a random moment, run it again, and count what became of it."""
        self.reset(stage)
        before = self.listing()
        share = self.random.uniform(EARLIEST, LATEST)
        process = start(*stage.words, env=self.env)
        try:
            process.wait(timeout=share * counts.seconds)
            counts.ended += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        counts.touched += self.listing() != before
        again = self.after_kill(process, stage, counts)
        counts.kills += 1
        moment = f"{stage.name}, killed at {share:.3f} of {counts.seconds:.1f} s"
        if again.code != 0:
            counts.failed += 1
            counts.problems.append(f"{moment}: exit code {again.code}, {again.error}")
            return
        found = stage.result(self.base)
        missing, differing = expected.keys() - found.keys(), [k for k in found if found[k] != expected.get(k)]
        if missing or differing:
            counts.lost += bool(missing)
            counts.wrong += not missing
            counts.problems.append(f"{moment}: missing {sorted(missing)}, other content {sorted(differing)}")
        else:
            counts.survived += 1
        left = [str(path) for path in (*self.base.glob("**/.*.partial"), *(self.base / "scratch").glob("unheard-*"))]
        left = [path for path in left if "/after/" not in path]
        counts.leftovers += bool(left)
        counts.problems += [f"{moment}: left {path}" for path in left]

    def after_kill(self, process: subprocess.Popen[str], stage: Stage, counts: Counts) -> Finished:
        """Run a killed command again, and see whether a process of the first run outlives both."""
        again = run(*stage.words, env=self.env)
        end_s = time.monotonic() + ORPHAN_S
        while (alive := _processes_of(process.pid)) and time.monotonic() < end_s:
            time.sleep(0.1)
        counts.orphans += bool(alive)
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        finish(process)
        return again

    def listing(self) -> dict[str, tuple[int, int]]:
        """Return size and time of every file below the workspace and of what is written beside it."""
        folders = [self.base / name for name in ("w", "lists", "scratch")]
        paths = [path for folder in folders for path in folder.rglob("*")] + list(self.base.glob("*copy*"))
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in paths
            if path.is_file() and path.parent.name != "locks"
        }


def _processes_of(group: int) -> list[int]:
    """Return the living processes of a group, without those that have ended and were not waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def torture(base: Path, *, kills: int, seed: int, only: list[str]) -> dict[str, Any]:
    """Run all stages, or `only` some, with `kills` kills each, and return the counts."""
    tortured, found = Torture(base, seed), {}
    for stage in stages(base):
        expected, seconds = tortured.undisturbed(stage)
        if only and stage.name not in only:
            continue
        counts = Counts(seconds=round(seconds, 2))
        for _ in range(kills):
            tortured.kill_once(stage, expected, counts)
        found[stage.name] = asdict(counts)
        sys.stderr.write("\n  ".join([row(stage.name, found[stage.name]), *counts.problems]) + "\n")
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    return {"seed": seed, "kills": kills, "machine": machine, "stages": found}


COLUMNS = ("kills", "touched", "ended", "survived", "failed", "lost", "wrong", "orphans", "leftovers", "seconds")


def row(name: str, counts: dict[str, Any]) -> str:
    """Return a line of the table of results."""
    return f"| {name} | " + " | ".join(str(counts[column]) for column in COLUMNS) + " |"


def table(results: dict[str, Any]) -> str:
    """Return the results as a table in Markdown."""
    lines = [f"| stage | {' | '.join(COLUMNS)} |", "|---" + "|---:" * len(COLUMNS) + "|"]
    return "\n".join([*lines, *(row(name, counts) for name, counts in results["stages"].items())])


def main() -> None:
    """Read the command line, run, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=3, help="of each stage (3; a full run: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", action="append", default=[], help="only this stage (repeatable)")
    parser.add_argument("-o", "--output", type=Path, help="JSON file of the results")
    parser.add_argument("--show", type=Path, help="print the table of such a file and stop")
    options = parser.parse_args()
    if options.show:
        sys.stdout.write(table(json.loads(options.show.read_text())) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        results = torture(Path(folder).resolve(), kills=options.kills, seed=options.seed, only=options.stage)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    sys.stdout.write(table(results) + "\n")
    bad = ("failed", "lost", "wrong", "orphans", "leftovers")
    if any(counts[name] for counts in results["stages"].values() for name in bad):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
