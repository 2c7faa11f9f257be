"""Read features that are up to date: extracted by the current version of the extractor, from the current file."""

from __future__ import annotations

from collections.abc import Mapping

from unheard.features.store import Features, FeatureStore
from unheard.features.table import installed, is_encoder, load_extractor
from unheard.library import Tracks
from unheard.workspace import Workspace


def current_features(workspace: Workspace, tracks: Tracks, kind: str) -> Features:
    """Return the features of a kind that `tracks` have, ordered by track id.

    Vectors of another version of the extractor, or of another content of the file, are left out; so are all vectors of
    a kind whose package is not installed any more. MissingStageError for a network that is not trained.
    """
    if kind not in installed() and not is_encoder(kind):
        return FeatureStore(workspace.features_dir).read(kind, current={})
    extractor = load_extractor(kind, workspace)
    hashes = source_hashes(tracks, from_audio=extractor.sample_rate_hz is not None)
    return FeatureStore(workspace.features_dir).read(kind, version=extractor.version, current=hashes)


def source_hashes(tracks: Tracks, *, from_audio: bool = True) -> Mapping[str, str]:
    """Return the hash of the source of each track's features by track id; "" if the source is not audio."""
    return {track.track_id: track.source_hash if from_audio else "" for track in tracks.items}
