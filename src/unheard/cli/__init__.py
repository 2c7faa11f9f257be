"""The command line of unheard, one command per stage; commands parse options and call the library."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import sys

STOPPED = "stopped; completed work is stored, and the same command continues from there"
FULL = "error: the disk is full; make room and run the same command again"


def main() -> None:
    """Run `unheard`; whatever happens to its output, and whenever it is stopped, it says so in one line at most."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - closed by whoever started this
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that the encoding of a log lacks are no reason to stop
            stream.reconfigure(errors="backslashreplace")
    gc.disable()  # nothing that imports make is garbage; a command turns it on again
    code: object = 0
    try:
        from unheard.cli.app import app

        try:
            app()
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()  # here, where a full disk or a closed pipe can be said
    except KeyboardInterrupt:  # while modules are loaded, too
        code = _end(STOPPED, 130)
    except BrokenPipeError:  # `unheard ... | head -1` has read enough
        code = _end("", code or 0)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        code = _end(FULL, 2)
    except MemoryError:
        code = _end("error: not enough memory; free some, or name fewer or smaller files", 1)
    sys.exit(code)  # type: ignore[arg-type]


def _end(message: str, code: object) -> object:
    """Print a message if one can be printed, give up what is still to be written to stdout, and return the code."""
    if message:
        with contextlib.suppress(OSError):
            sys.stderr.write(message + "\n")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return code
