"""Group tracks that must stay together: connected components over credited artists, ISRCs and near-identical audio.

A test track is not cold if its artist has train tracks, or if its recording is a train track under another id: a model
may recognise it. A wrong join costs a little balance, a missed join makes the evaluation optimistic, so names are
compared without case, accents and punctuation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from unheard.arrays import Floats, Mask, Rows
from unheard.artist_names import NO_ALBUM, NO_ARTIST, loose
from unheard.ids import IdMap
from unheard.library import Track, Tracks
from unheard.spectrograms.near_signatures import near_identical
from unheard.splits.split import Use

Signatures = tuple[IdMap, Floats]


def artist_groups(tracks: Tracks, signatures: Signatures) -> NDArray[np.int32]:
    """Return the group of each track, (n_tracks,) int32, numbered in the order in which groups first appear.

    `signatures` are the library's fingerprints, (n, s): `[*unit vector, duration_s]` for each track. Tracks without a
    fingerprint are joined by their tags only.
    """
    pairs = [np.array(list(_tag_pairs(tracks)), np.int64).reshape(-1, 2)]
    if len(signatures[0]):
        ids, matrix = signatures
        rows = tracks.ids.rows(ids, missing=-1)
        known = rows >= 0
        signatures_of_known = matrix if known.all() else matrix[known]  # a gigabyte of a million tracks
        pairs.append(rows[known][near_identical(signatures_of_known)].astype(np.int64))
    joined = np.concatenate(pairs)  # (pair, 2)
    shape = (len(tracks), len(tracks))
    graph = coo_matrix((np.ones(len(joined), np.int8), (joined[:, 0], joined[:, 1])), shape=shape)
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def artist_seen(uses: NDArray[np.int8], groups: Rows) -> Mask:
    """Return whether each track's group has a train track, (n_tracks,); results of `time` are reported by it."""
    return np.isin(groups, groups[uses == Use.TRAIN])


def _tag_pairs(tracks: Tracks) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows that share an artist, an ISRC, or (for tracks without a credited artist) an album."""
    last: dict[tuple[str, str], int] = {}
    for row, track in enumerate(tracks.items):
        for key in _keys(track):
            if key in last:
                yield last[key], row
            last[key] = row


def _keys(track: Track) -> Iterator[tuple[str, str]]:
    isrc = "".join(filter(str.isalnum, track.isrc)).upper()
    if isrc:
        yield "isrc", isrc
    artists = {loose(artist) for artist in track.artists} - NO_ARTIST
    for artist in sorted(artists):
        yield "artist", artist
    album = loose(track.album)
    if not artists and album not in NO_ALBUM:
        yield "album", album


def main_artist(track: Track) -> str:
    """Return the first credited artist, normalised by `loose`; "" if no artist is credited."""
    name = loose(track.artists[0]) if track.artists else ""
    return "" if name in NO_ARTIST else name
