"""Test the layouts of other projects: what their code reads is the split, and ranx finds the figures of `evaluate`."""

from __future__ import annotations

import csv
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders.command_line import run_command
from unheard.errors import UserError
from unheard.evaluate.evaluate import measure, prepare
from unheard.evaluate.exports.layouts import FORMATS, export_split
from unheard.evaluate.measure import Figure
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.models import make_recommender
from unheard.splits import Use
from unheard.workspace import Workspace

RANX = """
import json, sys
from ranx import Qrels, Run, evaluate
folder = sys.argv[1]
qrels = Qrels.from_file(folder + "/qrels.json")
names = json.loads(sys.argv[2])
metrics = ["ndcg@20", "recall@20", "hit_rate@20", "mrr"]
found = {name: evaluate(qrels, Run.from_file(f"{folder}/run-{name}.json"), metrics) for name in names}
print(json.dumps({name: {metric: float(x) for metric, x in values.items()} for name, values in found.items()}))
"""


def pairs(catalogue: Catalogue, use: Use) -> set[tuple[str, str]]:
    """Return (playlist, track) of the contract's plays."""
    matrix = catalogue.plays_of(use).tocoo() if use == Use.TEST else None
    if matrix is None:
        matrix = (catalogue.train_plays if use == Use.TRAIN else catalogue.validation_plays).tocoo()
    ids = catalogue.tracks.ids
    return {(catalogue.playlists[row], ids[column]) for row, column in zip(matrix.row, matrix.col, strict=True)}


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE))


# ----------------------------------------------------------------------------------------------------- ranx


def test_ranx_finds_the_figures_of_evaluate(workspace: Workspace, catalogue: Catalogue, tmp_path: Path) -> None:
    models = ["ridge", "random", "artist-mean", "oracle"]  # artist means of new artists are one long tie
    folder = tmp_path / "lists"
    assert export_split(workspace, folder, "ranx", split="artists", models=models) == "artists"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RANX, folder, json.dumps(models)],
        check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},  # else it compiles for a minute
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(ran.stdout)
    tasks = prepare(catalogue, seed=0)
    for name in models:
        ours = measure(tasks, make_recommender(workspace, catalogue, name))
        for metric, theirs, k in (("ndcg", "ndcg@20", 20), ("recall", "recall@20", 20), ("hit", "hit_rate@20", 20)):
            assert found[name][theirs] == pytest.approx(ours[Figure("recommend", "cold", metric, k)].value, abs=1e-6)
        assert found[name]["mrr"] == pytest.approx(ours[Figure("recommend", "cold", "mrr", None)].value, abs=1e-6)


# -------------------------------------------------------------------------------------------------- RecBole


def test_recbole_files_are_the_split(workspace: Workspace, catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    export_split(workspace, folder, "recbole", split="artists")
    for part, use in (("train", Use.TRAIN), ("valid", Use.VAL), ("test", Use.TEST)):
        rows = table(folder / f"toy.{part}.inter", "\t")
        found = [(row["user_id:token"], row["item_id:token"]) for row in rows]
        assert len(found) == len(set(found))
        assert set(found) == pairs(catalogue, use)
        assert all(float(row["rating:float"]) > 0 for row in rows)
    items = table(folder / "toy.item", "\t")
    assert [row["item_id:token"] for row in items] == list(catalogue.tracks.ids)
    vectors = np.array([row["vector:float_seq"].split(" ") for row in items], np.float64)
    np.testing.assert_allclose(vectors, catalogue.content.values, rtol=1e-5)
    assert [row["user_id:token"] for row in table(folder / "toy.user", "\t")] == list(catalogue.playlists)


# ---------------------------------------------------------------------------------------- ColdRec and ACARec


def load_data_set(path: Path) -> list[tuple[int, int]]:
    """Read a table as ColdRec's loader does: after the first line, two whole numbers divided by a comma."""
    lines = path.read_text().splitlines()[1:]
    return [(int(user), int(item)) for user, item in (line.strip().split(",") for line in lines)]


@pytest.mark.parametrize(("layout", "below"), [("coldrec", "cold_item"), ("acarec", ".")])
def test_coldrec_and_acarec_find_everything_under_one_numbering(
    workspace: Workspace, catalogue: Catalogue, tmp_path: Path, layout: Any, below: str
) -> None:
    folder = tmp_path / "toy"
    export_split(workspace, folder, layout, split="artists")
    cold = "cold_item_" if layout == "coldrec" else "cold_"
    parts = {
        name: load_data_set(folder / below / f"{name}.csv")
        for name in ("warm_train", "warm_val", "warm_test", "overall_val", "overall_test")
    }
    parts |= {f"cold_{use}": load_data_set(folder / below / f"{cold}{use}.csv") for use in ("val", "test")}
    users = {int(row["user"]): row["playlist_id"] for row in table(folder / "users.csv")}
    items = {int(row["item"]): row["track_id"] for row in table(folder / "items.csv")}

    def named(*names: str) -> set[tuple[str, str]]:
        return {(users[user], items[item]) for name in names for user, item in parts[name]}

    assert named("warm_train", "warm_val", "warm_test") == pairs(catalogue, Use.TRAIN)
    assert named("cold_val") == pairs(catalogue, Use.VAL)
    assert named("cold_test") == pairs(catalogue, Use.TEST)
    trained = parts["warm_train"]
    for held_out in ("warm_val", "warm_test"):
        assert not set(parts[held_out]) & set(trained)
        assert {user for user, _ in parts[held_out]} <= {user for user, _ in trained}
        assert {item for _, item in parts[held_out]} <= {item for _, item in trained}
        assert len(parts[held_out]) == pytest.approx(0.05 * len(pairs(catalogue, Use.TRAIN)), abs=1)
    for use in ("val", "test"):
        both = {user for user, _ in parts[f"warm_{use}"]} & {user for user, _ in parts[f"cold_{use}"]}
        expected = [pair for pair in parts[f"cold_{use}"] + parts[f"warm_{use}"] if pair[0] in both]
        assert parts[f"overall_{use}"] == expected

    about = pickle.loads((folder / below / "info_dict.pkl").read_bytes())
    assert (about["user_num"], about["item_num"]) == (len(users), len(items))
    assert set(about["warm_item"]) == {item for _, item in trained}
    assert set(about["cold_item"]) == {item for name in ("cold_val", "cold_test") for _, item in parts[name]}
    assert not set(about["warm_item"]) & set(about["cold_item"])
    content = np.load(folder / ("toy_item_content.npy" if layout == "coldrec" else "embs.npy"))
    rows = catalogue.tracks.ids.rows(items[number] for number in range(len(items)))
    np.testing.assert_array_equal(content, catalogue.content.values[rows])
    if layout == "acarec":
        artists = np.load(folder / "item_artist_mapping.npy")
        same = catalogue.main_artist[rows]
        np.testing.assert_array_equal(artists[:, None] == artists, same[:, None] == same)


# ----------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("layout", FORMATS)
def test_command_writes_a_whole_folder_and_never_over_another(
    workspace: Workspace, tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()  # empty: allowed
    ran = run_command("export", "-w", workspace.root, "--to", layout, "-o", folder, *["--split", "artists"])
    assert ran.code == 0, ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert before
    again = run_command("export", "-w", workspace.root, "--to", layout, "-o", folder)
    assert "exists already" in again.error
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_models_are_for_ranx_only(workspace: Workspace, tmp_path: Path) -> None:
    ran = run_command("export", "-w", workspace.root, "--to", "recbole", "-o", tmp_path / "x", "--model", "ridge")
    assert "--model, -n: lists are written for ranx only" in ran.error


def test_an_unknown_model_leaves_nothing_behind(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nobody"):
        export_split(workspace, tmp_path / "x", "ranx", split="artists", models=["nobody"])
    assert not list(tmp_path.iterdir())
