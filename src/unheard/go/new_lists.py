"""Make the lists of `unheard go`: one for each playlist, "New for you", and radio lists from sound alone.

New for you   reciprocal rank fusion of the lists of all playlists, so that each playlist counts alike
radio         the library's tracks are clustered by their features (k-means on unit vectors); each cluster's most
              central track is the seed of a list of its neighbours
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unheard.arrays import Floats, Rows
from unheard.go.data_size import list_length, n_radios
from unheard.plays import Playlist
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Candidates
from unheard.recommend.filters import genres_of
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import Recommendation
from unheard.recommend.shown_scores import RANK_OFFSET
from unheard.session import Session

NEW_FOR_YOU = "New for you"
POOL = 4  # tracks of each playlist's list that are fused, in lengths of the list
MAX_NAME_BYTES = 120  # of a file name, of the 255 that file systems allow
GENRE_SHARE = 0.5  # of a radio's tracks, for the radio to be named by a genre


@dataclass(frozen=True)
class NewList:
    """A list with its title; `playlist` is the name of the playlist for which it is, "" for other lists."""

    title: str
    tracks: tuple[Recommendation, ...]
    playlist: str = ""


def lists_of(
    session: Session, playlists: Sequence[Playlist], options: ListOptions, progress: Progress = silent
) -> list[NewList]:
    """Return "New for you" and a list for each playlist that has a track of the library; radio lists without any."""
    names = {playlist.playlist_id: playlist.name or playlist.playlist_id for playlist in playlists}
    with_tracks = [
        name
        for row, name in enumerate(session.catalogue.playlists)
        if session.catalogue.plays[row].nnz and name in names
    ]
    if not with_tracks:
        return list(radio_lists(session, options))
    candidates = candidates_for(session)
    length = list_length(options.n, len(session.catalogue.candidates(candidates, new=True)))
    pool = options.changed(n=POOL * length, candidates=candidates, explain=False)
    found: list[NewList] = []
    pools: list[list[Recommendation]] = []
    for done, name in enumerate(with_tracks, start=1):
        pools.append(session.recommendations(playlist=name, options=pool))
        found.append(NewList(f"New for {names[name]}", tuple(pools[-1][:length]), names[name]))
        progress("making lists", done, len(with_tracks))
    return [NewList(NEW_FOR_YOU, tuple(fused(pools, session, options, length))), *found]


def candidates_for(session: Session) -> Candidates:
    """Return "cold", tracks that nobody has played; "all" if everything has been played."""
    return "cold" if len(session.catalogue.candidates("cold", new=True)) else "all"


def fused(
    pools: Iterable[Sequence[Recommendation]], session: Session, options: ListOptions, length: int
) -> list[Recommendation]:
    """Return the tracks with the largest sums over lists of 1 / (60 + rank), within the caps of artists and albums."""
    scores: defaultdict[int, float] = defaultdict(float)
    found: dict[int, Recommendation] = {}
    for pool in pools:
        for item in pool:
            scores[item.row] += 1 / (RANK_OFFSET + item.rank)
            found.setdefault(item.row, item)
    played = set(session.catalogue.plays.indices.tolist()) if candidates_for(session) == "all" else set()
    catalogue, caps = session.catalogue, (options.max_per_artist, options.n_per_album)
    taken, songs, kept = (Counter[int](), Counter[int]()), set[int](), list[Recommendation]()
    for row in sorted(scores, key=lambda row: (-scores[row], catalogue.tracks.ids[row])):
        groups, song = (int(catalogue.main_artist[row]), int(catalogue.album[row])), int(catalogue.song[row])
        over = any(cap is not None and n[group] >= cap for cap, n, group in zip(caps, taken, groups, strict=True))
        if not over and song not in songs and row not in played and len(kept) < length:
            for n, group in zip(taken, groups, strict=True):
                n[group] += 1
            songs.add(song)
            kept.append(replace(found[row], rank=len(kept) + 1, score=scores[row]))
    return kept


# ----------------------------------------------------------------------------------------------------- sound alone


def radio_lists(session: Session, options: ListOptions) -> Iterator[NewList]:
    """Yield lists of similar tracks that together cover the library. UserError if no track has features."""
    catalogue = session.catalogue
    offered = catalogue.candidates("all", new=True)
    left_out = catalogue.tracks.ids.rows(sorted(session.disliked), missing=-1)
    rows = offered[catalogue.content.known[offered] & ~np.isin(offered, left_out)]
    if not len(rows):
        return
    taken: set[str] = set()
    for seed in _central_tracks(session.directions[rows], n_radios(len(rows))):
        row = int(rows[seed])
        length = list_length(options.n, len(rows)) - 1
        near = session.neighbours(
            session.catalogue.tracks.ids[row],
            options=options.changed(n=max(1, length), candidates="all", explain=False),
        )
        track = session.catalogue.tracks[row]
        first = Recommendation(1, row, track.track_id, track.label, 1.0, ())
        tracks = (first, *(replace(item, rank=item.rank + 1) for item in near))
        title = f"Radio {_genre(session, tracks)}like {track.label}"
        if title not in taken:
            taken.add(title)
            yield NewList(title, tracks)


def _central_tracks(directions: Floats, n: int) -> Rows:
    """Return for each of at most `n` clusters of unit vectors (track, f) the row of the track nearest to its centre."""
    from sklearn.cluster import KMeans

    n = min(n, len(np.unique(directions, axis=0)))
    clusters = KMeans(n, n_init=3, random_state=0).fit(directions)
    distances = clusters.transform(directions)
    own = [np.flatnonzero(clusters.labels_ == cluster) for cluster in range(n)]
    sizes = np.array([len(members) for members in own])
    order = np.argsort(-sizes, kind="stable")
    return np.array([own[c][np.argmin(distances[own[c], c])] for c in order], np.int32)


def _genre(session: Session, tracks: Sequence[Recommendation]) -> str:
    """Return the genre of most of the tracks and a comma, or nothing."""
    counts = Counter(genre for item in tracks for genre in set(genres_of(session.catalogue.tracks[item.row])))
    if not counts:
        return ""
    genre, n = counts.most_common(1)[0]
    return f"{genre}, " if n >= GENRE_SHARE * len(tracks) else ""


# ----------------------------------------------------------------------------------------------------- file names


def file_names(titles: Sequence[str]) -> list[str]:
    """Return one distinct file name for each title, without a suffix, valid on Windows, macOS and Linux."""
    names: list[str] = []
    taken: set[str] = set()
    for title in titles:
        stem = safe_name(title)
        name, number = stem, 2
        while name.casefold() in taken:  # file systems of macOS and Windows ignore case
            name, number = f"{stem} ({number})", number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


def safe_name(title: str) -> str:
    """Return a title as a file name: without separators, reserved and control characters, not too long."""
    text = unicodedata.normalize("NFC", title)
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    text = " ".join(re.sub(r'[<>:"/\\|?*]', "-", text).split()).strip(". ")
    return text.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore").rstrip() or "list"
