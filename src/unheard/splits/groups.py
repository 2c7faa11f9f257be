"""Tracks that have to stay together: connected components over credited artists, ISRC and near-identical audio.

A test track whose artist also trains, or whose recording trains under another id, is not cold: a model may recognise
it. Joining two groups by mistake costs a little balance, missing a join costs honesty, so names are compared loosely.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from unheard.ids import IdMap, Rows
from unheard.library import Track, Tracks
from unheard.splits.split import Use

Signatures = tuple[IdMap, NDArray[np.float32]]

# Another encoding of a recording lies above this (tests/spectrograms), other recordings clearly below; an MP3 of the
# lowest quality may fall short and is then missed. Lengths differ by what encoders pad and by where silence is cut off.
MIN_COSINE = 0.98
MAX_DURATION_GAP_S = 2.0

# Credits that name nobody: they would tie every compilation of a library together.
NOBODY = frozenset(
    {"", "various artists", "various", "va", "v a", "unknown artist", "unknown", "artist unknown", "n a"}
)
NO_ALBUM = frozenset({"", "unknown album", "unknown"})


def artist_groups(tracks: Tracks, signatures: Signatures) -> Rows:
    """The group of each track, (n_tracks,) int32, numbered in the order in which groups first appear.

    `signatures` are the library's fingerprints, (n, s): `[*unit vector, duration_s]` a track. Tracks without one are
    joined by their tags alone.
    """
    pairs = [np.array(list(_tag_pairs(tracks)), np.int64).reshape(-1, 2)]
    if len(signatures[0]):
        ids, matrix = signatures
        rows = tracks.ids.rows(ids, missing=-1)
        known = rows >= 0
        pairs.append(rows[known][near_identical(matrix[known])].astype(np.int64))
    joined = np.concatenate(pairs)  # (pair, 2)
    shape = (len(tracks), len(tracks))
    graph = coo_matrix((np.ones(len(joined), np.int8), (joined[:, 0], joined[:, 1])), shape=shape)
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def artist_seen(uses: NDArray[np.int8], groups: Rows) -> NDArray[np.bool_]:
    """Whether a track's group has a train track, (n_tracks,) bool: test tracks of `time` are reported by it."""
    return np.isin(groups, groups[uses == Use.TRAIN])


def near_identical(signatures: NDArray[np.float32], *, chunk: int = 1024) -> NDArray[np.int64]:
    """Pairs of rows (pair, 2) with almost the same fingerprint and duration, in memory of order chunk x chunk.

    Rows are sorted by duration, so that each is compared with the few that are no more than two seconds longer.
    """
    order = np.argsort(signatures[:, -1], kind="stable")
    prints, durations_s = signatures[order, :-1], signatures[order, -1].astype(np.float64)
    norms = np.linalg.norm(prints, axis=1, keepdims=True)
    prints = np.divide(prints, norms, out=np.zeros_like(prints), where=norms > 0)
    ends = np.searchsorted(durations_s, durations_s + MAX_DURATION_GAP_S, side="left")
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(order), chunk):
        stop = min(start + chunk, len(order))
        for left in range(start, int(ends[stop - 1]), chunk):
            right = min(left + chunk, int(ends[stop - 1]))
            a, b = np.nonzero(prints[start:stop] @ prints[left:right].T > MIN_COSINE)  # (row, other)
            a, b = a + start, b + left
            close = (b > a) & (b < ends[a])
            found.append(np.stack([order[a[close]], order[b[close]]], axis=1))
    return np.concatenate(found)


def _tag_pairs(tracks: Tracks) -> Iterator[tuple[int, int]]:
    """Pairs of rows that share an artist, an ISRC, or (where nobody is credited) an album."""
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
    artists = {loose(artist) for artist in track.artists} - NOBODY
    for artist in sorted(artists):
        yield "artist", artist
    album = loose(track.album)
    if not artists and album not in NO_ALBUM:
        yield "album", album


def main_artist(track: Track) -> str:
    """The first credited artist as names are compared, "" if nobody is credited."""
    name = loose(track.artists[0]) if track.artists else ""
    return "" if name in NOBODY else name


def loose(name: str) -> str:
    """A name without case, Latin accents, punctuation or a leading article: 'The Bärs!' and 'bars' are one."""
    text = unicodedata.normalize("NFKD", name).casefold()
    text = unicodedata.normalize("NFKC", "".join(c for c in text if not "\u0300" <= c <= "\u036f"))
    words = "".join(c if c.isalnum() else " " for c in text).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(words) or name.strip().casefold()  # a band may be called "!!!"
