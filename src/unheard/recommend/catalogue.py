"""The catalogue: everything that recommending and evaluating read, aligned to the rows of `tracks` and `playlists`.

Stages run at different times, so their id lists differ: a track may be scanned after the factors were computed, a
playlist imported after them. Here every array gets one row per track of the library (or per playlist), and rows that a
stage does not know are zero and marked unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.factors.store import Factors, load_factors, load_split_factors
from unheard.features.current import current_features
from unheard.features.store import Features
from unheard.features.table import VECTORS
from unheard.ids import IdMap, Rows
from unheard.library import Tracks, open_library
from unheard.plays import Plays, read_plays
from unheard.recommend.duplicates import song_numbers
from unheard.spectrograms.statistics import MFCC_STATISTICS, N_STATISTICS
from unheard.splits import USE_SPLITS, Split, Use, artist_groups, load_split
from unheard.splits.groups import main_artist
from unheard.workspace import Workspace

Candidates = Literal["cold", "warm", "all"]


@dataclass(frozen=True)
class Space:
    """Factors aligned to a catalogue.

    tracks     (n, d) float32, zero where `known` is False
    known      (n,) bool
    playlists  (m, d) float32, zero for playlists without train plays
    centre     (d,) float32, mean factor of the known train tracks
    digest     which space it is; predictions of another one mean nothing in it
    """

    tracks: NDArray[np.float32]
    known: NDArray[np.bool_]
    playlists: NDArray[np.float32]
    centre: NDArray[np.float32]
    digest: str = ""

    @property
    def dim(self) -> int:
        return int(self.tracks.shape[1])


@dataclass(frozen=True)
class Content:
    """What is known about the sound of each track: `values` (n, f) float32, zero where `known` (n,) is False."""

    values: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Catalogue:
    """Tracks and playlists with all that is known about them under one split.

    tracks     the library, ordered by id; its rows are the rows of everything else
    playlists  ids of the m playlists
    plays      (m, n) float32 sparse: summed weights, stored entries are positive
    trained    (m, n) the plays that the warm factors know: of train tracks, before the split's cutoff if it has one
    tuning     (m, n) the plays that may tune: of validation tracks, before the cutoff
    use        (n,) int8, what the split does with each track (`Use`)
    artist     (n,) int32, artist group: tracks that must stay together (clusters of the bootstrap)
    warm       factors of train plays; the other tracks are folded in
    full       factors of all plays, None unless they were asked for
    content    mel and MFCC statistics, or the user's vectors
    timbre     the MFCC part of the statistics, or the user's vectors
    split      the split that `use` comes from
    ordered_plays  the plays in the order of each playlist, also those with a weight of 0 or less
    """

    tracks: Tracks
    playlists: IdMap
    plays: csr_matrix
    trained: csr_matrix
    tuning: csr_matrix
    use: NDArray[np.int8]
    artist: NDArray[np.int32]
    warm: Space
    full: Space | None
    content: Content
    timbre: Content
    split: Split
    ordered_plays: Plays

    def __len__(self) -> int:
        return len(self.tracks)

    @cached_property
    def main_artist(self) -> NDArray[np.int32]:
        """Number of each track's first credited artist, (n,) int32, for artist caps; tracks without one stand alone.

        Not the artist group: guest appearances tie whole genres into one group, and a cap of two tracks a genre is
        not what anybody means.
        """
        numbers: dict[str, int] = {}
        out = np.empty(len(self.tracks), np.int32)
        for row, track in enumerate(self.tracks.items):
            name = main_artist(track)
            key = f"name {name}" if name else f"row {row}"
            out[row] = numbers.setdefault(key, len(numbers))
        return out

    @cached_property
    def song(self) -> NDArray[np.int32]:
        """Number of the song that each track is a recording of, (n,) int32; see duplicates.py."""
        return song_numbers(self)

    @cached_property
    def warm_track_ids(self) -> frozenset[str]:
        """Ids of the train tracks with a warm factor: rankings take that, and no prediction of them is read."""
        return frozenset(self.tracks.ids.take(np.flatnonzero((self.use == Use.TRAIN) & self.warm.known)))

    def plays_of(self, use: Use) -> csr_matrix:
        """`plays` of the tracks with one use, (m, n); the other entries are dropped."""
        return _columns(self.plays, self.use == use)

    def candidates(self, which: Candidates, *, new: bool) -> Rows:
        """Rows that may be recommended, ascending.

        cold  test tracks; with `new` also the tracks that came after the split was made
        warm  train tracks with plays
        all   every track; without `new`, those that the split knows
        """
        return self._candidates[which, new]

    @cached_property
    def _candidates(self) -> dict[tuple[Candidates, bool], Rows]:
        test, is_new, known = self.use == Use.TEST, self.use == Use.NEW, (self.use == Use.TRAIN) & self.warm.known
        masks: dict[tuple[Candidates, bool], NDArray[np.bool_]] = {}
        for new in (False, True):
            masks |= {("cold", new): test | (is_new & new), ("warm", new): known, ("all", new): ~is_new | new}
        rows = {asked: np.flatnonzero(mask).astype(np.int32) for asked, mask in masks.items()}
        for shared in rows.values():
            shared.flags.writeable = False
        return rows

    def playlist_row(self, playlist_id: str) -> int:
        """The row of a playlist; UserError if it is not there."""
        if playlist_id not in self.playlists:
            raise UserError(f"no playlist {playlist_id!r} among {len(self.playlists)}; import it or check its id")
        return self.playlists.row(playlist_id)

    def track_row(self, track_id: str) -> int:
        """The row of a track; UserError if it is not there."""
        if track_id not in self.tracks.ids:
            raise UserError(f"no track {track_id!r} among {len(self.tracks)}; scan it or check its id")
        return self.tracks.ids.row(track_id)


def load_catalogue(
    workspace: Workspace, split_name: str | None, *, prefer: Sequence[str] = USE_SPLITS, need_full: bool = False
) -> Catalogue:
    """Read a workspace under one split (None: the default one, see `default_split`).

    The full factors are read when `need_full` asks for them (MissingStageError when they are missing).
    """
    with open_library(workspace.library_path) as library:
        split = load_split(workspace, split_name, prefer=prefer)
        tracks = library.tracks()
        signatures = current_features(workspace, tracks, "signature")
        groups = artist_groups(tracks, (signatures.ids, signatures.values))
        content, timbre = _content(workspace, tracks)
    ordered_plays = read_plays(workspace).for_tracks(tracks.ids)
    of_library = ordered_plays.positive()
    playlists, plays = of_library.playlist_ids, of_library.matrix
    earlier = of_library.before(split.cutoff_timestamp).matrix
    use = split.uses(tracks.ids)
    trained, tuning = _columns(earlier, use == Use.TRAIN), _columns(earlier, use == Use.VAL)
    warm = align(load_split_factors(workspace, split), tracks.ids, playlists, use)
    full = align(load_factors(workspace, "full"), tracks.ids, playlists, use) if need_full else None
    return Catalogue(
        tracks, playlists, plays, trained, tuning, use, groups, warm, full, content, timbre, split, ordered_plays
    )


def align(factors: Factors, tracks: IdMap, playlists: IdMap, use: NDArray[np.int8]) -> Space:
    """Factors in the row order of a catalogue; tracks and playlists that they do not name are zero."""
    track_rows = factors.track_ids.rows(tracks, missing=-1)
    there = track_rows >= 0
    known = there & factors.known[track_rows] if len(factors.track_ids) else there
    vectors = _take(factors.tracks, np.where(known, track_rows, -1))
    of_playlists = _take(factors.playlists, factors.playlist_ids.rows(playlists, missing=-1))
    train = vectors[known & (use == Use.TRAIN)]
    centre = train.mean(axis=0, dtype=np.float64) if len(train) else np.zeros(factors.dim)
    return Space(vectors, known, of_playlists, centre.astype(np.float32), str(factors.config.get("digest", "")))


def _columns(plays: csr_matrix, keep: NDArray[np.bool_]) -> csr_matrix:
    """The same matrix with the entries of other columns dropped."""
    entries = keep[plays.indices]
    starts = np.concatenate([[0], np.cumsum(entries)])[plays.indptr]
    return csr_matrix((plays.data[entries], plays.indices[entries], starts), shape=plays.shape)


def _take(matrix: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
    """Rows of a matrix, zero where the row is -1."""
    out = np.zeros((len(rows), matrix.shape[1]), np.float32)
    out[rows >= 0] = matrix[rows[rows >= 0]]
    return out


def _content(workspace: Workspace, tracks: Tracks) -> tuple[Content, Content]:
    """(content, timbre) from the scan's statistics, or from the user's vectors if more tracks have those."""
    statistics, user = (
        _content_of(current_features(workspace, tracks, kind), tracks.ids) for kind in ("statistics", VECTORS)
    )
    if user.known.sum() > statistics.known.sum():
        return user, user
    if statistics.values.shape[1] != N_STATISTICS:  # nothing was scanned
        return statistics, statistics
    return statistics, Content(statistics.values[:, MFCC_STATISTICS], statistics.known)


def _content_of(features: Features, tracks: IdMap) -> Content:
    rows = features.ids.rows(tracks, missing=-1)
    return Content(_take(features.values, rows), rows >= 0)
