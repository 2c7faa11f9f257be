"""A blend without its parts: nothing is fitted again, and what is left is what a fit without the part would make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import make_world
from tests.experiments.test_rivals import TEN
from unheard.errors import MissingStageError, UserError
from unheard.experiments.ablation import ABLATION, Options, tables
from unheard.experiments.experiment import run_experiment
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.inference.predictions import load_predictions
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.library import open_library
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.kernel_ridge import KernelRidge
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.models.rankers.shrinkage import Shrinkage
from unheard.plays import Play, Plays, replace_playlists
from unheard.splits import load_split, write_splits
from unheard.training.ablate import without_member
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

PARTS = (Member(Ridge()), Member(ReducedRank(), times=2), Member(Shrinkage(), artist=True))
BLEND = RankerRecipe("mixed", "three parts", ("statistics",), PARTS)
NAMES = ("mixed-without-ridge", "mixed-without-reduced-rank", "mixed-without-shrinkage-artist")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Playlists of tracks that sound alike, and a blend fitted with two seeds."""
    world = make_world(tmp_path_factory.mktemp("ablation") / "w")
    rng = np.random.default_rng(2)
    tastes = rng.normal(size=(40, world.factors.dim)) @ world.factors.tracks.T
    with open_library(world.workspace.library_path) as library, library.transaction():
        replace_playlists(
            world.workspace,
            Plays.of(
                [
                    Play(f"p{row}", world.ids[int(track)], place)
                    for row, taste in enumerate(tastes)
                    for place, track in enumerate(np.argsort(-taste)[:15])
                ]
            ),
        )
    write_splits(world.workspace.splits_path, {"artists": TEN})
    compute_factors(world.workspace, "artists", AlsConfig(dim=6, iterations=5))
    for seed in range(2):
        fit_rankers(world.workspace, BLEND, load_split(world.workspace, "artists"), seed=seed)
    return world.workspace


@pytest.mark.parametrize("place", range(3))
def test_it_is_what_a_fit_without_the_part_makes(workspace: Workspace, place: int) -> None:
    name = without_member(workspace, "artists", "mixed", place)
    assert name == NAMES[place]
    rest = RankerRecipe("rest", "", BLEND.features, tuple(m for n, m in enumerate(PARTS) if n != place))
    fit_rankers(workspace, rest, load_split(workspace, "artists"))
    left, made = (load_ranker(workspace.model_dir("artists", some) / "ranker.safetensors") for some in (name, "rest"))
    for key in ("kind", "weight", "head", "member"):
        assert [note[key] for note in left.config["members"]] == [note[key] for note in made.config["members"]]
    here, there = (load_predictions(workspace, "artists", some) for some in (name, "rest"))
    assert here.track_embeddings is not None
    assert there.track_embeddings is not None
    np.testing.assert_allclose(here.track_embeddings, there.track_embeddings, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(here.factors, there.factors, rtol=1e-5, atol=1e-6)


def test_the_table_names_every_part_and_fits_none_again(workspace: Workspace) -> None:
    path = workspace.model_dir("artists", "mixed") / "ranker.safetensors"
    before = path.read_bytes()
    findings = run_experiment(ABLATION, workspace, "artists", Options("mixed", seeds=2))
    assert path.read_bytes() == before
    assert not list(path.parent.parent.glob("mixed-without-*"))
    figures, leads = tables(findings)
    assert {row[0] for row in figures.rows} == {"random", *NAMES, "mixed", "oracle"}
    assert {row[0] for row in leads.rows} == {"random", *NAMES}
    assert findings["seeds"] == 2


def test_mistakes_are_one_line(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(MissingStageError, match=r"'mixed@2'.*unheard train mixed .*--seed 2"):
        run_experiment(ABLATION, workspace, "artists", Options("mixed", seeds=3))
    alone = RankerRecipe("alone", "", ("statistics",), (Member(KernelRidge(features=20)),))
    fit_rankers(workspace, alone, load_split(workspace, "artists"))
    with pytest.raises(UserError, match="has one member"):
        run_experiment(ABLATION, workspace, "artists", Options("alone", seeds=1))
    with open_library(workspace.library_path) as library, library.transaction():
        replace_playlists(workspace, Plays.of([Play("p0", "t000", 0), Play("p0", "t001", 1)]))
    compute_factors(workspace, "artists", AlsConfig(dim=6, iterations=1))
    with pytest.raises(UserError, match=r"fitted to other tracks|train tracks"):
        without_member(workspace, "artists", "mixed", 0)
