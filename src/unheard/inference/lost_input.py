"""Refuse to drop predictions of tracks whose features or spectrograms are lost.

A track that has no input any more leaves the predictions of a model, and with them the lists. That is right for a track
that was removed, or whose features wait to be made from a new file. If nothing at all is stored of a track that the
model could read before, a file of the workspace is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from unheard.errors import UserError, quoted
from unheard.features.store import FeatureStore
from unheard.library import Library
from unheard.spectrograms.shards import list_shards
from unheard.workspace import Workspace

FROM_MELS = ("patches", "bag-of-tones")


def check_input(
    workspace: Workspace, library: Library, reads: str, before: Iterable[str], now: Collection[str]
) -> None:
    """Raise UserError if input of a kind is lost.

    reads   "patches", "bag-of-tones" or a kind of features
    before  ids of the tracks that a model could read when it last predicted
    now     ids of those that it can read
    """
    missing = set(before).difference(now)
    if not missing:
        return
    missing &= {track.track_id for track in library.tracks().items if not track.gone_since}
    missing -= _stored(workspace, reads) if missing else frozenset()
    if missing:
        what = "spectrograms" if reads in FROM_MELS else f"{reads} features"
        raise UserError(
            f"{workspace.root}: the {what} of {len(missing)} tracks, such as {min(missing)!r}, are lost; "
            f"`unheard doctor -w {quoted(workspace.root)}` says what is missing and how to make it again"
        )


def _stored(workspace: Workspace, reads: str) -> frozenset[str]:
    """Return the ids of all tracks with input of a kind, also with stale one."""
    if reads in FROM_MELS:
        return frozenset(entry.track_id for shard in list_shards(workspace.mels_path) for entry in shard.entries())
    return FeatureStore(workspace.features_dir).track_ids(reads)
