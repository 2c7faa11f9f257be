"""Store features of a test in a workspace, as a scan or `unheard features` does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from unheard.features.current import current_features, source_hashes
from unheard.features.store import Features, FeatureStore
from unheard.features.table import load_extractor
from unheard.library import open_library
from unheard.workspace import Workspace


def put_features(workspace: Workspace, kind: str, items: Iterable[tuple[str, NDArray[np.floating]]]) -> None:
    """Store a vector for each track id as current; a track that is not in the library has no source."""
    ids, vectors = zip(*items, strict=True)
    extractor = load_extractor(kind)
    with open_library(workspace.library_path) as library:
        hashes = source_hashes(library.tracks(), from_audio=extractor.sample_rate_hz is not None)
    store = FeatureStore(workspace.features_dir)
    store.write(kind, extractor.version, ids, np.stack(vectors), [hashes.get(track_id, "") for track_id in ids])


def get_features(workspace: Workspace, kind: str) -> Features:
    """Return the current features of the tracks of the library."""
    with open_library(workspace.library_path) as library:
        return current_features(workspace, library.tracks(), kind)
