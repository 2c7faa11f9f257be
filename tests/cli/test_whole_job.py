"""Tests of the whole command line, from audio files and playlists to ranked tracks, metrics and files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

import unheard
from tests.builders.command_line import Run
from tests.ingest.sounds import song, write
from unheard import artefacts
from unheard.evaluate.results import ROW_KEYS
from unheard.ids import IdMap
from unheard.inference.predictions import KIND, predictions_path
from unheard.recommend.options import ListOptions


def test_status_says_what_is_there_and_what_is_next(workspace: Path, run: Run) -> None:
    state = json.loads(run("status", "-w", workspace, "--json").stdout)
    assert state["tracks"] == 42
    assert state["failures"] == 5
    assert state["playlists"] == 150
    assert {"tracks", "artists", "live"} <= set(state["splits"])
    assert state["models"] == {"artists": ["tiny"]}
    assert state["next"].split()[1] == "recommend"
    assert state["evaluation"] == f"unheard evaluate -w {workspace}"


def test_errors_are_listed_once_with_their_reason(workspace: Path, run: Run) -> None:
    found = json.loads(run("errors", "-w", workspace, "--json").stdout)
    assert sorted(f["reason"] for f in found) == ["duplicate", "empty", "not-audio", "silent", "truncated"]


def test_a_second_scan_decodes_nothing(workspace: Path, world: Path, run: Run) -> None:
    ran = run("scan", "-w", workspace, world / "tracks.csv", "-j", 1)
    assert "42 unchanged, 5 known failures; 0.00 hours of audio stored" in ran.stderr
    assert "42 unchanged, 5 known" in run("scan", "-w", workspace, world / "tracks.csv", "--dry-run").stderr


def test_recommendations_are_cold_say_why_and_play(workspace: Path, world: Path, run: Run) -> None:
    out = world / "lists" / "für dich.m3u8"
    ran = run("recommend", "-w", workspace, "--playlist", "p001", "-n", 4, "--json", "-o", out)
    found = json.loads(ran.stdout)
    folds = json.loads((workspace / "splits.json").read_text())["artists"]
    test_folds = set(folds["use"]["test"])
    assert [item["rank"] for item in found] == [1, 2, 3, 4]
    assert all(folds["fold"][item["track_id"]] in test_folds for item in found)
    assert all(item["reasons"] for item in found[:1])
    text = out.read_bytes()
    assert not text.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in text
    lines = text.decode("utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    paths = [line for line in lines if not line.startswith("#")]
    assert len(paths) == 4
    for path in paths:
        assert not Path(path).is_absolute()
        assert soundfile.info(out.parent / path).frames > 0


def test_likes_by_file_and_by_id(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    noise = tmp_path / "new.wav"
    soundfile.write(noise, np.random.default_rng(0).normal(0, 0.1, 22_050 * 3), 22_050)
    with (world / "tracks.csv").open(newline="") as table:
        known = next(csv.DictReader(table))
    by_id = run("recommend", "-w", workspace, "--like", known["track_id"], "--candidates", "all", "--json")
    by_path = run("recommend", "-w", workspace, "--like", world / known["path"], "--candidates", "all", "--json")
    assert by_id.stdout == by_path.stdout
    assert known["track_id"] not in {item["track_id"] for item in json.loads(by_id.stdout)}
    both = run("recommend", "-w", workspace, "--like", known["track_id"], "--like", noise, "--json")
    assert [item["rank"] for item in json.loads(both.stdout)][:1] == [1]
    assert run("similar", "-w", workspace, noise, "--candidates", "warm").code == 0


def test_python_gives_what_the_command_line_gives(workspace: Path, run: Run) -> None:
    music = unheard.open(workspace)
    ids, scores = music.recommend(playlist="p002", n=4)
    shown = json.loads(run("recommend", "-w", workspace, "--playlist", "p002", "-n", 4, "--json").stdout)
    assert ids == [item["track_id"] for item in shown]
    np.testing.assert_allclose(scores, [item["score"] for item in shown], rtol=1e-6)
    assert scores.dtype == np.float32


def test_embed_gives_the_vectors_of_the_library(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    with (world / "tracks.csv").open(newline="") as table:
        first = next(csv.DictReader(table))
    whole, one = tmp_path / "all.parquet", tmp_path / "one.parquet"
    run("embed", "-w", workspace, "-o", whole)
    assert run("embed", "-w", workspace, world / first["path"], "-o", one).code == 0
    library = {row["track_id"]: row["vector"] for row in pq.read_table(whole).to_pylist()}
    (found,) = pq.read_table(one).to_pylist()
    assert len(library) == 42
    assert found["track_id"] == first["track_id"]
    np.testing.assert_allclose(found["vector"], library[first["track_id"]], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(unheard.open(workspace).embed([world / first["path"]])[0], found["vector"], rtol=1e-5)


def test_quick_hears_excerpts_of_a_long_file(workspace: Path, run: Run, tmp_path: Path) -> None:
    long = write(tmp_path / "long.flac", song(3, 150.0))
    for option in ([], ["--quick"]):
        assert run("embed", "-w", workspace, long, *option, "-o", tmp_path / f"v{len(option)}.parquet").code == 0
    (whole,), (quick,) = (pq.read_table(tmp_path / f"v{n}.parquet")["vector"].to_pylist() for n in (0, 1))
    assert whole != quick
    assert np.dot(whole, quick) > 0.95 * np.linalg.norm(whole) * np.linalg.norm(quick)
    listed = json.loads(run("similar", "-w", workspace, long, "--quick", "--candidates", "warm", "--json").stdout)
    assert [item["rank"] for item in listed][:2] == [1, 2]


def test_directions_in_a_store_have_our_nearest_tracks(workspace: Path, run: Run, tmp_path: Path) -> None:
    ran = run("embed", "-w", workspace, "--directions", "--format", "faiss", "-o", tmp_path / "v.npy")
    assert "faiss.IndexFlatIP" in ran.stderr
    vectors, ids = np.load(tmp_path / "v.npy"), json.loads((tmp_path / "v.ids.json").read_text())
    music = unheard.open(workspace)
    for row in (0, 20, 41):
        cosines = vectors @ vectors[row]
        cosines[row] = -np.inf
        near, found = music.near_on_map(ids[row], options=ListOptions(n=5))
        assert [ids[other] for other in np.argsort(-cosines)[:5]] == near
        np.testing.assert_allclose(np.sort(cosines)[::-1][:5], found, atol=1e-6)


def test_embed_leaves_out_unusable_files(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.mp3").write_text("no music")
    with (world / "tracks.csv").open(newline="") as table:
        good = world / next(csv.DictReader(table))["path"]
    ran = run("embed", "-w", workspace, tmp_path / "no.mp3", good, "-o", tmp_path / "v.parquet")
    assert ran.code == 0
    assert "not-audio" in ran.stderr
    assert pq.read_table(tmp_path / "v.parquet").num_rows == 1


def test_figures_are_those_of_the_lists(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    """recall@20 of the JSON, recomputed from recs.csv, splits.json and playlists.csv."""
    figures, recs, sim = tmp_path / "f.json", tmp_path / "recs.csv", tmp_path / "sim.csv"
    markdown = tmp_path / "f.md"
    ran = run("evaluate", "-w", workspace, "--split", "artists", "--json", figures, "--markdown", markdown)
    assert "tiny" in ran.stdout
    assert "oracle" in ran.stdout
    rows = json.loads(figures.read_text())
    assert all(tuple(row) == ROW_KEYS for row in rows)
    assert "## artists: recommend, cold candidates" in markdown.read_text()
    folds = json.loads((workspace / "splits.json").read_text())["artists"]
    test = {track for track, fold in folds["fold"].items() if fold in folds["use"]["test"]}
    relevant: dict[str, set[str]] = {}
    with (world / "playlists.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if row["track_id"] in test:
                relevant.setdefault(row["playlist_id"], set()).add(row["track_id"])
    for model in ("tiny", "ridge", "oracle"):
        words = ("--split", "artists", "--candidates", "cold", "--model", model)
        assert run("recommend", "-w", workspace, "--all-playlists", *words, "-n", 1000, "-o", recs).code == 0
        assert run("similar", "-w", workspace, "--test-tracks", *words, "-n", 500, "-o", sim).code == 0
        top: dict[str, list[str]] = {}
        with recs.open(newline="") as table:
            for row in csv.DictReader(table):
                if int(row["rank"]) <= 20:
                    top.setdefault(row["playlist_id"], []).append(row["track_id"])
        recall = [len(tracks & set(top[name])) / len(tracks) for name, tracks in relevant.items()]
        (figure,) = [
            row
            for row in rows
            if (row["model"], row["task"], row["candidates"], row["metric"]) == (model, "recommend", "cold", "recall")
        ]
        assert figure["n"] == len(recall)
        np.testing.assert_allclose(figure["value"], np.mean(recall), rtol=1e-9)
        with sim.open(newline="") as table:
            lists = list(csv.DictReader(table))
        assert {row["track_id"] for row in lists} | {row["neighbour_id"] for row in lists} <= test
        assert all(row["track_id"] != row["neighbour_id"] for row in lists)


def test_your_own_factors(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    """Factors in, vectors in the same space out."""
    copy = tmp_path / "w"
    shutil.copytree(workspace, copy)
    theirs = tmp_path / "theirs.parquet"
    run("embed", "-w", workspace, "-o", theirs)  # any vectors of the right shape will do
    ran = run("factors", "-w", copy, "--split", "artists", "--import", theirs)
    assert ran.code == 0, ran
    assert run("train", "-w", copy, world / "tiny.toml", "--split", "artists").code == 0
    assert run("recommend", "-w", copy, "--playlist", "p001").code == 0


def test_tracks_scanned_later_are_recommended(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "w"
    shutil.copytree(workspace, copy)
    new = tmp_path / "new" / "Nobody - Debut.wav"
    new.parent.mkdir()
    seconds = np.arange(22_050 * 4) / 22_050
    soundfile.write(new, 0.3 * np.sin(2 * np.pi * 220 * seconds) * np.exp(-(seconds % 0.5) * 6), 22_050)
    assert run("scan", "-w", copy, new.parent, "-j", 1).code == 0
    ran = run("similar", "-w", copy, new, "--candidates", "cold", "-n", 100, "--json", "--max-per-artist", 100)
    assert len(json.loads(ran.stdout)) > 0
    found = json.loads(run("recommend", "-w", copy, "--playlist", "p001", "-n", 100, "--json").stdout)
    assert str(new) in {item["path"] for item in found}


def test_evaluate_updates_predictions_as_lists_do(workspace: Path, run: Run, tmp_path: Path) -> None:
    """A model whose predictions are older than the library is brought up to date before it is measured."""
    copy = shutil.copytree(workspace, tmp_path / "w")
    music = unheard.open(copy)
    path = predictions_path(music.workspace, "artists", "tiny")
    made = artefacts.load(path, KIND)
    cold = music.catalogue.tracks.ids[int(music.catalogue.candidates("cold", new=False)[0])]
    for gone, expected in ((cold, True), (min(music.catalogue.warm_track_ids), False)):  # nobody reads a train track's
        kept = np.array([name != gone for name in made.ids["track"]])
        ids = IdMap(name for name in made.ids["track"] if name != gone)
        older = {name: array[kept] for name, array in made.arrays.items()}
        artefacts.save(path, KIND, config=made.config, arrays=older, ids={"track": ids})
        assert run("evaluate", "-w", copy, "--model", "tiny").code == 0
        after = artefacts.load(path, KIND)
        assert (gone in after.ids["track"]) == expected
        if expected:
            assert after.ids == made.ids
            for name, array in made.arrays.items():  # a product of one row may round otherwise than one of many
                np.testing.assert_allclose(after.arrays[name], array, rtol=1e-5, atol=1e-6)


def test_doctor_reports_a_decoder_that_raises(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As PyAV 19 did, which dropped an argument of `open`."""

    def open_without_arguments(file: str) -> None:
        raise TypeError("open() got an unexpected keyword argument")

    monkeypatch.setattr("av.open", open_without_arguments)
    ran = run("doctor")
    assert ran.code == 2
    assert ran.stdout.count("PROBLEM") == 4
    assert "TypeError" in ran.stdout


def test_doctor_finds_this_machine_able(workspace: Path, run: Run) -> None:
    ran = run("doctor", "-w", workspace)
    assert ran.code == 0
    assert "PROBLEM" not in ran.stdout
