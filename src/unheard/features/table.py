"""Which kinds of features there are: a table of our own extractors, and the entry points of installed packages.

An entry point in the group `unheard.features` has the kind as its name and `module:Class` as its value, as in the table
below. A class is imported when its kind is first used, so that torch is only loaded by those who need it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from unheard.errors import UserError
from unheard.features.extractor import KIND, RESERVED_KINDS, FeatureExtractor, checked_extractor

GROUP = "unheard.features"
VECTORS = "vectors"
BUILT_IN: Mapping[str, str] = {
    "statistics": "unheard.features.mel_features:Statistics",
    "signature": "unheard.features.mel_features:Signature",
    VECTORS: "unheard.features.user_vectors:UserVectors",
    "musicnn": "unheard.features.musicnn_features:MusicnnMsd",
    "musicnn-mtt": "unheard.features.musicnn_features:MusicnnMtt",
    "chroma": "unheard.features.chroma:Chroma",
}
SCANNED_KINDS = ("statistics", "signature")  # which every scan makes
DEFAULT_KINDS = ("musicnn",)  # which `unheard features` makes unless it is told others
FINGERPRINTS = frozenset({"signature"})  # they tell recordings apart, and say nothing of how music sounds


@dataclass(frozen=True)
class Installed:
    """Where the extractor of a kind comes from."""

    kind: str
    path: str  # module:Class
    package: str  # name and version of its distribution

    @property
    def source(self) -> str:
        """How messages name it."""
        return f"package {self.package}, features {self.kind!r} ({self.path})"


def installed() -> Mapping[str, Installed]:
    """Return every kind that can be used, our own first; UserError if two packages define one."""
    return _installed(tuple(sys.path))


def load_extractor(kind: str) -> FeatureExtractor:
    """Return the extractor of a kind, the same object every time; UserError if it is unknown or broken."""
    check_kinds([kind], "features")
    return _loaded(installed()[kind], tuple(sys.path))


def check_kinds(kinds: Iterable[str], where: str) -> None:
    """Raise UserError, which begins with `where`, if a kind is not installed."""
    known = installed()
    for kind in kinds:
        if kind not in known:
            raise UserError(
                f"{where}: no features {kind!r}; use one of {', '.join(known)}, or install the package that makes them"
            )


def from_audio(kind: str) -> bool:
    """Whether vectors of this kind can be made from an audio file."""
    return kind in installed() and load_extractor(kind).sample_rate_hz is not None


def recipe_kinds() -> list[str]:
    """Return the kinds that a recipe reads if it names none: all that say how music sounds."""
    return [kind for kind in installed() if kind not in FINGERPRINTS]


def how_to_make(kind: str, root: object) -> str:
    """Return what to do in the workspace `root` so that its tracks have features of this kind."""
    if kind == VECTORS:
        return "scan a vectors file"
    if kind in SCANNED_KINDS:
        return f"run `unheard scan -w {root} MUSIC`"
    return f"run `unheard features -w {root} --kind {kind}`"


@lru_cache(maxsize=4)
def _installed(_path: tuple[str, ...]) -> Mapping[str, Installed]:
    """As `installed`, once for each search path."""
    found = {kind: Installed(kind, path, "unheard") for kind, path in BUILT_IN.items()}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = _package(point)
        if not KIND.fullmatch(point.name) or point.name in RESERVED_KINDS:
            raise UserError(
                f"package {package}, entry point {point.name!r}: expected lower-case letters, digits and hyphens, and "
                f"none of {', '.join(sorted(RESERVED_KINDS))}; rename or uninstall it"
            )
        if point.name in found:
            raise UserError(
                f"package {package}: features {point.name!r} are defined by package {found[point.name].package} "
                "already; uninstall one of them"
            )
        found[point.name] = Installed(point.name, point.value, package)
    return found


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "(unknown)"


@lru_cache(maxsize=64)
def _loaded(entry: Installed, _path: tuple[str, ...]) -> FeatureExtractor:
    try:
        made = EntryPoint(entry.kind, entry.path, GROUP).load()()
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        raise UserError(f"{entry.source}: cannot be loaded ({detail}); mend or uninstall it") from error
    return checked_extractor(made, entry.kind, entry.source)
