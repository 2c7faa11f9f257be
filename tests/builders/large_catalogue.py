"""A catalogue of any size that is made in memory from vectors, for shortlists: no workspace, no audio, no training."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from tests.index.worlds import clustered
from unheard.arrays import Floats
from unheard.ids import IdMap
from unheard.library import Track, Tracks
from unheard.models.combiner import Combiner
from unheard.recommend.catalogue import Catalogue, Content, PlaylistOrder, Space
from unheard.recommend.combined import PairScorer
from unheard.recommend.predicted import from_predictions
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Scale
from unheard.recommend.scales import warm_cold_scorer
from unheard.splits import Split, Use

PER_ARTIST = 6
GENRES = ("Rock", "Jazz", "Electronic", "Folk", "Classical")


def large_catalogue(n: int, m: int, d: int, rng: np.random.Generator) -> Catalogue:
    """Return `n` tracks, two thirds of them warm, with factors of `d` numbers, and `m` playlists of neighbours.

    `full` holds the factors of all tracks; those of `warm` are of the warm ones.
    """
    vectors = clustered(n, d, rng)
    n_artists = max(1, n // PER_ARTIST)
    artist = rng.integers(n_artists, size=n)
    tracks = Tracks(
        tuple(
            Track(
                f"track-{row:07d}", title=f"Song {row}", artists=(f"Artist {artist[row]}",),
                album=f"Album {artist[row]}-{row % 3}", genre=GENRES[row % len(GENRES)],
                release_date=str(1970 + row % 50), duration_s=100.0 + row % 400,
            )
            for row in range(n)
        )
    )  # fmt: skip
    use = np.where(np.arange(n) % 3 < 2, Use.TRAIN, Use.TEST).astype(np.int8)
    warm = np.flatnonzero(use == Use.TRAIN)
    entries = []
    for _ in range(m):
        near = warm[np.argpartition(-(vectors[warm] @ vectors[rng.choice(warm)]), 40)[:40]]
        entries.append(np.sort(rng.choice(near, 20, replace=False)))
    starts = np.arange(m + 1) * 20
    indices = np.concatenate(entries).astype(np.int32)
    plays = csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(m, n))
    playlists = np.stack([vectors[rows].mean(axis=0) for rows in entries])
    known = use == Use.TRAIN
    space = Space(np.where(known[:, None], vectors, np.float32(0)), known, playlists, vectors[known].mean(axis=0))
    full = Space(vectors, np.ones(n, np.bool_), playlists, space.centre)
    nothing = Content(np.zeros((n, 0), np.float32), np.zeros(n, np.bool_))
    return Catalogue(
        tracks, IdMap(f"p{row:04d}" for row in range(m)), plays, plays, csr_matrix((m, n), dtype=np.float32), use,
        space, full, nothing, nothing, Split("artists", {}, {}),
        PlaylistOrder(indices, starts), np.zeros((0, 2), np.int64), np.zeros(m, np.bool_),
    )  # fmt: skip


def by_factors(catalogue: Catalogue, rng: np.random.Generator) -> FactorRecommender:
    """Return a recommender that predicts factors which are shorter than those of the plays, and wrong by a little."""
    assert catalogue.full is not None
    predicted = 0.6 * _noisy(catalogue.full.tracks, rng)
    return from_predictions(catalogue, "factors", predicted)


def by_members(catalogue: Catalogue, rng: np.random.Generator, *, combined: bool) -> EmbeddingRecommender:
    """Return a recommender as a blend makes: two members' embeddings, warm tracks by factors, perhaps a combiner."""
    factors = by_factors(catalogue, rng)
    d = catalogue.warm.dim
    assert catalogue.full is not None
    turned = np.linalg.qr(rng.normal(size=(d, d)))[0].astype(np.float32)
    members = [_noisy(catalogue.full.tracks @ turned, rng), factors.tracks]
    playlists = [np.stack([one[row.indices].mean(axis=0) for row in catalogue.train_plays]) for one in members]
    embeddings, queries = np.hstack(members), np.hstack(playlists)
    centre = embeddings.mean(axis=0)
    pairs = PairScorer(combiner(2, d, centre, rng), catalogue.train_plays, catalogue.main_artist) if combined else None
    return EmbeddingRecommender(
        "blend",
        FactorRecommender("embeddings", embeddings, queries, centre),
        factors,
        warm_cold_scorer(catalogue, Scale(0.8, 0.1)),
        pairs,
    )


def _noisy(vectors: Floats, rng: np.random.Generator) -> Floats:
    found: Floats = vectors + 0.5 * vectors.std(axis=0) * rng.standard_normal(vectors.shape, dtype=np.float32)
    return found


def combiner(n_members: int, d: int, centre: Floats, rng: np.random.Generator) -> Combiner:
    """Return a combiner that adds members by unequal weights, raises the playlist's artists, and bends a little."""
    f, h = n_members + 3, 8
    linear = np.array([1.0, 0.5, *[0.3] * (n_members - 2), 1.5, -0.1, 0.0], np.float32)
    deviation = np.array([*[0.2] * n_members, 1.0, 1.0, 1.0], np.float32)
    hidden, bias, out = (
        (scale * rng.normal(size=shape)).astype(np.float32) for scale, shape in ((0.2, (f, h)), (0.2, h), (0.3, h))
    )
    starts = np.arange(n_members + 1) * d
    return Combiner(starts, centre, np.zeros(f, np.float32), deviation, linear, hidden, bias, out)
