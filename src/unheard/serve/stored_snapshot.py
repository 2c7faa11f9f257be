"""Store what a server of a large catalogue needs in one file, and open it in a moment, mapped and shared by processes.

A snapshot (snapshot.py) of a million tracks takes minutes to compute from the files of a workspace. This file holds the
result: arrays, with the texts of tracks, albums and names in arrays too (unheard.stored_objects). It is a cache:

    made_from   size, times and hash of every file that a session reads, and the version of what is stored

A file with the same size and times (its change time cannot be set by a program) is not read again; one with other times
is compared by its hash, so a copied workspace keeps its snapshot. When anything differs, the snapshot is not used and a
new one is made beside it, which replaces it by one rename. Below `shortlist.min_tracks` tracks nothing is stored.

Not stored is the fold of each track in its split, which no request reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from unheard import __version__
from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.ids import IdMap, StoredIds
from unheard.index.row_vectors import Vectors
from unheard.library import Tracks, open_library
from unheard.models.combiner import Combiner
from unheard.progress import Progress, silent
from unheard.recommend import catalogue as catalogues
from unheard.recommend import recommenders
from unheard.recommend.combined import PairScorer
from unheard.recommend.confidence import ConfidenceModel
from unheard.recommend.filters import FilterColumns
from unheard.recommend.sameness import Sameness
from unheard.recommend.shortlist import RowGroups, Shortlists, min_tracks
from unheard.search import SearchIndex, TrackSearch
from unheard.search.vocabulary import Vocabulary
from unheard.serve.album_index import AlbumTable
from unheard.serve.browse_index import BrowseIndex
from unheard.serve.browse_tables import BrowsedArtists, BrowsedPlaylists
from unheard.serve.player_tables import PlayerArtists, PlayerGenres, PlayerTables
from unheard.serve.snapshot_files import paths_of_snapshot
from unheard.session import Session
from unheard.splits import Split
from unheard.stored_objects import Conversions, is_damaged, load_objects, save_objects, state_of, table
from unheard.strings import Strings
from unheard.track_table import TrackTable, stored_tracks
from unheard.workspace import Workspace

KIND = "snapshot"
FORMAT = 3  # of what is stored; another number makes every stored snapshot anew
CLASSES = table(
    [
        AlbumTable, AlsConfig, PlayerArtists, BrowsedArtists, BrowsedPlaylists, BrowseIndex, Combiner, ConfidenceModel,
        FilterColumns, PlayerGenres, PairScorer, PlayerTables, RowGroups, Sameness, SearchIndex, Split, StoredIds,
        Strings, Tracks, TrackSearch, TrackTable, Vectors, Vocabulary, catalogues.Catalogue, catalogues.Content,
        catalogues.PlaylistOrder, catalogues.Space, recommenders.EmbeddingRecommender, recommenders.FactorRecommender,
        recommenders.Scale, recommenders.WarmColdScorer,
    ]
)  # fmt: skip
CONVERSIONS: Conversions = {
    IdMap: StoredIds,
    Split: lambda split: replace(split, fold={}),
    Tracks: stored_tracks,
}
OF_CATALOGUE = (
    "main_artist", "album", "sameness", "filter_columns", "is_gone", "played", "is_warm", "_candidates",
)  # fmt: skip
OF_SHORTLISTS = ("_all_vectors", "_unit_vectors", "_artists", "_songs")
OF_SESSION = ("seed", "model", "notice", "catalogue", "_recommender", "_confidence_model", "has_unpredicted_tracks")
READ_AT_ONCE = 1 << 22  # bytes


@dataclass(frozen=True)
class SnapshotSource:
    """A file that a snapshot was made from: its path in the workspace, its state, and a hash of its content."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str = ""


def is_large(workspace: Workspace) -> bool:
    """Return whether a workspace has so many tracks that its snapshot is stored."""
    if not workspace.library_path.is_file():
        return False
    with open_library(workspace.library_path) as library:
        return library.counts()["tracks"] >= min_tracks()


def store_snapshot(workspace: Workspace, split: str | None, model: str | None, *, progress: Progress = silent) -> bool:
    """Compute a snapshot and write its file; return whether that could be done.

    It cannot if there are no shortlists (few tracks, or a model without vectors), or if the folder cannot be written.
    While a scan runs, the files may change before it is written; then it is never current, but newer than the last one.
    """
    before = sources(workspace)
    session = Session(workspace.root, split=split, model=model)
    index = BrowseIndex(session.catalogue)
    if session._shortlists is None:
        return False
    for done, step in enumerate(steps := _steps(session, index)):
        progress("snapshot", done, len(steps) + 1)
        step()
    digests = [_digest_of(workspace, source) for source in before]
    after = set(sources(workspace))
    made_from = [
        replace(old, digest=digest if old in after else "") for old, digest in zip(before, digests, strict=True)
    ]
    lists = session._shortlists
    content = {
        "session": {name: getattr(session, name) for name in OF_SESSION},
        "shortlists": {name: getattr(lists, name) for name in OF_SHORTLISTS},
        "keys": session._index_files._keys,
        "map": _map_vectors(session),
        "browse_index": index,
    }
    path, config = workspace.snapshot_path(split, model), _config(made_from)
    try:
        save_objects(path, KIND, content, CLASSES, config=config, conversions=CONVERSIONS)
    except (TypeError, UserError):  # a model of a class that is not stored, or a folder that cannot be written
        return False
    progress("snapshot", len(steps) + 1, len(steps) + 1)
    return True


def open_snapshot(
    workspace: Workspace, split: str | None, model: str | None, *, must_be_current: bool = True
) -> tuple[Session, BrowseIndex] | None:
    """Return the stored snapshot of the present files of a workspace; None without one, or if it is damaged.

    must_be_current  False: return that of earlier files too
    """
    path = workspace.snapshot_path(split, model)
    if not path.is_file():
        return None
    try:
        found, config = load_objects(path, KIND, CLASSES)
        if config["version"] != _version() or (must_be_current and not _is_current(workspace, config)):
            return None
        session = object.__new__(Session)
        vars(session).update(workspace=workspace, **found["session"])
        vars(session._index_files)["_keys"] = found["keys"]
        lists = Shortlists(session.catalogue, session._recommender, session._index_files.open)  # type: ignore[arg-type]
        vars(lists).update(found["shortlists"])
        vars(session)["_shortlists"] = lists
        if found["map"] is not None:
            assert session._map_shortlists is not None
            vars(session._map_shortlists)["_unit_vectors"] = found["map"]
        return session, found["browse_index"]
    except (UserError, OSError, KeyError, TypeError, AttributeError):  # damaged: made again
        return None


def _map_vectors(session: Session) -> Vectors | None:
    """Return the vectors of the map, None for a model without. The recommender keeps their space."""
    lists = session._map_shortlists if session.has_space else None
    return None if lists is None else lists._unit_vectors


def remove_if_damaged(workspace: Workspace, split: str | None, model: str | None) -> bool:
    """Read the whole file of a stored snapshot, and delete it if it is not what was written; return whether it was."""
    path = workspace.snapshot_path(split, model)
    if not path.is_file() or not is_damaged(path, KIND):
        return False
    path.unlink(missing_ok=True)
    return True


def sources(workspace: Workspace) -> list[SnapshotSource]:
    """Return the state of every file that a snapshot is made from, without hashes."""
    found = []
    for path in paths_of_snapshot(workspace):
        with suppress(OSError):
            state = path.stat()
            if state.st_size:  # an empty write-ahead log is the same as none
                name = path.relative_to(workspace.root).as_posix()
                found.append(SnapshotSource(name, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return found


def _is_current(workspace: Workspace, config: dict[str, Any]) -> bool:
    """Return whether a snapshot was made from the present files."""
    stored = [SnapshotSource(**values) for values in config["made_from"]]
    now = sources(workspace)
    if [one.path for one in stored] != [one.path for one in now]:
        return False
    return all(
        replace(old, digest="") == new or (old.size == new.size and _digest_of(workspace, new) == old.digest != "")
        for old, new in zip(stored, now, strict=True)
    )


def _config(made_from: list[SnapshotSource]) -> dict[str, Any]:
    return {"version": _version(), "made_from": [vars(source) for source in made_from]}


def _version() -> str:
    """Return what has to be the same in the program that reads a snapshot: its version, and the fields of classes."""
    fields = {name: sorted(getattr(made, "__annotations__", ())) for name, made in CLASSES.items()}
    return hashlib.sha256(json.dumps([FORMAT, __version__, fields], sort_keys=True).encode()).hexdigest()[:16]


def _digest_of(workspace: Workspace, source: SnapshotSource) -> str:
    """Return the hash of a file as it is now; empty if it is gone."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with (workspace.root / source.path).open("rb") as file:
            while block := file.read(READ_AT_ONCE):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def _steps(session: Session, index: BrowseIndex) -> list[Callable[[], object]]:
    """Return functions that compute everything which is stored."""
    catalogue, lists = session.catalogue, session._shortlists
    assert lists is not None
    return [
        lambda: [getattr(catalogue, name) for name in OF_CATALOGUE],
        lambda: [vectors.digests for _, vectors in lists.searched()],
        lambda: [getattr(lists, name) for name in OF_SHORTLISTS],
        lambda: _of_recommender(session._recommender),
        index.prepare,
        session.measure_confidence,
        lambda: session.has_unpredicted_tracks,
    ]


def _of_recommender(recommender: object) -> None:
    """Compute the cached values of a recommender and of what it consists of."""
    if isinstance(recommender, recommenders.FactorRecommender):
        _ = recommender.min_length
    elif isinstance(recommender, PairScorer):
        _ = recommender._artist_tracks
    elif isinstance(recommender, recommenders.EmbeddingRecommender | recommenders.WarmColdScorer):
        for part in state_of(recommender).values():
            _of_recommender(part)
