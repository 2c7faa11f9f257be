"""Tests of recipes: shipped ones are valid, and users' recipes are checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unheard.errors import UserError
from unheard.models.ranker_recipe import load_any_recipe
from unheard.models.recipe import Mse, Recipe, TripletSemiHard, load_recipe, recipe_from, recipe_names

GOOD = """
name = "mine"
about = "a test"
[[stage]]
input = "patches"
output = 16
epochs = 3
[stage.cnn]
channels = [4, 8]
pools = [[2, 2], [4, 4]]
[stage.triplet-semi-hard]
margin = 0
[stage.adam]
learning_rate = 1
[[stage]]
input = "previous"
[stage.dense]
layers = []
[stage.mse]
"""


def test_shipped_recipes_load_and_survive_a_round_trip() -> None:
    assert {
        "bag-of-tones",
        "cnn",
        "mlp",
        "triplet",
        "triplet-2d",
        "triplet-cnn",
        "triplet-content",
        "triplet-offline",
    } <= set(recipe_names())
    for name in recipe_names():
        recipe = load_any_recipe(name)
        if not isinstance(recipe, Recipe):  # tests/training/rankers/test_fit.py
            continue
        assert recipe.name == name
        assert recipe.about
        assert recipe_from(recipe.as_dict(), name) == recipe


@pytest.mark.parametrize("name", ["bag-of-tones", "cnn", "triplet-offline"])
def test_parity_recipes_keep_the_published_settings(name: str) -> None:
    for stage in load_recipe(name).stages:
        adam = stage.adam
        assert (adam.learning_rate, adam.beta1, adam.beta2, adam.epsilon) == (1e-4, 0.9, 0.999, 1e-6)
        assert (adam.decay, adam.weight_decay, adam.schedule) == (1e-8, 0.0, "constant")
        assert stage.batch_size == 32
        assert stage.scaling == "standard"


def test_a_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    recipe = load_recipe(str(path))
    first, second = recipe.stages
    assert (recipe.name, first.output, first.epochs, first.batch_size) == ("mine", 16, 3, 32)
    assert first.loss == TripletSemiHard(margin=0.0)
    assert first.adam.learning_rate == 1.0
    assert second.loss == Mse()
    assert recipe_from(recipe.as_dict(), "again") == recipe


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ("epochs = 3", "epoch = 3", r"stage 1: unknown key 'epoch'; expected one of input, .*epochs"),
        ("epochs = 3", "epochs = 3.5", "stage 1, epochs: expected a whole number, found 3.5"),
        ("epochs = 3", "epochs = 0", "stage 1, epochs: expected more than 0, found 0"),
        ("epochs = 3", "epochs = true", "stage 1, epochs: expected a whole number, found True"),
        ("epochs = 3", 'precision = "bf16"', "precision: expected one of 'auto', 'float32', found 'bf16'"),
        ("epochs = 3", 'scaling = "max"', "scaling: expected one of 'standard', 'min-max', found 'max'"),
        ("[4, 8]", '[4, "8"]', "cnn, channels: expected a whole number, found '8'"),
        ("[4, 8]", "[4, -8]", "cnn, channels: expected more than 0"),
        ("[4, 8]", "[4, 8, 8]", "cnn: expected as many pools as channels"),
        ("[4, 8]", "[]", "cnn: expected at least one channel"),
        ("[4, 4]", "[4]", "cnn, pools: expected a list of a whole number, found"),
        ("learning_rate = 1", "learning_rate = inf", "adam, learning_rate: expected more than 0, found inf"),
        ("learning_rate = 1", "beta1 = 1.0", "adam, beta1: expected a number from 0 to below 1, found 1.0"),
        ("learning_rate = 1", "rate = 1", "adam: unknown key 'rate'"),
        ("margin = 0", "margin = -0.1", "triplet-semi-hard, margin: expected 0 or more"),
        ("[stage.mse]", "", "stage 2: expected one of .*mse.*, found 0; choose one loss"),
        ("[stage.mse]", "[stage.mse]\n[stage.triplet-offline]", "stage 2: expected one of .*found 2"),
        ("[stage.mse]", "[stage.triplet-offline]", r"stage 2: expected \[stage.mse\] or .*, because the last stage"),
        ("[stage.triplet-semi-hard]\nmargin = 0", "[stage.mse]", "stage 1: expected a loss on embeddings, found Mse"),
        ('input = "previous"', 'input = "patches"', "stage 2, input: expected 'previous', found 'patches'"),
        ('input = "patches"', 'input = "previous"', "stage 1, input: expected an input of its own"),
        ('input = "patches"', 'input = "waveform"', r"stage 1: expected \[stage.dense\] for input 'waveform'"),
        ('input = "patches"', 'input = "content"', r"stage 1: expected \[stage.dense\] for input 'content'"),
        (
            "epochs = 3",
            "bag = 2",
            r"stage 1, bag: expected only with \[stage.encoder\], which pools patches; delete it",
        ),
        ("epochs = 3", 'watch = "correlation"', "stage 1, watch: expected 'loss' for a loss on embeddings"),
        ('input = "patches"\n', "", "stage 1: input is missing; expected text"),
        ("output = 16\n", "", "stage 1, output: expected the width of the embedding, found None"),
        ("[stage.dense]\nlayers = []", "[stage]\ndense = 3", "not valid TOML"),
        ("[stage.dense]\nlayers = []", "", "stage 2: expected one of .*dense.*, found 0; choose one network"),
        ('name = "mine"\n', "", "name: expected text, found None"),
        ('name = "mine"', 'name = "../mine"', "name: expected a name that can be a folder's"),
        ('name = "mine"', 'name = "mine@3"', "name: expected a name that can be a folder's"),
        ('name = "mine"', 'nome = "mine"', "unknown key 'nome'"),
        ("[[stage]]", "[[stages]]", "expected one or two .*stage.* tables"),
        ("about", "about =", "not valid TOML"),
    ],
)
def test_errors_name_the_key(tmp_path: Path, change: str, to: str, says: str) -> None:
    assert change in GOOD
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(change, to), encoding="utf-8")
    with pytest.raises(UserError, match=says) as caught:
        load_recipe(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bag_is_filled_and_is_of_patches() -> None:
    plain = load_recipe("encoder").as_dict()
    plain["stage"][0]["patches_per_track"] = 5
    with pytest.raises(UserError, match="multiple of it and no fraction, found 5 patches in bags of 2"):
        recipe_from(plain, "mine")
    plain["stage"][0] |= {"input": "content", "patches_per_track": 4}
    with pytest.raises(UserError, match=r"expected \[stage.dense\] for input 'content'"):
        recipe_from(plain, "mine")
    assert "bag" not in load_recipe("triplet").as_dict()["stage"][0]  # trainings of before it was there stay the same


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"tripplet: no such recipe; use one of .*bag-of-tones, .*triplet"):
        load_recipe("tripplet")


def test_a_folder_and_a_binary_file_are_no_recipes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such recipe"):
        load_recipe(str(tmp_path))
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        load_recipe(str(tmp_path / "x.toml"))


@pytest.mark.parametrize(
    "module", ["unheard.models.recipe", "unheard.models.baselines", "unheard.inference.predictions"]
)
def test_importing_is_cheap(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'sklearn', 'pyarrow', 'librosa'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
