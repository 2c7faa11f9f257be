"""Write test plays and lists of models for ranx, https://amenra.github.io/ranx.

    qrels.json         {playlist_id: {track_id: 1}}: the test tracks of each playlist
    run-<model>.json   {playlist_id: {track_id: score}}: the best candidates, best first

`Qrels.from_file("qrels.json")`, `Run.from_file("run-blend.json")`. The lists are those that `evaluate` measures, among
the test tracks. Equal scores are made to fall by the least possible amount in the order of the list, because ranx
orders a list by its scores alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from unheard.arrays import Floats
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import best_tracks, playlist_blocks, playlists_with_tests
from unheard.recommend.recommenders import Recommender
from unheard.splits import Use


def write_ranx(
    folder: Path, catalogue: Catalogue, recommenders: Mapping[str, Recommender], *, n: int, seed: int = 0
) -> None:
    """Write the test plays, and a run of each model with lists of up to `n` tracks."""
    playlists, ids = playlists_with_tests(catalogue), catalogue.tracks.ids
    relevant = catalogue.plays_of(Use.TEST)
    _write(
        folder / "qrels.json",
        ((catalogue.playlists[int(row)], dict.fromkeys(ids.take(relevant[int(row)].indices), 1)) for row in playlists),
    )
    for name, recommender in recommenders.items():
        file = re.sub(r"[^\w.@-]+", "-", name)
        _write(folder / f"run-{file}.json", _lists(catalogue, recommender, n=n, seed=seed))


def _lists(
    catalogue: Catalogue, recommender: Recommender, *, n: int, seed: int
) -> Iterator[tuple[str, dict[str, float]]]:
    playlists, candidates = playlists_with_tests(catalogue), catalogue.candidates("cold", new=False)
    for block in playlist_blocks(catalogue, recommender, playlists, candidates):
        best = best_tracks(block, candidates, n=n, seed=seed)
        for query, (columns, scores) in zip(block.queries, best, strict=True):
            tracks = catalogue.tracks.ids.take(candidates[columns])
            yield catalogue.playlists[int(query)], dict(zip(tracks, _falling(scores), strict=True))


def _falling(scores: Floats) -> list[float]:
    """Return scores, highest first, each below the one before it."""
    found: list[float] = []
    for score in scores.astype(np.float64).tolist():
        found.append(min(score, float(np.nextafter(found[-1], -np.inf))) if found else score)
    return found


def _write(path: Path, lists: Iterator[tuple[str, dict[str, float]]] | Iterator[tuple[str, dict[str, int]]]) -> None:
    """Write one JSON object, a playlist a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("{")
        for number, (playlist, values) in enumerate(lists):
            comma = ",\n" if number else "\n"
            file.write(f"{comma}{json.dumps(playlist)}: {json.dumps(values, allow_nan=False)}")
        file.write("\n}\n")
