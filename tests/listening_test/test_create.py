"""Tests of studies made from a workspace, and of every error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.builders.study_world import COLD_ARTISTS, GONE, MODELS, SILENT, TOO_SHORT
from unheard.errors import MissingStageError, UserError
from unheard.listening_test.create import Created, StudyOptions, create
from unheard.listening_test.study import ANCHOR, REFERENCE, load_study, read_study, study_dir
from unheard.session import Session
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


def test_lists_are_the_neighbours_that_can_be_played(audible: Workspace, rating: Created) -> None:
    study = rating.study
    mute = {TOO_SHORT, SILENT, GONE, "silent", "unplayed", "new-0", "new-1"}
    for model, condition in (*zip(MODELS, MODELS, strict=True), ("oracle", REFERENCE)):
        session = Session(audible.root, split="artists", model=model, seed=study.seed)
        for seed in study.seeds:
            said = [item.track_id for item in session.neighbours(seed, candidates="cold", n=20)]
            assert list(study.lists[seed][condition]) == [name for name in said if name not in mute][: study.k]


def test_anchors_are_cold_tracks_of_other_artists(rating: Created) -> None:
    for seed, lists in rating.study.lists.items():
        named = {track for condition, tracks in lists.items() if condition != ANCHOR for track in tracks}
        assert len(set(lists[ANCHOR])) == rating.study.k
        for track in lists[ANCHOR]:
            assert track not in named | {seed}
            assert track[:3] != seed[:3]  # another artist
            assert int(track[1:3]) in COLD_ARTISTS


def test_seeds_are_of_different_artists(rating: Created) -> None:
    assert len({seed[:3] for seed in rating.study.seeds}) == 4


def test_tracks_that_cannot_be_played_are_reported(rating: Created) -> None:
    reasons = " ".join(rating.skipped)
    for name in (TOO_SHORT, SILENT, GONE):
        clips = {*rating.study.clips}
        assert name not in clips
    assert "silent" in reasons or "too-short" in reasons or "missing" in reasons


def test_every_clip_exists(rating: Created, comparing: Created) -> None:
    for made in (rating, comparing):
        needed = {track for rater in made.study.raters for item in rater.items for track in (item.seed, *item.tracks)}
        assert needed | {made.study.volume_clip} <= made.study.clips.keys()
        assert made.study.volume_clip not in needed
        for name in made.study.clips.values():
            assert (made.folder / "clips" / name).stat().st_size > 1000


def test_stored_and_read_again(audible: Workspace, rating: Created, comparing: Created) -> None:
    assert load_study(audible, "rating") == rating.study
    assert read_study(comparing.folder) == comparing.study


def test_links_cannot_be_guessed_and_everything_else_is_repeatable(audible: Workspace, rating: Created) -> None:
    again = create(audible, StudyOptions("again", MODELS, "auto:4", 6, clip_s=2.0, seed=3)).study
    tokens = [rater.token for study in (again, rating.study) for rater in study.raters]
    assert len(set(tokens)) == 12
    assert min(map(len, tokens)) >= 22  # 128 bits

    def without_tokens(study: Any) -> dict[str, Any]:
        values = asdict(study) | {"name": ""}
        values["raters"] = [rater | {"token": ""} for rater in values["raters"]]
        return dict(values)

    assert without_tokens(again) == without_tokens(rating.study)
    assert {file.name: file.read_bytes() for file in (rating.folder / "clips").iterdir()} == {
        file.name: file.read_bytes() for file in (study_dir(audible, "again") / "clips").iterdir()
    }


def test_thresholds_are_written_before_the_answers(rating: Created) -> None:
    stored = json.loads((rating.folder / "study.json").read_text())
    assert stored["screening"] == {
        "min_answered_share": 0.5,
        "min_pairs": 3,
        "max_anchor_share": 0.5,
        "max_repeat_difference": 50.0,
        "min_spread": 5.0,
        "straight_items": 8,
        "min_median_s": 3.0,
    }
    assert not (rating.folder / "answers").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Bad Name"}, "--name 'Bad Name'"),
        ({"name": "../up"}, "--name"),
        ({"name": "rating"}, "choose another --name"),
        ({"models": ()}, "--models"),
        ({"models": ("toy", "toy")}, "different models"),
        ({"models": ("toy", "oracle")}, "'oracle' is always included as a hidden condition"),
        ({"models": ("toy", "anchor")}, "'anchor' is always"),
        ({"models": ("nobody",)}, "no model 'nobody'"),
        ({"n_raters": 0}, "--raters 0"),
        ({"k": 0}, "--k 0"),
        ({"k": 40}, "audible cold"),
        ({"clip_s": 0.5}, "--clip-s 0.5"),
        ({"clip_s": 61.0}, "--clip-s 61"),
        ({"clip_s": 10.0}, "shorten the clips"),
        ({"seeds": "auto:x"}, "after auto:"),
        ({"seeds": "auto:0"}, "after auto:"),
        ({"seeds": "auto:500"}, "ask for fewer"),
        ({"seeds": ""}, "--seeds"),
        ({"seeds": "t09-1,t09-1"}, "different track ids"),
        ({"seeds": "nothing"}, "no track 'nothing'"),
        ({"seeds": SILENT}, "name another seed"),
        ({"seeds_per_rater": 5}, "--seeds-per-rater 5"),
        ({"seeds_per_rater": 0}, "--seeds-per-rater 0"),
        ({"split": "no-such"}, "no-such"),
    ],
)
def test_refusals(audible: Workspace, rating: Created, change: Mapping[str, Any], message: str) -> None:
    options = replace(StudyOptions("refused", MODELS, "auto:4", 6, clip_s=2.0), **change)
    with pytest.raises(UserError) as refusal:
        create(audible, options)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (audible.root / "listening-tests" / "refused" / "study.json").exists()


def test_named_seeds_and_blocks(audible: Workspace) -> None:
    study = create(
        audible, StudyOptions("blocks", ("toy",), "t09-1, t18-2,t29-3", 3, clip_s=1.0, k=1, seeds_per_rater=1)
    ).study
    assert study.seeds == ("t09-1", "t18-2", "t29-3")
    assert {rater.items[0].seed for rater in study.raters} == set(study.seeds)


def test_damaged_studies(audible: Workspace, rating: Created, tmp_path: Any) -> None:
    whole = json.loads((rating.folder / "study.json").read_text())
    del whole["checksum"]
    first = whole["raters"][0]
    for damage in (
        "{",
        "[]",
        json.dumps({**whole, "format": "something else"}),
        json.dumps({**whole, "kind": "guess"}),
        json.dumps({**whole, "clips": {}}),
        json.dumps({**whole, "raters": [{**first, "items": [{**first["items"][0], "tracks": []}]}]}),
        json.dumps({name: value for name, value in whole.items() if name != "seeds"}),
    ):
        (tmp_path / "study.json").write_text(damage)
        with pytest.raises(UserError, match="damaged"):
            read_study(tmp_path)
    (tmp_path / "study.json").write_text(json.dumps({**whole, "version": 2}))
    with pytest.raises(UserError, match="newer"):
        read_study(tmp_path)
    with pytest.raises(MissingStageError, match="listen-test create"):
        load_study(audible, "never-made")
