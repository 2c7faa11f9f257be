"""Check and store spectrogram patches and vectors that users give instead of audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.errors import TableError
from unheard.features.current import source_hashes
from unheard.features.mel_features import vectors_of
from unheard.features.store import Features, FeatureStore
from unheard.features.user_vectors import UserVectors
from unheard.ids import IdMap
from unheard.ingest.patches import PatchFile, open_patches
from unheard.ingest.vectors import FIX_LENGTH
from unheard.library import Library, Track, Tracks
from unheard.scan.audio_extraction import ExtractedAudio
from unheard.scan.plan import merge_metadata
from unheard.spectrograms.files import encode
from unheard.spectrograms.front_end import mel_db_of_power
from unheard.workspace import Settings


def extract_stored_patches(path: Path, track_id: str, settings: Settings) -> ExtractedAudio:
    """Do what `extract_patches` does, with a file that stays open for the next track."""
    return extract_patches(open_patches(path, settings), track_id, settings)


def extract_patches(file: PatchFile, track_id: str, settings: Settings) -> ExtractedAudio:
    """Compute what a scan stores of one track of an HDF5 file; AudioError if its magnitudes cannot be used.

    Frames of zeros at the end are padding; they are left out unless the front end stores whole patches.
    """
    mel = encode((mel_db_of_power(power, settings) for power in _powers(file.patches(track_id), settings)), settings)
    statistics, signature, fingerprint = vectors_of(mel, settings, f"{file.path}#{track_id}")
    duration_s = len(mel) * settings.hop_length / settings.sample_rate
    return ExtractedAudio(mel, statistics, signature, fingerprint, duration_s, Track(track_id))


def _powers(patches: Iterable[NDArray[np.float32]], settings: Settings) -> Iterator[NDArray[np.float32]]:
    """Yield power spectra (frame, bin) of magnitude patches, patch by patch; at least one frame."""
    silent: list[NDArray[np.float32]] = []  # zeros that are padding unless sound follows
    for n, patch in enumerate(patches):
        power = patch * patch
        loud = np.flatnonzero(power.any(axis=1))
        n_loud = len(power) if settings.front_end == "parity" else int(loud[-1]) + 1 if len(loud) else int(n == 0)
        if n_loud > 0:
            yield from silent
            silent = []
            yield power[:n_loud]
        if n_loud < len(power):
            silent.append(power[n_loud:])


def store_vectors(
    features: FeatureStore,
    library: Library,
    path: Path,
    vectors: tuple[IdMap, NDArray[np.float32]],
    table_tracks: Mapping[str, Track],
) -> tuple[int, int]:
    """Store a user's vectors and their tracks; return how many are (new or changed, unchanged).

    Metadata of the library are kept; metadata in a table of this scan (`table_tracks`) replace them.
    """
    ids, matrix = vectors
    check_width(features, library, path, vectors)  # again: another table of this scan may have been stored
    tracks = library.tracks()
    stored = user_vectors(features, tracks)
    new: list[tuple[str, NDArray[np.float32]]] = []
    with library.transaction():
        for track_id, vector in zip(ids, matrix, strict=True):
            known = tracks[tracks.ids.row(track_id)] if track_id in tracks.ids else None
            merged = merge_metadata(known or Track(track_id), table_tracks.get(track_id, Track(track_id)))
            if merged != known:
                library.put_track(merged)
            if track_id not in stored.ids or not np.array_equal(stored.values[stored.ids.row(track_id)], vector):
                new.append((track_id, vector))
        remove_failures_of(library, ids)
    if new:
        names = [track_id for track_id, _ in new]
        kind, version = UserVectors.kind, UserVectors.version
        features.write(kind, version, names, np.stack([vector for _, vector in new]), [""] * len(new))
    return len(new), len(ids) - len(new)


def check_width(
    features: FeatureStore, library: Library, path: Path, vectors: tuple[IdMap, NDArray[np.float32]]
) -> None:
    """Raise TableError if the vectors have another length than those of other tracks in the library."""
    ids, matrix = vectors
    stored = user_vectors(features, library.tracks())
    kept = next((name for name in stored.ids if name not in ids), None)
    if kept is not None and (width := stored.values.shape[1]) != matrix.shape[1]:
        problem = f"vectors have {matrix.shape[1]} numbers, that of track {kept!r} in the library has {width}"
        raise TableError(path, problem, FIX_LENGTH)


def user_vectors(features: FeatureStore, tracks: Tracks) -> Features:
    """Return the vectors that users have given for these tracks."""
    return features.read(UserVectors.kind, current=source_hashes(tracks, from_audio=False))


def remove_failures_of(library: Library, ids: Iterable[str]) -> None:
    """Remove earlier failures of tracks that have an input now; duplicates stay."""
    usable = set(ids)
    for failure in library.failures():
        if failure.track_id in usable and not failure.duplicate_of:
            library.remove_failure(failure.path)
