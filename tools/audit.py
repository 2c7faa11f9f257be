"""Look the packages of a lock file up among known vulnerabilities, with pip-audit.

    python tools/audit.py requirements.lock

Exit codes: 0 none known; 1 some are, and each is printed; 3 the service could not be asked, or did not know packages:
then nothing is proven, and the message says so. pip-audit itself ends with 0 in that last case.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SERVICES = ("pypi", "osv")
FOUND, NOT_AUDITED = 1, 3


def asked(lock: str, service: str) -> list[Mapping[str, Any]] | None:
    """Return what a service knows of each package; None if it could not be asked."""
    command = [sys.executable, "-m", "pip_audit", "-r", lock, "-s", service, "--no-deps", "--disable-pip", "-f", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[Mapping[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return found


def verdict(packages: Sequence[Mapping[str, Any]] | None) -> tuple[int, list[str]]:
    """Return the exit code for what a service knows, and lines to print."""
    if packages is None:
        return NOT_AUDITED, ["NOT AUDITED: the service of vulnerabilities cannot be reached; run it with a network"]
    lines = [
        f"{one['name']} {one['version']}: {known['id']}, fixed in {', '.join(known['fix_versions']) or 'no version'}"
        for one in packages
        for known in one.get("vulns", ())
    ]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    if skipped:
        some = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        lines.append(f"NOT AUDITED: the service does not know {len(skipped)} of {len(packages)} packages ({some})")
    if any("skip_reason" not in one and one.get("vulns") for one in packages):
        return FOUND, lines
    return (NOT_AUDITED if skipped else 0), lines or [f"{len(packages)} packages, no known vulnerability"]


def main(lock: str) -> int:
    """Ask one service after the other until one knows all packages."""
    code, lines = NOT_AUDITED, ["NOT AUDITED"]
    for service in SERVICES:
        code, lines = verdict(asked(lock, service))
        print(f"pip-audit, {service}: {'; '.join(lines[-1:])}")
        if code != NOT_AUDITED:
            break
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
