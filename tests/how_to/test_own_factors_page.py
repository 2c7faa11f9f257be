"""The commands of docs/how-to/own-factors.md, in a library that has vectors and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unheard
from tests.builders.command_line import run_command
from tests.how_to.pages import run_page

N, KNOWN, DIM = 200, 150, 8


@pytest.mark.slow
def test_new_tracks_get_vectors_of_the_imported_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ids = [f"t{number:03d}" for number in range(N)]
    factors = rng.normal(size=(N, DIM)).astype(np.float32) + 2
    heard = (factors @ rng.normal(size=(DIM, 12)) + 0.3 * rng.normal(size=(N, 12))).astype(np.float32)
    monkeypatch.chdir(tmp_path)
    artists = [f"artist {number // 4}" for number in range(N)]
    pq.write_table(pa.table({"track_id": ids, "artist": artists, "vector": list(heard)}), "heard.parquet")
    pq.write_table(pa.table({"track_id": ids[:KNOWN], "vector": list(factors[:KNOWN])}), "factors.parquet")

    ran = run_page("own-factors.md", {"tracks.csv": "heard.parquet"})
    assert "live: 8 factors of 150 of 200 tracks" in ran[3].stderr

    table = pq.read_table("vectors.parquet")
    rows = [int(track[1:]) for track in table["track_id"].to_pylist()]
    predicted = np.empty_like(factors)
    predicted[rows] = np.stack(table["vector"].to_numpy(zero_copy_only=False))
    new = slice(KNOWN, N)
    residual = ((predicted[new] - factors[new]) ** 2).sum() / ((factors[new] - factors[new].mean(axis=0)) ** 2).sum()
    assert residual < 0.1  # 1: no better than the mean

    music = unheard.open("W")
    assert music.model == "blend"
    near, _ = music.similar(ids[KNOWN], n=10, candidates="warm", max_per_artist=None)
    assert set(near) <= set(ids[:KNOWN])
    directions = factors - factors[:KNOWN].mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    truly_near = np.argsort(-(directions[:KNOWN] @ directions[KNOWN]))[:10]
    assert len(set(near) & {ids[row] for row in truly_near}) >= 4  # by chance 0.7


def test_without_a_model_the_sound_is_what_lists_are_made_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ids = [f"t{number:03d}" for number in range(30)]
    monkeypatch.chdir(tmp_path)
    vectors = list(rng.normal(size=(30, 4)).astype(np.float32))
    pq.write_table(pa.table({"track_id": ids, "vector": vectors}), "heard.parquet")
    pq.write_table(pa.table({"track_id": ids[:20], "vector": vectors[:20]}), "factors.parquet")
    for words in (
        ("init", "-w", "W"),
        ("scan", "-w", "W", "heard.parquet"),
        ("split", "-w", "W"),
        ("factors", "-w", "W", "--import", "factors.parquet"),
    ):
        assert run_command(*words).code == 0, words
    ran = run_command("similar", "-w", "W", "t000")
    assert (ran.code, "unheard train -w W --split live" in ran.stderr) == (2, True)
