"""The process of a job: a command of `unheard` with a low priority.

It leads a process group, so that its workers can be killed with it and a Ctrl-C reaches the server only. A session of
its own would do that too, but Linux divides the processor between sessions before it applies niceness (sched(7),
autogroup).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from unheard.read_below import variable_of

NICENESS = 10


def start(command: Sequence[str], log: Path, *, readable: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start `unheard` with these arguments, which may read in some folders; its output is appended to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - no shell; the arguments come from requests.py
            [sys.executable, "-m", "unheard", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "UNHEARD_PROGRESS": "json", "COLUMNS": "160", **variable_of(readable)},
            process_group=0,
        )
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return process


def started(pid: int) -> str:
    """Return the start time of a running process in clock ticks; empty if there is none, or no /proc."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] == "Z" else after_name[19]  # field 22 of proc(5), counted from the third


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to the process of a job; SIGKILL also goes to its workers."""
    with suppress(ProcessLookupError, PermissionError):
        if number == signal.SIGKILL:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
