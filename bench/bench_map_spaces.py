"""Compare spaces in which a map can show known and new tracks together, on one workspace.

    python bench/bench_map_spaces.py WORKSPACE [--split artists] [--similar]

prints the table of docs/decisions/0015-map-in-one-space.md: for each space and projection, of the 10 tracks that are
nearest on the map

    new|new      share of new tracks around a new track, and the same without tracks of its artist; chance is the base
    new|known    share of new tracks around a known track
    genre        share with the genre of the track in the middle; of new tracks and of known ones
    true         share that is among its 10 nearest by the factors of all plays; of new tracks and of known ones

`--similar` compares, in the same terms, ways to sort lists of both kinds (no projection). The workspace needs the
factors of all plays. A track is new if it is no train track with plays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import unheard
from unheard.inference.predictions import load_predictions
from unheard.recommend.filters import genres_of
from unheard.recommend.mixed_lists import kind_scales, scaled_by
from unheard.recommend.track_map import pca, tsne
from unheard.splits import Use

Vectors = NDArray[np.float64]
K = 10
RUNS = 3  # of t-SNE, which starts from another point each time


def unit(x: Vectors) -> Vectors:
    """Return rows scaled to length 1."""
    scaled: Vectors = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return scaled


def coloured(x: Vectors, new: NDArray[np.bool_]) -> Vectors:
    """Give new tracks the mean and covariance of known ones by the optimal linear map between two Gaussians."""
    a, b, out = x[new], x[~new], x.copy()

    def power(m: Vectors, exponent: float) -> Vectors:
        w, v = np.linalg.eigh(m)
        result: Vectors = (v * np.maximum(w, 1e-3 * w.max()) ** exponent) @ v.T
        return result

    root, inverse = power(np.cov(a.T), 0.5), power(np.cov(a.T), -0.5)
    out[new] = (a - a.mean(axis=0)) @ (inverse @ power(root @ np.cov(b.T) @ root, 0.5) @ inverse).T + b.mean(axis=0)
    return out


def neighbours_mean(predicted: Vectors, played: Vectors, known: NDArray[np.intp], k: int) -> Vectors:
    """Return for each track the mean played factor of the `k` other known tracks that are nearest by predictions."""
    near = predicted @ predicted[known].T
    near[known, np.arange(len(known))] = -np.inf
    best = np.argpartition(-near, k, axis=1)[:, :k]
    weight = np.maximum(np.take_along_axis(near, best, axis=1), 0) ** 2 + 1e-9
    weight /= weight.sum(axis=1, keepdims=True)
    means: Vectors = np.einsum("nk,nkd->nd", weight, played[known][best])
    return means


def nearest(similarities: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the K nearest tracks of each, (n, K), never the track itself."""
    others = similarities.astype(np.float64)
    np.fill_diagonal(others, -np.inf)
    return np.argpartition(-others, K, axis=1)[:, :K]


def on_plane(points: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the K nearest points of each."""
    x = points.astype(np.float64)
    return nearest(-((x[:, None] - x[None]) ** 2).sum(axis=2))


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("workspace", type=Path)
    options.add_argument("--split", default="artists")
    options.add_argument("--similar", action="store_true")
    given = options.parse_args()
    session = unheard.open(given.workspace, split=given.split)
    catalogue = session.catalogue
    assert catalogue.full is not None, "run `unheard factors` first"
    stored = load_predictions(session.workspace, given.split, session.model)
    predicted = stored.factors[stored.ids.rows(catalogue.tracks.ids)].astype(np.float64) - catalogue.warm.centre
    played = catalogue.warm.tracks.astype(np.float64) - catalogue.warm.centre
    is_known = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    new, known = ~is_known, np.flatnonzero(is_known)
    mixed = np.where(is_known[:, None], played, predicted)
    whole = catalogue.full.tracks.astype(np.float64)
    true = nearest(unit(whole - whole[known].mean(axis=0)) @ unit(whole - whole[known].mean(axis=0)).T)
    genre = np.array([next(iter(genres_of(track)), "") for track in catalogue.tracks.items])

    def row(name: str, found: list[NDArray[np.intp]]) -> None:
        figures = []
        for near in found:
            other = catalogue.main_artist[near] != catalogue.main_artist[:, None]
            same = genre[near] == genre[:, None]
            hits = np.array([len(set(a) & set(b)) / K for a, b in zip(near, true, strict=True)])
            new_near = new[near]
            figures.append(
                [new_near[new].mean(), new_near[new][other[new]].mean(), new_near[known].mean()]
                + [value[kind].mean() for value in (same, hits) for kind in (new, is_known)]
            )
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.mean(figures, axis=0)) + " |")

    print(f"{session.model}, split {given.split}: {len(new)} tracks, base {new.mean():.2f}")
    print("| | new\\|new | by others | new\\|known | genre, new | genre, known | true, new | true, known |")
    print("|---|---|---|---|---|---|---|---|")
    spaces = {
        "factors from plays for known tracks, predicted for new ones": unit(mixed),
        "predicted for all": unit(predicted),
        "as the first, covariance of new tracks matched": unit(coloured(mixed, new)),
        "predicted for all, covariance of new tracks matched": unit(coloured(predicted, new)),
        "new tracks at 5 known ones that are near by predictions": unit(
            np.where(is_known[:, None], unit(played), neighbours_mean(unit(predicted), played, known, 5))
        ),
        "all tracks at 5 other known ones": unit(neighbours_mean(unit(predicted), played, known, 5)),
        "factors of all plays (oracle)": unit(whole - whole[known].mean(axis=0)),
    }
    if given.similar:
        first = (unit(mixed) @ unit(mixed).T).astype(np.float32)
        ranked = np.empty_like(first)
        for i in range(len(first)):
            own = first[i : i + 1]
            ranked[i] = scaled_by(kind_scales(own, new, others=np.arange(len(first)) != i), own, new)[0]
        row("cosine", [nearest(first)])
        row("cosine, scaled by kind", [nearest(ranked)])
        row("cosine of predicted factors", [nearest(unit(predicted) @ unit(predicted).T)])
        row("factors of all plays (oracle)", [true])
        return
    for name, directions in spaces.items():
        row(f"PCA: {name}", [on_plane(pca(directions))])
    for name, directions in spaces.items():
        row(f"t-SNE: {name}", [on_plane(tsne(directions, rng=np.random.default_rng(run))) for run in range(RUNS)])


if __name__ == "__main__":
    main()
