"""Shrinkage by hand: an artist's mean against what the sound says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.rankers.toy import make_world, with_features
from unheard.inference.artists import artist_table, count_of
from unheard.models.rankers.shrinkage import ArtistAndSound, Shrinkage
from unheard.models.rankers.tower import Linear
from unheard.training.rankers.shrinkage import fit_shrinkage


def test_the_mean_counts_for_n_and_the_sound_for_kappa() -> None:
    sound = Linear(torch.tensor([[2.0, 0.0]]), torch.tensor([0.0, 1.0]))  # (1 input, 2 factors)
    tower = ArtistAndSound(sound, torch.tensor([10.0, 10.0]), scale=0.5, kappa=3.0)
    x = torch.tensor([[1.0, 4.0, -2.0, float(np.log(2))], [1.0, 0.0, 0.0, 0.0]])  # one track of the artist; none
    # mean = 10 + 0.5 (4, -2) = (12, 9); sound = (2, 1); (1 (12, 9) + 3 (2, 1)) / 4
    np.testing.assert_allclose(tower(x).numpy(), [[4.5, 3.0], [2.0, 1.0]], rtol=1e-6)


def test_a_track_is_left_out_of_its_own_artists_mean() -> None:
    tracks = np.array([[1.0], [3.0], [8.0], [-12.0]], np.float32)
    table = artist_table(tracks, ["a", "a", "b", ""])
    means = table.columns_without_self(["a", "a", "b", ""], tracks)[:, 0] * table.scale
    np.testing.assert_allclose(means, [3, 1, 0, 0])  # the other one's; b has no other; nobody has none
    columns = table.columns(["a", "b", "c", ""])
    np.testing.assert_allclose(columns[:, 0] * table.scale, [2, 8, 0, 0])
    assert count_of(columns).tolist() == [2, 1, 0, 0]


def test_it_needs_artist_features() -> None:
    with pytest.raises(ValueError, match="set artist = true"):
        fit_shrinkage(make_world().data, Shrinkage(), seed=0, device=torch.device("cpu"))


def test_kappa_is_what_ranks_validation_tracks_best() -> None:
    """Artists' means that say everything are worth a small kappa, means that say nothing a large one."""
    data = make_world().data
    rng, dim, parts = np.random.default_rng(0), data.dim, (data.train, data.validation)
    noise = [rng.normal(size=(len(part), dim)).astype(np.float32) for part in parts]
    kept = {}
    for name, means in (("noise", noise), ("sound", [part.features[:, :dim] for part in parts])):
        counts = [np.full((len(part), 1), np.log1p(3), np.float32) for part in parts]
        columns = [np.concatenate([p.features, m, c], axis=1) for p, m, c in zip(parts, means, counts, strict=True)]
        with_artists = replace(with_features(data, *columns), n_artist_features=dim + 1)
        tower = fit_shrinkage(with_artists, Shrinkage(), seed=0, device=torch.device("cpu")).tower
        kept[name] = float(tower.get_buffer("kappa"))
    assert kept["noise"] == max(Shrinkage().kappas)
