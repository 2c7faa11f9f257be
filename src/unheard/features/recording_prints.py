"""Read the features that identify recordings, fingerprint and signature, of the tracks that have both."""

from __future__ import annotations

from unheard.features.current import current_features
from unheard.features.mel_features import AcousticFingerprint, Signature
from unheard.ids import IdMap
from unheard.library import Tracks
from unheard.spectrograms.same_recording import Prints
from unheard.workspace import Workspace


def stored_prints(workspace: Workspace, tracks: Tracks) -> tuple[IdMap, Prints]:
    """Return ids in order, and their fingerprints (n, 384) and signatures (n, 257)."""
    fingerprints, signatures = (
        current_features(workspace, tracks, part.kind) for part in (AcousticFingerprint, Signature)
    )
    ids = IdMap(track_id for track_id in fingerprints.ids if track_id in signatures.ids)
    if not len(ids):
        return ids, Prints(fingerprints.values[:0], signatures.values[:0])
    return ids, Prints(fingerprints.values[fingerprints.ids.rows(ids)], signatures.values[signatures.ids.rows(ids)])


def prints_by_id(workspace: Workspace, tracks: Tracks) -> dict[str, Prints]:
    """Return fingerprint and signature of each track by its id."""
    ids, prints = stored_prints(workspace, tracks)
    return {name: Prints(prints.fingerprint[row], prints.signature[row]) for row, name in enumerate(ids)}
