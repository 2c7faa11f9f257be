"""Measure the estimates that rank played tracks in production, and the embeddings of changed playlists.

    python bench/first_plays.py W [--split tracks] [--model blend]

A fifth of the train plays of each playlist is hidden, and the factors are fitted again without them. Each playlist then
ranks all train tracks that it is not known to hold; its hidden tracks are relevant. Rows: tracks by their number of
known plays (only these tracks are ranked), and all train tracks. Columns:

    ALS                  the fitted factor
    prior                ridge regression, shrunk towards the mean of the artist's other tracks
    mean factor + plays  the estimate with the mean factor as prior, which shows what the prior adds
    estimate             of recommend/first_plays.py, with kappas that are chosen on validation tracks

With --model, a trained model with its own embedding space: test tracks are ranked for playlists by the learned
embeddings of the playlists, and by mapped ones (recommend/changed_playlists.py), each fifth of the playlists by a map
that was fitted to the others. `factors` ranks by the model's predicted factors.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Mask, Rows
from unheard.metrics import accuracy
from unheard.ranking import ranks_of
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.changed_playlists import mapped_embeddings
from unheard.recommend.cold_to_warm import estimates_of, with_plays
from unheard.recommend.first_plays import chosen_kappas
from unheard.recommend.holdout import hide, refitted
from unheard.recommend.models import make_recommender
from unheard.recommend.predicted import ridge
from unheard.recommend.recommenders import EmbeddingRecommender
from unheard.splits import Use
from unheard.workspace import Workspace

K = 20
BINS = ((1, 1), (2, 2), (3, 4), (5, 7), (8, 12), (13, 20), (21, 50), (51, 10**9))
FOLDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--split", default="tracks")
    parser.add_argument("--model")
    options = parser.parse_args()
    workspace = Workspace.open(options.workspace)
    catalogue = load_catalogue(workspace, options.split)
    hidden_plays(catalogue)
    if options.model:
        changed_playlists(workspace, catalogue, options.model)


def hidden_plays(catalogue: Catalogue) -> None:
    known, hidden = hide(catalogue, rng=np.random.default_rng(0))
    refit = refitted(catalogue, known, hidden, catalogue.warm.als)
    warm, predicted = refit.warm, ridge(refit)
    kappas = chosen_kappas(refit, predicted)
    tracks = np.flatnonzero(refit.use == Use.TRAIN).astype(np.int32)
    mean = np.repeat(warm.centre[None, :], len(tracks), axis=0)
    prior = estimates_of(refit, predicted, tracks).prior(kappas.artist)
    alpha, shown = warm.als.alpha, known[:, tracks]
    columns = {
        "ALS": np.where(warm.known[tracks, None], warm.tracks[tracks], mean),
        "prior": prior,
        "mean factor + plays": with_plays(mean, warm.playlists, shown, kappa=kappas.plays, alpha=alpha),
        "estimate": with_plays(prior, warm.playlists, shown, kappa=kappas.plays, alpha=alpha),
    }
    playlists = np.flatnonzero((np.diff(hidden.indptr) > 0) & warm.playlists.any(axis=1)).astype(np.int32)
    held, relevant = known[playlists][:, tracks].toarray() > 0, hidden[playlists][:, tracks]
    x = warm.playlists[playlists]
    scores = {name: products(x, factors) for name, factors in columns.items()}
    n_known = np.bincount(known.indices, minlength=len(catalogue))[tracks]
    print(f"{len(playlists)} playlists, kappa {kappas.plays:g}, of the artist {kappas.artist:g}; ndcg@{K} / AUC\n")
    print(f"| known plays | tracks | playlists | {' | '.join(columns)} |\n|---|---:|---:|{'---:|' * len(columns)}")
    for low, high in (*BINS, (1, 10**9)):
        chosen = (n_known >= low) & (n_known <= high)
        if chosen.any() and relevant[:, chosen].nnz:
            found = [figures(table, relevant, held, playlists, tracks, chosen) for table in scores.values()]
            title = f"{low}" if low == high else f"{low} or more" if high == 10**9 else f"{low}-{high}"
            cells = [f"{ndcg:.3f} / {auc:.3f}" for ndcg, auc, _ in found]
            print(f"| {title} | {chosen.sum()} | {found[0][2]} | {' | '.join(cells)} |")
    found = [figures(profile(factors, held), relevant, held, playlists, tracks) for factors in columns.values()]
    cells = [f"{ndcg:.3f} / {auc:.3f}" for ndcg, auc, _ in found]
    print(f"| all, mean cosine | {len(tracks)} | {found[0][2]} | {' | '.join(cells)} |")


def changed_playlists(workspace: Workspace, catalogue: Catalogue, model: str) -> None:
    recommender = make_recommender(workspace, catalogue, model)
    assert isinstance(recommender, EmbeddingRecommender), f"{model} has no embedding space of its own"
    ranking, before = recommender.ranking, catalogue.train_plays
    tracks = np.flatnonzero(catalogue.use == Use.TEST).astype(np.int32)
    playlists = np.flatnonzero(ranking.playlists.any(axis=1) & (catalogue.plays[:, tracks].getnnz(axis=1) > 0))
    playlists = playlists.astype(np.int32)
    fold = np.random.default_rng(0).integers(FOLDS, size=len(catalogue.playlists))
    mapped = np.zeros_like(ranking.playlists)
    for number in range(FOLDS):
        changed = fold == number
        mapped[changed] = mapped_embeddings(
            np.where(changed[:, None], np.float32(0), ranking.playlists),
            changed,
            catalogue.warm.playlists,
            ranking.tracks,
            before=before,
            now=before,
        )[changed]
    relevant, held = catalogue.plays[playlists][:, tracks], np.zeros((len(playlists), len(tracks)), np.bool_)
    assert recommender.factors.predicted is not None
    tables = {
        "learned": products(ranking.playlists[playlists], ranking.tracks[tracks]),
        "mapped": products(mapped[playlists], ranking.tracks[tracks]),
        "factors": products(catalogue.warm.playlists[playlists], recommender.factors.predicted[tracks]),
    }
    print(f"\n| playlists of {model} | n | ndcg@{K} / AUC |\n|---|---:|---:|")
    for name, scores in tables.items():
        ndcg, auc, n = figures(scores, relevant, held, playlists, tracks)
        print(f"| {name} | {n} | {ndcg:.3f} / {auc:.3f} |")


def products(x: Floats, y: Floats) -> Floats:
    scores: Floats = (x.astype(np.float64) @ y.astype(np.float64).T).astype(np.float32)
    return scores


def profile(factors: Floats, held: Mask) -> Floats:
    """Return the mean cosine of each track with the tracks that a playlist holds, (playlist, track)."""
    directions = factors - factors.mean(axis=0)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    return products(held.astype(np.float32) @ directions, directions)


def figures(
    scores: Floats, relevant: csr_matrix, held: Mask, playlists: Rows, tracks: Rows, chosen: Mask | None = None
) -> tuple[float, float, int]:
    """Return (nDCG, AUC, playlists) of scores (playlist, track) among some tracks, without those that are held."""
    columns = np.flatnonzero(np.ones(len(tracks), np.bool_) if chosen is None else chosen)
    among = relevant[:, columns]
    rows = np.flatnonzero(among.getnnz(axis=1))
    pairs = among[rows].tocoo()
    order = np.lexsort((pairs.col, pairs.row))
    query, column = pairs.row[order].astype(np.int64), pairs.col[order].astype(np.int64)
    masked = held[rows][:, columns]
    values = np.where(masked, np.float32(-np.inf), scores[rows][:, columns])
    rank, mid = ranks_of(values, query, column, seed=0, queries=playlists[rows], candidates=tracks[columns])
    ranks = accuracy.Ranks.of(query, rank, len(rows))
    auc = accuracy.auc(query, mid, (~masked).sum(axis=1))
    return float(np.nanmean(accuracy.ndcg_at_k(ranks, K))), float(np.nanmean(auc)), len(rows)


if __name__ == "__main__":
    main()
