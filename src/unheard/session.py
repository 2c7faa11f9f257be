"""Define `Session`, the Python API for recommendations from a workspace; the command line and the server use it too.

Opening a session reads stored data; it predicts nothing and writes nothing. Tracks that were scanned after the training
have no predictions until `update_predictions` is called. Only that method and files outside the library import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.progress import Progress, silent
from unheard.recommend import csv_lists, radio
from unheard.recommend import recommend as ranking
from unheard.recommend.catalogue import Candidates, Catalogue, load_catalogue
from unheard.recommend.confidence import ConfidenceModel, confidence_model
from unheard.recommend.export import as_json, entries_of, export
from unheard.recommend.file_seeds import FileSeeds
from unheard.recommend.first_plays import with_first_plays
from unheard.recommend.index_files import IndexFiles
from unheard.recommend.missing_parts import missing_parts
from unheard.recommend.models import (
    ORACLE,
    UNTRAINED,
    choose_model,
    make_recommender,
    split_for_use,
    trained_models,
    without_part,
)
from unheard.recommend.options import DEFAULT_OPTIONS, ListChanges, ListOptions, check_is_list
from unheard.recommend.recommend import Recommendation
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Recommender, space_of
from unheard.recommend.scales import check_calibrated
from unheard.recommend.seeds import NewTrack
from unheard.recommend.shortlist import Shortlists, min_tracks, shortlists
from unheard.recommend.track_map import Method, TrackMap, load_map, project, save_map
from unheard.recommend.track_path import PathStep, path_between
from unheard.recommend.vector_export import embed_each
from unheard.recommend.vector_formats import VectorTable, format_of
from unheard.thumbs import rated
from unheard.workspace import Workspace

CONFIDENCE_BATCH = 512  # tracks


@dataclass(frozen=True)
class Embedded:
    """Result of `Session.write_vectors`: the number of vectors and their length, and why files were left out."""

    written: int
    dim: int
    problems: tuple[str, ...]


class Session:
    """Recommends from one workspace with one model, under one split.

    `notice` is a sentence about the data for the person who reads the lists, such as that the playlists are too few to
    learn from; empty without one.
    """

    def __init__(
        self,
        workspace: str | PathLike[str],
        *,
        split: str | None = None,
        model: str | None = None,
        seed: int = 0,
        catalogue: Catalogue | None = None,
    ) -> None:
        """Open a workspace.

        split      None: the split for use (recommend/models.py, `split_for_use`)
        model      a trained model, a baseline or "oracle"; None: the default (recommend/models.py, `choose_model`)
        seed       breaks ties
        catalogue  a loaded catalogue that sessions share; None: load it

        Raise UserError for an unknown name, and MissingStageError, with the command to run, for a missing stage.
        """
        self.workspace = Workspace.open(Path(workspace))
        self.seed = seed
        if catalogue is None:
            need_full = model == ORACLE or self.workspace.factors_path("full").is_file()
            catalogue = load_catalogue(self.workspace, split or split_for_use(self.workspace), need_full=need_full)
        self.catalogue: Catalogue = catalogue
        self.model, notice = choose_model(self.workspace, self.catalogue, model)
        self.notice = " ".join([*filter(None, [notice]), *missing_parts(self.workspace, self.catalogue, self.model)])

    # -------------------------------------------------------------------------------------------- ids and scores

    def recommend(
        self,
        *,
        playlist: str | None = None,
        like: Sequence[str] = (),
        options: ListOptions = DEFAULT_OPTIONS,
        **changes: Unpack[ListChanges],
    ) -> tuple[list[str], NDArray[np.float32]]:
        """Return track ids and scores (n,), best first, for a playlist or for liked tracks (ids or audio files).

        `changes` are fields of `options` by name: `recommend(playlist="p1", n=5)`.
        """
        options = options.changed(**changes).changed(explain=False)
        return _ids_and_scores(self.recommendations(playlist=playlist, like=like, options=options))

    def similar(
        self, track: str, *, options: ListOptions = DEFAULT_OPTIONS, **changes: Unpack[ListChanges]
    ) -> tuple[list[str], NDArray[np.float32]]:
        """Return ids and centred cosines (n,) of the nearest candidates of a track (id or audio file), best first.

        In a list of warm and cold tracks, the order is by cosines that are comparable (recommend/mixed_lists.py).
        """
        return _ids_and_scores(self.neighbours(track, options=options.changed(**changes).changed(explain=False)))

    def embed(self, files: Sequence[str | PathLike[str]], *, quick: bool = False) -> NDArray[np.float32]:
        """Return predicted factors of audio files, (len(files), dim) float32.

        quick  read excerpts of long files only (ingest/excerpts.py): several times as fast, nearly the same factors

        Raise AudioError for a file that cannot be used.
        """
        check_is_list("files", files)
        return self._files.embed(files, quick=quick)

    def encode_file(self, file: Path, *, quick: bool = False) -> NewTrack:
        """Return an audio file as a seed; raise AudioError if it cannot be used.

        quick  as in `embed`; the same recording in the library is then known by its audio hash and tags alone
        """
        return self._files.encode(file, quick=quick)

    def resolve_seed(self, name: str, *, quick: bool = False) -> str | NewTrack:
        """Return a seed for several calls: `name` itself for a track of the library, else the encoded file."""
        seed = self._files.seed_of(name, quick=quick)
        return name if isinstance(seed, int) else seed

    # -------------------------------------------------------------------------------------------- explained lists

    def recommendations(
        self,
        *,
        playlist: str | None = None,
        like: Sequence[str | NewTrack] = (),
        options: ListOptions = DEFAULT_OPTIONS,
        **changes: Unpack[ListChanges],
    ) -> list[Recommendation]:
        """Return the tracks of `recommend` with label, reasons and confidence. `like` may hold encoded files too."""
        check_is_list("like", like)
        options = self._without_disliked(options.changed(**changes))
        self._check_calibrated(options.candidates)
        return ranking.recommend(
            self.catalogue,
            self._recommender,
            playlist=None if playlist is None else self.catalogue.playlist_row(playlist),
            likes=[
                *(self._files.seed_of(name) for name in dict.fromkeys(one for one in like if isinstance(one, str))),
                *(new for new in like if isinstance(new, NewTrack)),
            ],
            options=options,
            confidence_model=self._confidence_model if options.explain else None,
            shortlists=self._shortlists,
            seed=self.seed,
        )

    def neighbours(
        self, track: str | NewTrack, *, options: ListOptions = DEFAULT_OPTIONS, **changes: Unpack[ListChanges]
    ) -> list[Recommendation]:
        """Return the tracks of `similar` with label, reasons and confidence. `track` may be an encoded file too."""
        options = self._without_disliked(options.changed(**changes))
        return ranking.similar(
            self.catalogue,
            self._recommender,
            self._files.seed_of(track) if isinstance(track, str) else track,
            options=options,
            confidence_model=self._confidence_model if options.explain else None,
            shortlists=self._shortlists,
            seed=self.seed,
        )

    def _check_calibrated(self, candidates: Candidates | None) -> None:
        """Raise MissingStageError for a list of warm and cold tracks whose calibration is lost."""
        recommender = self._recommender
        if candidates == "all" and isinstance(recommender, EmbeddingRecommender) and recommender.warm_cold is None:
            check_calibrated(self.workspace, self.catalogue.split.name, without_part(self.model))

    def radio(
        self, like: Sequence[str], *, played: Sequence[str] = (), options: ListOptions = DEFAULT_OPTIONS
    ) -> list[Recommendation]:
        """Return the next tracks of a radio from liked tracks, without those `played` (ids, oldest first).

        Without `candidates`, a radio plays known tracks too: "all".
        """
        check_is_list("played", played)
        options = options if options.candidates else options.changed(candidates="all")

        def recommended(left_out: Collection[str]) -> list[Recommendation]:
            return self.recommendations(like=like, options=options.changed(exclude={*options.exclude, *left_out}))

        last = self._files.known_row(played[-1]) if played else None
        return radio.next_tracks(recommended, self.catalogue.main_artist, played=played, last=last)

    def path(self, start: str, end: str, *, n: int = 10, candidates: Candidates = "all") -> list[PathStep]:
        """Return `n` tracks from one track to another (ids), both included, in short steps (track_path.py)."""
        rows = self.catalogue.candidates(candidates, new=True)
        rows = rows[~np.isin(rows, [self.catalogue.track_row(name) for name in self.disliked])]
        ends = (self.catalogue.track_row(name) for name in (start, end))
        return path_between(self.catalogue, self.directions, *ends, n=n, candidates=rows, seed=self.seed)

    @property
    def disliked(self) -> frozenset[str]:
        """Ids of the tracks with a thumb down, which are in no list."""
        return frozenset(name for name in rated(self.workspace, "down") if name in self.catalogue.tracks.ids)

    def measure_confidence(self, *, stopped: Callable[[], bool] = lambda: False) -> None:
        """Compute and cache the confidence of every track, so that no list has to wait for it.

        In a large library this takes minutes. `stopped` is called between batches; True ends the computation.
        """
        if self._confidence_model is None:
            return
        rows = self.catalogue.candidates("all", new=True)
        for first in range(0, len(rows), CONFIDENCE_BATCH):
            if stopped():
                return
            self._confidence_model.of_tracks(rows[first : first + CONFIDENCE_BATCH])

    def confidence(self, track: str | NewTrack) -> float | None:
        """Return the confidence in a track (id, audio file or encoded file), 0 to 1; see recommend/confidence.py.

        None if it is undefined: too few tracks have both plays and features, or the library's features are the user's
        vectors and the track is a file from outside.
        """
        seed = self._files.seed_of(track) if isinstance(track, str) else track
        if self._confidence_model is None:
            return None
        if isinstance(seed, int):
            return float(self._confidence_model.of_tracks(np.array([seed], np.int32))[0])
        statistics = self._files.statistics_of(seed)
        return None if statistics is None else float(self._confidence_model.of_content(statistics[None, :])[0])

    def label(self, track: str | NewTrack) -> str:
        """Return artist and title of a track given by id or file."""
        if isinstance(track, NewTrack):
            return track.track.label
        row = self._files.known_row(track)
        return track if row is None else self.catalogue.tracks[row].label

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """Return the unit vectors (track, d) of the map, by predicted factors of all tracks; 0 without a factor.

        Raise UserError for a model without similarities between tracks.
        """
        space = self._map_space
        return space.directions(space.tracks).astype(np.float32)

    def near_on_map(self, track: str, *, options: ListOptions) -> tuple[list[str], NDArray[np.float32]]:
        """Return ids and cosines (n,) of the nearest tracks in the space that the map shows, best first."""
        options = self._without_disliked(options.changed(explain=False))
        seed = self.catalogue.track_row(track)
        found = ranking.similar(
            self.catalogue, self._map_space, seed, options=options, shortlists=self._map_shortlists, seed=self.seed
        )
        return _ids_and_scores(found)

    def has_direction(self, row: int) -> bool:
        """Return whether a track has a vector on the map; UserError as `directions`, of which it computes one only."""
        space = self._map_space
        return bool(space.directions(space.tracks[row : row + 1]).any())

    @property
    def _map_space(self) -> FactorRecommender:
        space = space_of(self._recommender)
        if space is None:
            raise UserError(f"{self.model} has no vectors that a map could show; name a trained model with --model")
        return space.in_one_space

    @property
    def has_space(self) -> bool:
        """Whether the model has vectors, which `track_map` and `directions` need."""
        return space_of(self._recommender) is not None

    def track_map(self) -> TrackMap:
        """Return the stored map of the catalogue if it is up to date, else a PCA map (recommend/track_map.py)."""
        stored = load_map(self.workspace.map_path(self.catalogue.split.name, self.model))
        fast = self._project("pca")
        return stored if stored is not None and stored.digest == fast.digest else fast

    def draw_map(self, *, method: Method = "tsne") -> Path:
        """Write the map that `track_map` returns from then on; return its path."""
        path = self.workspace.map_path(self.catalogue.split.name, self.model)
        save_map(path, self._project(method))
        return path

    def _project(self, method: Method) -> TrackMap:
        return project(self.catalogue.tracks.ids, self.directions, method, rng=np.random.default_rng(self.seed))

    def as_json(self, found: Sequence[Recommendation]) -> list[dict[str, Any]]:
        """Return recommendations as values for JSON."""
        return as_json(entries_of(found, self.catalogue.tracks))

    # -------------------------------------------------------------------------------------------- predictions

    @property
    def unpredicted_tracks(self) -> tuple[str, ...]:
        """Ids of tracks with features for which the model has neither a prediction nor factors from plays.

        They rank as average tracks until `update_predictions` is called. Empty for baselines.
        """
        from unheard.inference.predictions import predictions

        if not self._is_trained:
            return ()
        ids, _ = predictions(self.workspace, self.catalogue.split.name, without_part(self.model))
        known = {*ids, *self.catalogue.warm_track_ids}
        with_features = self.catalogue.tracks.ids.take(np.flatnonzero(self.catalogue.content.known))
        return tuple(name for name in with_features if name not in known)

    @cached_property
    def has_unpredicted_tracks(self) -> bool:
        """Whether `unpredicted_tracks` has any."""
        return bool(self.unpredicted_tracks)

    def update_predictions(self, *, warm: bool = False, progress: Progress = silent) -> int:
        """Predict tracks that were scanned or changed after the training, write the predictions, return their number.

        warm  also predict train tracks with plays: rankings use their factors, but `write_vectors` writes predictions
        """
        from unheard.inference.update_predictions import update_predictions

        if not self._is_trained:
            return 0
        updated = update_predictions(
            self.workspace,
            self.catalogue.split.name,
            without_part(self.model),
            progress,
            leave=() if warm else self.catalogue.warm_track_ids,
        )
        for cached in ("_recommender", "_shortlists", "_map_shortlists", "directions", "has_unpredicted_tracks"):
            vars(self).pop(cached, None)
        return updated

    def make_indexes(self, *, again: bool = False, progress: Progress = silent) -> list[Path]:
        """Write the indexes by which lists of a large catalogue are found, if missing or outdated; return their paths.

        None are written for fewer than `shortlist.min_tracks` tracks or for a model without vectors, because every
        candidate is scored then.
        """
        if self._shortlists is None:
            return []
        made = self._index_files.make(self._shortlists, seed=self.seed, again=again, progress=progress)
        self.open_indexes()
        return made

    def open_indexes(self) -> None:
        """Open the indexes, also those that another process has made since; until then lists use what was there."""
        if self._shortlists is not None:
            self._shortlists.open_all()

    @property
    def needs_indexes(self) -> bool:
        """Whether an index is missing or outdated. Lists are then found by a scan: as good, but not as fast."""
        return self._shortlists is not None and not self._shortlists.is_indexed

    # -------------------------------------------------------------------------------------------- files

    def export(self, found: Sequence[Recommendation], path: str | PathLike[str], *, title: str) -> int:
        """Write a list as .m3u8, .jspf, .csv or .json; return the number of tracks in the file."""
        return export(Path(path), entries_of(found, self.catalogue.tracks), title=title)

    def write_recommendation_lists(
        self, path: Path, *, candidates: Candidates, n: int, progress: Progress = silent
    ) -> int:
        """Write CSV (playlist_id, rank, track_id, score) for every playlist; return the number of rows."""
        self._check_calibrated(candidates)
        return csv_lists.write_recommendation_lists(
            path,
            self.catalogue,
            self._recommender,
            candidates=candidates,
            n=n,
            left_out=self.disliked,
            seed=self.seed,
            progress=progress,
        )

    def write_similar_lists(self, path: Path, *, candidates: Candidates, n: int, progress: Progress = silent) -> int:
        """Write CSV (track_id, rank, neighbour_id, score) for every test track; return the number of rows."""
        return csv_lists.write_similar_lists(
            path, self.catalogue, self._recommender, candidates=candidates, n=n, seed=self.seed, progress=progress
        )

    def write_vectors(
        self,
        files: Sequence[Path],
        path: Path,
        *,
        format: str = "parquet",  # noqa: A002 - as on the command line
        directions: bool = False,
        quick: bool = False,
        progress: Progress = silent,
    ) -> Embedded:
        """Write predicted factors of audio files, or of the library without `files`, for a vector store.

        format      of recommend/vector_formats.py: parquet, pgvector, qdrant, opensearch or faiss
        directions  write the unit vectors of the library (`directions`) instead; their cosines are similarities

        A file of the library has its track id, another file the id that a scan would give it. `problems` of the result
        lists files that could not be used and are left out; `quick` is that of `embed`. Raise UserError if none can be
        used.
        """
        chosen, problems = format_of(format, path), list[str]()
        if files and directions:
            raise UserError("--directions: written of the whole library only; name no files")
        if directions:
            vectors = self.directions
            there = np.flatnonzero(vectors.any(axis=1))
            tracks, vectors = self.catalogue.tracks, vectors[there]
            ids, paths = tracks.ids.take(there), [tracks[int(row)].path for row in there]
        elif files:
            ids, paths, vectors, problems = embed_each(files, self._files, quick=quick, progress=progress)
        else:
            ids, vectors = self._predictions
            tracks = self.catalogue.tracks
            paths = [tracks[int(row)].path for row in tracks.ids.rows(ids)]
        if files and not ids:
            raise UserError(f"none of the {len(files)} files can be used: {'; '.join(problems)}; nothing is written")
        metadata = {"model": self.model, "split": self.catalogue.split.name, "dim": str(vectors.shape[1])}
        chosen.write(path, VectorTable(list(ids), paths, vectors, metadata))
        return Embedded(len(ids), vectors.shape[1], tuple(problems))

    # -------------------------------------------------------------------------------------------- internals

    @cached_property
    def _files(self) -> FileSeeds:
        return FileSeeds(self.workspace, self.catalogue, self.model)

    @cached_property
    def _recommender(self) -> Recommender:
        made = make_recommender(self.workspace, self.catalogue, self.model, seed=self.seed)
        return with_first_plays(self.workspace, self.catalogue, made)

    @cached_property
    def _shortlists(self) -> Shortlists | None:
        large = len(self.catalogue) >= min_tracks()
        return shortlists(self.catalogue, self._recommender, self._index_files.open) if large else None

    @cached_property
    def _map_shortlists(self) -> Shortlists | None:
        """Shortlists in the space of the map, by a scan of its vectors; None for a small catalogue."""
        return None if self._shortlists is None else Shortlists(self.catalogue, self._map_space, lambda *_: None)

    @cached_property
    def _index_files(self) -> IndexFiles:
        return IndexFiles(self.workspace, self.catalogue, self.model)

    @cached_property
    def _confidence_model(self) -> ConfidenceModel | None:
        return confidence_model(self.catalogue)

    @property
    def _predictions(self) -> tuple[list[str], NDArray[np.float32]]:
        from unheard.inference.predictions import predictions

        if self.model in (*UNTRAINED, ORACLE):
            raise UserError(f"{self.model} is not trained; name a trained model with --model")
        ids, vectors = predictions(self.workspace, self.catalogue.split.name, without_part(self.model))
        known = np.array([name in self.catalogue.tracks.ids for name in ids], np.bool_)
        return [name for name, keep in zip(ids, known, strict=True) if keep], vectors[known]

    def _without_disliked(self, options: ListOptions) -> ListOptions:
        disliked = self.disliked
        return options.changed(exclude={*options.exclude, *disliked}) if disliked else options

    @property
    def _is_trained(self) -> bool:
        return without_part(self.model) in trained_models(self.workspace, self.catalogue.split.name)


def _ids_and_scores(found: Sequence[Recommendation]) -> tuple[list[str], NDArray[np.float32]]:
    return [item.track_id for item in found], np.array([item.score for item in found], np.float32)
