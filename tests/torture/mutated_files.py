"""Read thousands of damaged files with the readers of unheard, and count what becomes of them.

    python -m tests.torture.mutated_files --files 20000 --out torture.json [--seed 0] [--workers 2] [--keep FOLDER]

Each file is a small valid one (originals.py) after some seeded mutations (mutations.py). It is read in a forked process
whose address space is bounded, and which alarms end: after 10 s of processor time, or a minute (a busy machine is no
fault). Outcomes:

    read         the reader returned
    refused      it raised an error of unheard, of one line
    crash        the process ended
    hang         it took longer
    memory       it asked for more than 3 GiB
    exception    it raised another exception, or a message of several lines

The last four must not occur: exit code 1 if one does. `--keep` is a folder for those files. The JSON file has the
counts of each kind, and the number of each file that did harm.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.torture.mutations import mutated
from tests.torture.originals import Original, write_originals
from unheard.errors import UnheardError
from unheard.ingest import limited

LIMIT_S, WALL_LIMIT_S = 10, 60
MEMORY_BYTES = 3 << 30  # above what is mapped when a process begins
HARM = ("crash", "hang", "memory", "exception")


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    number: int
    kind: str
    outcome: str
    detail: str = ""


def run(folder: Path, *, n_files: int, seed: int = 0, workers: int = 1, kept: Path | None = None) -> list[Outcome]:
    """Read `n_files` damaged files; they are written below `folder`, one after the other over the same names.

    kept  a folder for the files that did harm
    """
    os.environ["UNHEARD_CACHE"] = str(folder / "cache")
    found: list[Outcome] = []
    originals = write_originals(folder / "originals")
    contents = [original.path.read_bytes() for original in originals]
    running = [
        _Child(
            _copied(originals, folder / "originals", folder / f"worker {n}"), contents, range(n, n_files, workers), seed
        )
        for n in range(workers)
    ]
    while running:
        for child in list(running):
            found += child.collect()
            if child.done:
                running.remove(child)
    for one in found:
        if kept is not None and one.outcome in HARM:
            which, data = damaged(originals, contents, one.number, seed)
            (kept / f"{one.number}-{originals[which].path.name}").write_bytes(data)
    return sorted(found, key=lambda one: one.number)


def _copied(originals: Sequence[Original], folder: Path, copy: Path) -> list[Original]:
    """Return the same files in a copy of their folder."""
    shutil.copytree(folder, copy)
    return [replace(one, path=copy / one.path.relative_to(folder)) for one in originals]


def damaged(originals: Sequence[Original], contents: Sequence[bytes], number: int, seed: int) -> tuple[int, bytes]:
    """Return which original the file of a number is made of, and its bytes."""
    rng = np.random.default_rng((seed, number))
    which = number % len(originals)
    return which, mutated(contents[which], rng, contents[int(rng.integers(len(contents)))])


class _Child:
    """A forked process that reads its files in turn, and is replaced when a file ends it."""

    def __init__(self, originals: Sequence[Original], contents: Sequence[bytes], numbers: range, seed: int) -> None:
        self._originals, self._contents, self._numbers, self._seed, self._at = originals, contents, numbers, seed, 0
        self._start()

    @property
    def done(self) -> bool:
        return self._at >= len(self._numbers)

    def collect(self) -> Iterator[Outcome]:
        """Yield the outcomes that are there, at least one."""
        number = self._numbers[self._at] if not self.done else -1
        line = self._lines.readline()
        if line:
            self._at += 1
            yield Outcome(*json.loads(line))
        else:
            status = os.waitpid(self._pid, 0)[1]
            if self.done:
                return
            ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            outcome = "hang" if ended in {signal.SIGALRM, signal.SIGPROF} else "crash"
            which = number % len(self._originals)
            yield Outcome(number, self._originals[which].kind, outcome, f"status {status}")
            self._at += 1
            if not self.done:
                self._start()
        if self.done:
            self._lines.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)

    def _start(self) -> None:
        read, write = os.pipe()
        sys.stdout.flush()
        self._pid = os.fork()
        if not self._pid:
            os.close(read)
            self._read_all(write)
        os.close(write)
        self._lines = os.fdopen(read)

    def _read_all(self, descriptor: int) -> None:
        """Run in the process: read one file after the other, and write a line about each."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        warnings.filterwarnings("error", category=RuntimeWarning)  # they are lines that nobody asked for
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, resource.RLIM_INFINITY))
        with os.fdopen(descriptor, "w") as out:
            for number in self._numbers[self._at :]:
                which, data = damaged(self._originals, self._contents, number, self._seed)
                original = self._originals[which]
                original.path.write_bytes(data)
                outcome = _outcome(original)
                original.path.write_bytes(self._contents[which])
                out.write(json.dumps([number, original.kind, *outcome]) + "\n")
                out.flush()
        limited.stop()
        os._exit(0)


def _outcome(original: Original) -> tuple[str, str]:
    signal.alarm(WALL_LIMIT_S)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        original.read(original.path)
    except UnheardError as error:
        return ("exception", f"{error!r}") if "\n" in str(error).strip() else ("refused", "")
    except MemoryError:
        return "memory", traceback.format_exc()
    except Exception:  # noqa: BLE001 - what this program looks for
        return "exception", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "read", ""


def summary(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """Return the counts of each kind, and what did harm."""
    kinds: dict[str, Counter[str]] = {}
    for one in outcomes:
        kinds.setdefault(one.kind, Counter())[one.outcome] += 1
    harm = [vars(one) for one in outcomes if one.outcome in HARM]
    total = Counter(one.outcome for one in outcomes)
    return {"seed": seed, "files": len(outcomes), "total": total, "kinds": dict(sorted(kinds.items())), "harm": harm}


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged files, and count what becomes of them.")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("torture.json"))
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    start = time.monotonic()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(Path(folder), n_files=given.files, seed=given.seed, workers=given.workers, kept=given.keep)
    found = summary(outcomes, given.seed)
    given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    say = sys.stdout.write
    say(f"{given.files} files in {time.monotonic() - start:.0f} s: {dict(found['total'])}; see {given.out}\n")
    for one in found["harm"]:
        say(f"{one['number']} {one['kind']} {one['outcome']}: {(one['detail'].strip().splitlines() or [''])[-1]}\n")
    return 1 if found["harm"] else 0


if __name__ == "__main__":
    sys.exit(main())
