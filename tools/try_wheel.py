"""Install a wheel into an empty environment, as a stranger would, and run what a stranger runs first.

    python tools/try_wheel.py dist/unheard-0.1.0-py3-none-any.whl [--torch-index URL]

Nothing of the checkout can be imported there. Prints how long each step took, and the size of the environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Return the exit code: 1 if a step failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--torch-index", help="where a small PyTorch for CPUs is, if pip should not choose")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        folder = Path(name)
        where = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        index = ["--extra-index-url", given.torch_index] if given.torch_index else []
        steps: list[list[object]] = [
            [sys.executable, "-m", "venv", folder / "venv"],
            [where / "pip", "install", "--quiet", "--disable-pip-version-check", *index, given.wheel.resolve()],
            [where / "unheard", "--version"],
            [where / "unheard", "doctor"],
            [where / "unheard", "demo", folder / "demo"],
        ]
        environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        for words in steps:
            shown = " ".join(str(word) for word in words).replace(f"{folder}{os.sep}", "")
            began = time.monotonic()
            done = subprocess.run([str(word) for word in words], cwd=folder, env=environment, check=False)
            print(f"{time.monotonic() - began:6.1f} s  {shown}", flush=True)
            if done.returncode:
                return 1
        size = sum(path.stat().st_size for path in (folder / "venv").rglob("*") if path.is_file())
        print(f"{size / 1e9:.2f} GB of environment, Python {sys.version.split()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
