"""Load the catalogue: all data that recommendation and evaluation use, aligned to the rows of `tracks` and `playlists`.

Stages run at different times, so their id lists differ: a track may be scanned, or a playlist imported, after the
factors were computed. Every array of the catalogue has one row per track of the library (or per playlist); rows without
data are zero and marked as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Indices, Mask, Rows
from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.factors.store import Factors, als_config, load_factors, load_split_factors, no_factors
from unheard.features.current import current_features
from unheard.features.store import Features
from unheard.features.table import VECTORS
from unheard.ids import IdMap
from unheard.library import Tracks, open_library
from unheard.plays import read_plays
from unheard.recommend.album_numbers import album_numbers
from unheard.recommend.changed_playlists import changed_since, fold_in_changed
from unheard.recommend.filters import FilterColumns
from unheard.recommend.sameness import Sameness, recording_pairs, sameness
from unheard.search import did_you_mean, did_you_mean_tracks, near_names
from unheard.spectrograms.statistics import MFCC_STATISTICS, N_STATISTICS
from unheard.splits import LIVE, USE_SPLITS, Split, Use, load_split
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
    digest     identifies the space; predictions for another space cannot be used in it
    als        settings of the factorisation, with d factors
    """

    tracks: NDArray[np.float32]
    known: NDArray[np.bool_]
    playlists: NDArray[np.float32]
    centre: NDArray[np.float32]
    digest: str = ""
    als: AlsConfig = field(default_factory=AlsConfig)

    @property
    def dim(self) -> int:
        return int(self.tracks.shape[1])


@dataclass(frozen=True)
class Content:
    """Features of each track: `values` (n, f) float32, zero where `known` (n,) is False."""

    values: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class PlaylistOrder:
    """The tracks of all playlists, playlist after playlist: (k,) rows, and where each playlist starts, (m + 1,)."""

    track_rows: Rows
    starts: Indices

    def tracks_of(self, playlist: int) -> Rows:
        """Return the rows of the tracks of a playlist (its row) in its order; a track may occur more than once."""
        return self.track_rows[self.starts[playlist] : self.starts[playlist + 1]]


@dataclass(frozen=True)
class Catalogue:
    """Tracks and playlists with their data under one split.

    tracks            the library, ordered by id; its rows are the rows of all other arrays
    playlists         ids of the m playlists
    plays             (m, n) float32 sparse: summed weights, all stored entries are positive
    train_plays       (m, n) plays of train tracks, before the split's cutoff if it has one; the warm factors fit these
    validation_plays  (m, n) plays of validation tracks, before the cutoff; these may choose settings
    use               (n,) int8, what the split does with each track (`Use`)
    warm              factors of the train plays, with the other tracks folded in
    full              factors of all plays, None if they were not requested
    content           mel and MFCC statistics, or the user's vectors
    timbre            the MFCC part of the statistics, or the user's vectors
    split             the split that `use` comes from
    order             the tracks of each playlist in its order, also those with a weight of 0 or less
    recording_pairs   (pair, 2) rows of tracks that sound the same
    changed_playlists (m,) which playlists changed after the factors were computed; none of a split that holds plays out
    """

    tracks: Tracks
    playlists: IdMap
    plays: csr_matrix
    train_plays: csr_matrix
    validation_plays: csr_matrix
    use: NDArray[np.int8]
    warm: Space
    full: Space | None
    content: Content
    timbre: Content
    split: Split
    order: PlaylistOrder
    recording_pairs: Indices
    changed_playlists: Mask

    def __len__(self) -> int:
        return len(self.tracks)

    @cached_property
    def main_artist(self) -> NDArray[np.int32]:
        """Number of each track's first credited artist, (n,) int32; tracks without an artist have their own numbers.

        Artist caps use this and not the artist group, because guest appearances can join a whole genre into one group.
        """
        numbers: dict[str, int] = {}
        out = np.empty(len(self.tracks), np.int32)
        for row, track in enumerate(self.tracks.items):
            name = main_artist(track)
            key = f"name {name}" if name else f"row {row}"
            out[row] = numbers.setdefault(key, len(numbers))
        return out

    @cached_property
    def album(self) -> NDArray[np.int32]:
        """Number of each track's album, (n,) int32; see album_numbers.py."""
        return album_numbers(self.tracks)

    @cached_property
    def sameness(self) -> Sameness:
        """Which tracks are the same recording, and which are versions of the same song."""
        return sameness(self.tracks, self.recording_pairs)

    @property
    def song(self) -> NDArray[np.int32]:
        """Number of the song of which each track is a version, (n,) int32; see sameness.py."""
        return self.sameness.song

    @cached_property
    def filter_columns(self) -> FilterColumns:
        """The fields that filters read."""
        return FilterColumns.of(self.tracks.items)

    @cached_property
    def is_gone(self) -> Mask:
        """Whether each track's file is gone, (n,); such tracks are evidence, but are never recommended."""
        return np.array([bool(track.gone_since) for track in self.tracks.items], np.bool_)

    @cached_property
    def warm_track_ids(self) -> frozenset[str]:
        """Ids of the train tracks with a warm factor, which rankings use instead of a prediction."""
        return frozenset(self.tracks.ids.take(np.flatnonzero((self.use == Use.TRAIN) & self.warm.known)))

    @property
    def is_live(self) -> bool:
        """Whether the split is `live`, which is for use; other splits are experiments and hold plays out."""
        return self.split.name == LIVE

    @cached_property
    def played(self) -> NDArray[np.bool_]:
        """Whether anybody has played each track, (n,) bool, whatever the split does with the plays.

        In a library without plays, whether a factor was imported for it.
        """
        if not self.plays.nnz:
            return self.warm.known
        return np.bincount(self.plays.indices, minlength=len(self.tracks)) > 0

    @cached_property
    def is_warm(self) -> Mask:
        """Whether rankings use a factor from plays for each track, (n,); under `live` those of all played tracks."""
        return self.played if self.is_live else (self.use == Use.TRAIN) & self.warm.known

    def plays_of(self, use: Use) -> csr_matrix:
        """Return `plays` of the tracks with one use, (m, n); the other entries are removed."""
        return _columns(self.plays, self.use == use)

    def candidates(self, which: Candidates, *, new: bool) -> Rows:
        """Return the rows that may be recommended, ascending, read-only.

        cold  test tracks; with `new`, also tracks that were added after the split was made
        warm  train tracks with plays
        all   every track; without `new`, every track of the split

        With `new`, the split `live` follows the plays and not the uses: cold tracks have none, warm tracks have some.
        Without `new`, which is for evaluation, tracks whose files are gone are among them; with `new` they are not.
        """
        return self._candidates[which, new]

    @cached_property
    def _candidates(self) -> dict[tuple[Candidates, bool], Rows]:
        test, is_new, known = self.use == Use.TEST, self.use == Use.NEW, (self.use == Use.TRAIN) & self.warm.known
        masks: dict[tuple[Candidates, bool], NDArray[np.bool_]] = {}
        for new in (False, True):
            masks |= {("cold", new): test | (is_new & new), ("warm", new): known, ("all", new): ~is_new | new}
        if self.is_live:
            masks |= {("cold", True): ~self.played, ("warm", True): self.played}
        rows: dict[tuple[Candidates, bool], Rows] = {
            (which, new): np.flatnonzero(mask & ~self.is_gone if new else mask).astype(np.int32)
            for (which, new), mask in masks.items()
        }
        for shared in rows.values():
            shared.flags.writeable = False
        return rows

    def playlist_row(self, playlist_id: str) -> int:
        """Return the row of a playlist; raise UserError for an unknown id, with similar ones."""
        if playlist_id not in self.playlists:
            near = did_you_mean([repr(name) for name in near_names(playlist_id, self.playlists)])
            raise UserError(
                f"no playlist {playlist_id!r} among {len(self.playlists)}; {near}`unheard playlists` lists them"
            )
        return self.playlists.row(playlist_id)

    def track_row(self, track_id: str) -> int:
        """Return the row of a track; raise UserError for an unknown id, with similar ones."""
        if track_id not in self.tracks.ids:
            near = did_you_mean_tracks(track_id, self.tracks)
            raise UserError(f"no track {track_id!r} among {len(self.tracks)}; {near}`unheard tracks` lists them")
        return self.tracks.ids.row(track_id)


def load_catalogue(
    workspace: Workspace, split_name: str | None, *, prefer: Sequence[str] = USE_SPLITS, need_full: bool = False
) -> Catalogue:
    """Load a workspace under one split (None: the default split, see `default_split`).

    `need_full` loads the full factors too. Raise MissingStageError for missing factors.
    """
    with open_library(workspace.library_path) as library:
        split = load_split(workspace, split_name, prefer=prefer)
        tracks = library.tracks()
        content, timbre = _content(workspace, tracks)
    ordered_plays = read_plays(workspace).for_tracks(tracks.ids)
    all_plays = ordered_plays.positive()
    playlists, plays = all_plays.playlist_ids, all_plays.matrix
    earlier = all_plays.before(split.cutoff_timestamp).matrix
    use = split.uses(tracks.ids)
    train_plays, validation_plays = _columns(earlier, use == Use.TRAIN), _columns(earlier, use == Use.VAL)
    factors = _split_factors(workspace, split, has_plays=len(all_plays) > 0)
    warm = align(factors, tracks.ids, playlists, use)
    changed = np.zeros(len(playlists), np.bool_)
    if split.name == LIVE and len(all_plays):
        changed = changed_since(factors, all_plays)
        train_factors = np.where((use == Use.TRAIN)[:, None], warm.tracks, np.float32(0))
        warm = replace(warm, playlists=fold_in_changed(warm.playlists, changed, train_factors, train_plays, warm.als))
    full = align(load_factors(workspace, "full"), tracks.ids, playlists, use) if need_full else None
    return Catalogue(
        tracks,
        playlists,
        plays,
        train_plays,
        validation_plays,
        use,
        warm,
        full,
        content,
        timbre,
        split,
        PlaylistOrder(ordered_plays.track_rows, ordered_plays.starts),
        recording_pairs(workspace, tracks),
        changed,
    )


def _split_factors(workspace: Workspace, split: Split, *, has_plays: bool) -> Factors:
    """Return the warm factors of a split; in a library without plays imported ones, if any, and no others."""
    there = workspace.factors_path(split.name).is_file()
    if has_plays or (there and load_factors(workspace, split.name).config.get("source") == "imported"):
        return load_split_factors(workspace, split)
    return no_factors()


def align(factors: Factors, tracks: IdMap, playlists: IdMap, use: NDArray[np.int8]) -> Space:
    """Return factors in the row order of a catalogue; tracks and playlists without factors are zero."""
    track_rows = factors.track_ids.rows(tracks, missing=-1)
    present = track_rows >= 0
    known = present & factors.known[track_rows] if len(factors.track_ids) else present
    vectors = _take(factors.tracks, np.where(known, track_rows, -1))
    playlist_vectors = _take(factors.playlists, factors.playlist_ids.rows(playlists, missing=-1))
    train = vectors[known & (use == Use.TRAIN)]
    centre = train.mean(axis=0, dtype=np.float64) if len(train) else np.zeros(factors.dim)
    digest, als = str(factors.config.get("digest", "")), replace(als_config(factors.config), dim=factors.dim)
    return Space(vectors, known, playlist_vectors, centre.astype(np.float32), digest, als)


def _columns(plays: csr_matrix, keep: NDArray[np.bool_]) -> csr_matrix:
    """Return the matrix without the entries of other columns, in the same shape."""
    return entries(plays, keep[plays.indices])


def entries(plays: csr_matrix, keep: NDArray[np.bool_]) -> csr_matrix:
    """Return the matrix with only the stored entries of the mask `keep` (entry,), in the same shape."""
    starts = np.concatenate([[0], np.cumsum(keep)])[plays.indptr]
    return csr_matrix((plays.data[keep], plays.indices[keep], starts), shape=plays.shape)


def _take(matrix: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
    """Return rows of a matrix; zero where the row is -1."""
    out = np.zeros((len(rows), matrix.shape[1]), np.float32)
    out[rows >= 0] = matrix[rows[rows >= 0]]
    return out


def _content(workspace: Workspace, tracks: Tracks) -> tuple[Content, Content]:
    """Return (content, timbre) from the scan's statistics, or from the user's vectors if more tracks have those."""
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
