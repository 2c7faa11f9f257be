"""Read the features that identify recordings, fingerprint and signature, of the tracks that have both."""

from __future__ import annotations

import numpy as np

from unheard.features.current import current_features
from unheard.ids import IdMap
from unheard.library import Tracks
from unheard.spectrograms.same_recording import Prints, is_same_recording
from unheard.workspace import Workspace

FINGERPRINT, SIGNATURE = "acoustic-fingerprint", "signature"  # kinds
MAX_GAP_S = 5.0  # between the durations of a file and of a track that it is compared with


def stored_prints(workspace: Workspace, tracks: Tracks) -> tuple[IdMap, Prints]:
    """Return ids in order, and their fingerprints (n, 384) and signatures (n, 257)."""
    fingerprints, signatures = (current_features(workspace, tracks, kind) for kind in (FINGERPRINT, SIGNATURE))
    if fingerprints.ids == signatures.ids:  # as after a scan; large libraries are not copied
        return fingerprints.ids, Prints(fingerprints.values, signatures.values)
    ids = IdMap(track_id for track_id in fingerprints.ids if track_id in signatures.ids)
    if not len(ids):
        return ids, Prints(fingerprints.values[:0], signatures.values[:0])
    return ids, Prints(fingerprints.values[fingerprints.ids.rows(ids)], signatures.values[signatures.ids.rows(ids)])


def ids_of_recording(workspace: Workspace, tracks: Tracks, prints: Prints) -> list[str]:
    """Return the ids of the tracks that are the same recording as a file from outside the library."""
    ids, stored = stored_prints(workspace, tracks)
    near = np.flatnonzero(np.abs(stored.signature[:, -1] - prints.signature[-1]) <= MAX_GAP_S) if len(ids) else ()
    return [
        ids[int(row)]
        for row in near
        if is_same_recording(prints, Prints(stored.fingerprint[row], stored.signature[row]))
    ]


def prints_by_id(workspace: Workspace, tracks: Tracks) -> dict[str, Prints]:
    """Return fingerprint and signature of each track by its id."""
    ids, prints = stored_prints(workspace, tracks)
    return {name: Prints(prints.fingerprint[row], prints.signature[row]) for row, name in enumerate(ids)}
