"""Measure the estimates that rank played tracks in production, and the embeddings of changed playlists.

    python bench/first_plays.py W [--split tracks] [--model blend] [--late DATA]

A fifth of the train plays of each playlist is hidden, and the factors are fitted again without them. Each playlist then
ranks all train tracks that it is not known to hold; its hidden tracks are relevant. Rows: tracks by their number of
known plays (only these tracks are ranked), and all train tracks. Columns:

    ALS                  the fitted factor
    prior                ridge regression, shrunk towards the mean of the artist's other tracks
    mean factor + plays  the estimate with the mean factor as prior, which shows what the prior adds
    estimate             of recommend/first_plays.py, with kappas that are chosen on validation tracks

With --model, a trained model with its own embedding space: test tracks are ranked for playlists by the learned
embeddings of the playlists, and by mapped ones (recommend/changed_playlists.py), each fifth of the playlists by a map
that `factors` ranks by the model's predicted factors.

With --late, a folder with tracks.csv, vectors.npz and playlists.csv: a tenth of the playlists (of at least 10 tracks)
is imported after factors and the model reduced-rank were fitted to the others. A fifth of their tracks is hidden; all
other tracks are ranked for them, without a training and with one.

Intervals of differences are 95 %, bootstrap over playlists, paired; seed 0.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats, Mask, Rows
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.metrics import accuracy
from unheard.metrics.chance import chance_ndcg
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.models.ranker_recipe import load_any_recipe
from unheard.plays import import_playlists
from unheard.ranking import ranks_of
from unheard.recommend.calibrate import calibrate
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.changed_playlists import mapped_embeddings
from unheard.recommend.cold_to_warm import estimates_of, with_plays
from unheard.recommend.first_plays import chosen_kappas, with_first_plays
from unheard.recommend.holdout import HIDDEN_ONE_IN, hide, refitted
from unheard.recommend.models import make_recommender
from unheard.recommend.predicted import ridge
from unheard.recommend.recommenders import EmbeddingRecommender
from unheard.scan.scan import scan
from unheard.splits import LIVE, Use, load_split, renew_live
from unheard.training.train import train
from unheard.workspace import Workspace

K = 20
BINS = ((1, 1), (2, 2), (3, 4), (5, 7), (8, 12), (13, 20), (21, 50), (51, 10**9))
FOLDS = 5
LEAST = 10  # tracks of a late playlist
LATE_MODEL = "reduced-rank"


@dataclass(frozen=True)
class Figures:
    """nDCG and AUC of each playlist, and the mean nDCG of a random ranking."""

    ndcg: Doubles
    auc: Doubles
    chance: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--split", default="tracks")
    parser.add_argument("--model")
    parser.add_argument("--late", type=Path)
    options = parser.parse_args()
    workspace = Workspace.open(options.workspace)
    catalogue = load_catalogue(workspace, options.split)
    hidden_plays(catalogue)
    if options.model:
        changed_playlists(workspace, catalogue, options.model)
    if options.late:
        with tempfile.TemporaryDirectory() as folder:
            late_playlists(Path(folder), options.late)


def hidden_plays(catalogue: Catalogue) -> None:
    known, hidden = hide(catalogue, rng=np.random.default_rng(0))
    refit = refitted(catalogue, known, hidden)
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
    print(f"kappa {kappas.plays:g}, of the artist {kappas.artist:g}\n\n{head('known plays | tracks', columns)}")
    for low, high in (*BINS, (1, 10**9)):
        chosen = (n_known >= low) & (n_known <= high)
        if chosen.any() and relevant[:, chosen].nnz:
            found = [figures(table, relevant, held, playlists, tracks, chosen) for table in scores.values()]
            title = f"{low}" if low == high else f"{low} or more" if high == 10**9 else f"{low}-{high}"
            print(row(f"{title} | {chosen.sum()}", found))
    found = [figures(profile(factors, held), relevant, held, playlists, tracks) for factors in columns.values()]
    print(row(f"all, by mean cosine with the known tracks | {len(tracks)}", found))


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
    found = [figures(scores, relevant, held, playlists, tracks) for scores in tables.values()]
    print(f"\n{head(f'playlists of {model}', tables)}\n{row('all', found)}")


def late_playlists(folder: Path, data: Path) -> None:
    with (data / "playlists.csv").open(encoding="utf-8", newline="") as file:
        lists: dict[str, list[str]] = {}
        for line in csv.DictReader(file):
            lists.setdefault(line["playlist_id"], []).append(line["track_id"])
    rng, names = np.random.default_rng(0), sorted(lists)
    late = [name for name, drawn in zip(names, rng.random(len(names)) < 0.1, strict=True) if drawn]
    late = [name for name in late if len(lists[name]) >= LEAST]
    hidden = {name: set(rng.permutation(lists[name])[: len(lists[name]) // HIDDEN_ONE_IN]) for name in late}
    workspace = Workspace.init(folder / "w")
    scan(workspace, [data / "tracks.csv", data / "vectors.npz"], jobs=1)

    def import_some(names: Iterable[str]) -> None:
        lines = [f"{p},{track}\n" for p in names for track in lists[p] if track not in hidden.get(p, ())]
        (folder / "some.csv").write_text("playlist_id,track_id\n" + "".join(lines), encoding="utf-8")
        import_playlists(workspace, [folder / "some.csv"])

    def fit() -> None:
        renew_live(workspace)
        compute_factors(workspace, LIVE, AlsConfig(dim=64))
        train(workspace, load_any_recipe(LATE_MODEL), load_split(workspace, LIVE))
        calibrate(workspace, LIVE, LATE_MODEL)

    def measured(*, first_plays: bool) -> Figures:
        catalogue = load_catalogue(workspace, LIVE)
        recommender = make_recommender(workspace, catalogue, LATE_MODEL)
        if first_plays:
            recommender = with_first_plays(workspace, catalogue, recommender)
        playlists, tracks = catalogue.playlists.rows(late), np.arange(len(catalogue), dtype=np.int32)
        held = catalogue.plays[playlists].toarray() > 0
        relevant = np.array([[name in hidden[p] for name in catalogue.tracks.ids] for p in late]) & ~held
        return figures(recommender.scores(playlists, tracks), csr_matrix(relevant), held, playlists, tracks)

    import_some(name for name in names if name not in late)
    fit()
    import_some(late)
    without = measured(first_plays=True)
    fit()
    tables = {
        "trained again, ALS factors": measured(first_plays=False),
        "trained again, estimates": measured(first_plays=True),
        "not trained again, estimates": without,
    }
    print(f"\n{head('late playlists', tables)}\n{row(str(len(late)), list(tables.values()))}")


def head(first: str, columns: Iterable[str]) -> str:
    names = [*columns]
    titles = [*first.split(" | "), "playlists", "chance", *names, f"{names[-1]} - {names[0]}, ndcg"]
    return f"| {' | '.join(titles)} |\n|---|{'---:|' * (len(titles) - 1)}"


def row(first: str, found: Sequence[Figures]) -> str:
    difference = found[-1].ndcg - found[0].ndcg
    resamples = Resamples.draw(np.arange(len(difference)), rng=np.random.default_rng(0))
    low, high = percentile_interval(resamples.means(difference)) or (np.nan, np.nan)
    cells = [f"{np.nanmean(one.ndcg):.3f} / {np.nanmean(one.auc):.3f}" for one in found]
    by_chance = f"{found[0].chance:.3f} / .500"
    return (
        f"| {first} | {len(difference)} | {by_chance} | {' | '.join(cells)} "
        f"| {np.nanmean(difference):+.3f} [{low:+.3f}, {high:+.3f}] |"
    )


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
) -> Figures:
    """Return the figures of scores (playlist, track) among some tracks, without those that are held."""
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
    expected = chance_ndcg((~masked).sum(axis=1), np.bincount(query, minlength=len(rows)), K)
    return Figures(accuracy.ndcg_at_k(ranks, K), auc, float(expected.mean()))


if __name__ == "__main__":
    main()
