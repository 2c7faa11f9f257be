"""List the kinds of features: the built-in extractors, those of installed packages, and trained networks.

An entry point in the group `unheard.features` has the kind as its name and `module:Class` as its value, as in the table
below. A class is imported when its kind is first used, so that torch is loaded only if it is needed.

The embeddings of a trained network have the kind `encoder@<split>@<model>`. Such kinds belong to one workspace, so they
are not among those of `installed`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, cast

from unheard.errors import UserError, quoted
from unheard.features.extractor import KIND, RESERVED_KINDS, FeatureExtractor, checked_extractor
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "unheard.features"
VECTORS = "vectors"
BUILT_IN: Mapping[str, str] = {
    "statistics": "unheard.features.mel_features:Statistics",
    "mfcc": "unheard.features.mel_features:Mfcc",
    "signature": "unheard.features.mel_features:Signature",
    "acoustic-fingerprint": "unheard.features.mel_features:AcousticFingerprint",
    VECTORS: "unheard.features.user_vectors:UserVectors",
    "musicnn": "unheard.features.musicnn_features:MusicnnMsd",
    "musicnn-mtt": "unheard.features.musicnn_features:MusicnnMtt",
    "chroma": "unheard.features.chroma:Chroma",
}
ENCODER = "encoder"
ENCODER_PATH = "unheard.inference.encoder_features:EncoderFeatures"  # loaded by name: inference imports this room
SCANNED_KINDS = ("statistics", "signature", "acoustic-fingerprint")  # extracted by every scan
DEFAULT_KINDS = ("musicnn",)  # extracted by `unheard features` without --kind
# Read only by recipes that name them: two identify recordings, `mfcc` repeats a part of `statistics`.
NAMED_KINDS = frozenset({"signature", "acoustic-fingerprint", "mfcc"})


@dataclass(frozen=True)
class Installed:
    """The origin of an extractor."""

    kind: str
    path: str  # module:Class
    package: str  # name and version of its distribution

    @property
    def source(self) -> str:
        """The name of the extractor in messages."""
        return f"package {self.package}, features {self.kind!r} ({self.path})"


def installed() -> Mapping[str, Installed]:
    """Return every installed kind, built-in ones first; UserError if two packages define the same kind."""
    return _installed(tuple(sys.path))


def load_extractor(kind: str, workspace: Workspace | None = None) -> FeatureExtractor:
    """Return the extractor of a kind; UserError if it is unknown or broken.

    The kind of a trained network needs the workspace that has the model; MissingStageError if it is not trained.
    """
    check_kinds([kind], "features")
    if is_encoder(kind):
        assert workspace is not None
        return cast("FeatureExtractor", resolve_name(ENCODER_PATH)(kind, workspace))
    return _loaded(installed()[kind], tuple(sys.path))


def is_encoder(kind: str) -> bool:
    """Return whether a kind names the embeddings of a trained network."""
    parts = kind.split("@", 2)
    return len(parts) == 3 and parts[0] == ENCODER and all(parts[1:])


def encoder_kind(split: str, model: str) -> str:
    """Return the kind of the embeddings of a trained network."""
    return f"{ENCODER}@{split}@{model}"


def split_and_model(kind: str) -> tuple[str, str]:
    """Return the split and the model of the kind of a trained network."""
    _, split, model = kind.split("@", 2)
    return split, model


def check_kinds(kinds: Iterable[str], where: str) -> None:
    """Raise UserError, which begins with `where`, if a kind is neither installed nor that of a trained network."""
    known = installed()
    for kind in kinds:
        if kind not in known and not is_encoder(kind):
            raise UserError(
                f"{where}: no features {kind!r}; use one of {', '.join(known)}, {encoder_kind('SPLIT', 'MODEL')}, "
                "or install the package that extracts them"
            )


def from_audio(kind: str) -> bool:
    """Return whether vectors of this kind can be extracted from an audio file; False for unknown kinds."""
    return is_encoder(kind) or (kind in installed() and load_extractor(kind).sample_rate_hz is not None)


def recipe_kinds() -> list[str]:
    """Return the kinds that a recipe without a list reads: all installed kinds except `NAMED_KINDS`."""
    return [kind for kind in installed() if kind not in NAMED_KINDS]


def how_to_make(kind: str, root: Path | str) -> str:
    """Return the command that gives the tracks of the workspace `root` features of this kind."""
    if kind == VECTORS:
        return "scan a vectors file"
    if kind in SCANNED_KINDS:
        return f"run `unheard scan -w {quoted(root)} MUSIC`"
    return f"run `unheard features -w {quoted(root)} --kind {kind}`"


@lru_cache(maxsize=4)
def _installed(_path: tuple[str, ...]) -> Mapping[str, Installed]:
    """Return the same as `installed`, computed once for each search path."""
    from importlib.metadata import entry_points  # slow to import, and the help does not need it

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
    from importlib.metadata import EntryPoint

    try:
        made = EntryPoint(entry.kind, entry.path, GROUP).load()()
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        raise UserError(f"{entry.source}: cannot be loaded ({detail}); fix or uninstall the package") from error
    return checked_extractor(made, entry.kind, entry.source)
