"""Fuzz the parsers of parsers.py with atheris, which is led by the lines that an input reaches.

    pip install unheard[torture]
    python -m tests.torture.fuzz_parsers [--seconds 30] [NAME ...]

Each parser runs in a process of its own for so many seconds. An input that raises another error than ours, or takes ten
seconds or 2 GB, is written to a file `crash-...` beside, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def fuzz(name: str, seconds: int, corpus: Path) -> None:
    """Fuzz one parser in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["unheard"]):
        from tests.torture import parsers

    for number, word in enumerate(parsers.WORDS[name]):
        (corpus / f"word {number}").write_bytes(word)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: parsers.check(name, data))
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz our own parsers with atheris.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.corpus:
        fuzz(given.names[0], given.seconds, given.corpus)
    from tests.torture.parsers import PARSERS

    failed = []
    for name in given.names or PARSERS:
        with tempfile.TemporaryDirectory() as corpus:
            command = [sys.executable, "-m", "tests.torture.fuzz_parsers", name]
            done = subprocess.run(
                [*command, "--seconds", str(given.seconds), "--corpus", corpus],
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        runs = next((line.split()[-1] for line in done.stdout.splitlines() if "number_of_executed_units" in line), "?")
        sys.stdout.write(f"{name}: {runs} inputs, {'no fault' if not done.returncode else 'FAILED'}\n")
        if done.returncode:
            failed.append(name)
            sys.stdout.write("\n".join(done.stdout.splitlines()[-40:]) + "\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
