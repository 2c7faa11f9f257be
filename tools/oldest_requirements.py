"""Print the oldest version that pyproject.toml allows of every direct dependency, as requirements for pip.

`pip install -r` of these fails for a bound that has no wheel or does not go with the others.
Extras are arguments: `python tools/oldest_requirements.py spotify`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
# A name, its lower bound or pin, and perhaps an upper bound and a marker.
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:>=|==)\s*(?P<version>[\w.]+)[^;]*(?P<marker>;.*)?")


def oldest(requirement: str) -> str:
    """`name>=1.2,<3; marker` as `name==1.2; marker`; ValueError if it has no lower bound."""
    match = REQUIREMENT.fullmatch(requirement.strip())
    if match is None:
        raise ValueError(f"{requirement!r}: expected a lower bound, as in `name>=1.2`")
    return f"{match['name']}=={match['version']}{match['marker'] or ''}"


def main(extras: list[str]) -> None:
    """Print them, those of the extras last."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    requirements = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    print("\n".join(oldest(requirement) for group in requirements for requirement in group))


if __name__ == "__main__":
    main(sys.argv[1:])
