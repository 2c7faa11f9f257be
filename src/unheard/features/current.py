"""Read features that are up to date: made by the installed extractor, from the present content of the file."""

from __future__ import annotations

from collections.abc import Mapping

from unheard.features.store import Features, FeatureStore
from unheard.features.table import installed, load_extractor
from unheard.library import Tracks
from unheard.workspace import Workspace


def current_features(workspace: Workspace, tracks: Tracks, kind: str) -> Features:
    """Return the features of a kind that `tracks` have, ordered by track id.

    Vectors that another version of the extractor made, or from another content of the file, are left out; so are all of
    a kind whose package is not installed any more.
    """
    if kind not in installed():
        return FeatureStore(workspace.features_dir).read(kind, current={})
    extractor = load_extractor(kind)
    hashes = source_hashes(tracks, from_audio=extractor.sample_rate_hz is not None)
    return FeatureStore(workspace.features_dir).read(kind, version=extractor.version, current=hashes)


def source_hashes(tracks: Tracks, *, from_audio: bool = True) -> Mapping[str, str]:
    """Return what the features of each track have to be made from, by track id: "" if they are not made from audio."""
    return {track.track_id: track.source_hash if from_audio else "" for track in tracks.items}
