"""Tests of the Python API as docs/python.md shows it, and that a session writes nothing."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import unheard
from unheard import artefacts
from unheard.ids import IdMap
from unheard.inference.predictions import KIND, predictions_path
from unheard.session import Session
from unheard.workspace import Workspace

DOCUMENT = Path(__file__).parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def files_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Modification time and content of every file."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_document_runs_from_top_to_bottom(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(workspace.root, tmp_path / "W")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, str(DOCUMENT), "exec"), names)
    printed = capsys.readouterr().out
    assert "1 tracks without a prediction" in printed
    assert "no playlist 'nobody'" in printed
    assert len(names["ids"]) == 5  # type: ignore[arg-type]
    assert (tmp_path / "list.m3u8").read_text(encoding="utf-8").startswith("#EXTM3U\n#PLAYLIST:New for p03\n")


def test_the_document_names_every_option_and_every_error() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for kind in (unheard.ListOptions, unheard.Filters):
        assert all(f"`{field.name}`" in text for field in dataclasses.fields(kind))
    assert all(name in text for name in unheard.__all__ if name != "__version__")


def test_a_session_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(workspace.root, tmp_path / "w"))
    before = files_of(copy)
    music = unheard.open(copy)
    music.recommend(playlist="p03", candidates="all")
    music.recommendations(like=["t00-0"])
    music.similar("t00-0")
    assert music.unpredicted_tracks == ("t09-0",)
    assert files_of(copy) == before


def test_one_text_is_no_list(workspace: Workspace) -> None:
    """Its letters would be taken as ids."""
    session = unheard.open(workspace.root)
    for call in (
        lambda: session.recommend(like="12"),
        lambda: session.radio("12"),
        lambda: session.radio(["t00-0"], played="12"),
        lambda: session.recommend(playlist="p00", exclude="12"),
        lambda: session.embed("12"),
    ):
        with pytest.raises(unheard.UserError, match=r"'12': expected a list; write \['12'\]"):
            call()


def test_a_baseline_predicts_nothing(workspace: Workspace) -> None:
    music = Session(workspace.root, model="ridge")
    assert (music.unpredicted_tracks, music.update_predictions()) == ((), 0)


def test_missing_predictions_are_named_and_do_not_stop_a_list(workspace: Workspace, tmp_path: Path) -> None:
    """As if two tracks had been scanned after the training: they rank as average tracks."""
    copy = Path(shutil.copytree(workspace.root, tmp_path / "w"))
    path = predictions_path(Workspace.open(copy), "artists", "toy")
    made = artefacts.load(path, KIND)
    gone = {"new-0", "new-1"}
    kept = np.array([name not in gone for name in made.ids["track"]])
    ids = IdMap(name for name in made.ids["track"] if name not in gone)
    arrays = {name: array[kept] for name, array in made.arrays.items()}
    artefacts.save(path, KIND, config=made.config, arrays=arrays, ids={"track": ids})
    music = unheard.open(copy)
    assert music.unpredicted_tracks == ("new-0", "new-1", "t09-0")
    found, scores = music.recommend(playlist="p03", n=400, max_per_artist=None)
    assert gone < set(found)
    assert len({float(scores[found.index(name)]) for name in gone}) == 1


def test_options_and_keywords_are_one_way(workspace: Workspace) -> None:
    music = unheard.open(workspace.root)
    options = unheard.ListOptions(n=4, candidates="all", max_per_artist=None)
    assert music.recommendations(playlist="p03", options=options) == music.recommendations(
        playlist="p03", n=4, candidates="all", max_per_artist=None
    )
    assert music.neighbours("t00-0", options=options, n=2) == music.neighbours("t00-0", options=options)[:2]
    plain = music.recommendations(playlist="p03", n=4, explain=False)
    assert [(item.confidence, item.reasons) for item in plain] == [(None, ())] * 4
    assert music.recommend(playlist="p03", n=4)[0] == [item.track_id for item in plain]
    with pytest.raises(unheard.UserError, match="n 0: expected"):
        music.recommend(playlist="p03", n=0)


def test_the_split_for_use_is_the_one_with_a_model(workspace: Workspace, tmp_path: Path) -> None:
    from unheard.splits import load_splits, write_splits

    copy = Workspace.open(Path(shutil.copytree(workspace.root, tmp_path / "w")))
    splits = load_splits(copy)
    live = dataclasses.replace(splits["artists"], name="live")
    write_splits(copy.splits_path, splits | {"live": live})
    assert unheard.open(copy.root).catalogue.split.name == "artists"  # nothing is trained on live
    with pytest.raises(unheard.MissingStageError, match="no factors yet") as caught:
        unheard.open(copy.root, split="live")
    assert caught.value.command == f"unheard factors -w {copy.root} --split live"
    shutil.copy(copy.factors_path("artists"), copy.factors_path("live"))
    shutil.copytree(copy.model_dir("artists", "toy").parent, copy.model_dir("live", "toy").parent)
    with pytest.raises(unheard.MissingStageError, match="split 'live' was changed"):  # these factors are of artists
        unheard.open(copy.root)
