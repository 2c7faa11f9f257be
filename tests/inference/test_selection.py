"""Which patches of a track are selected: hand-made spectrograms whose loud, rich and quiet parts are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from unheard.ids import IdMap
from unheard.inference.input_sources import PatchSource, mean_power, spectral_entropy
from unheard.models.recipe import Selection
from unheard.spectrograms.store import ENCODINGS, MelStore

ENCODING = ENCODINGS["standard"]
WIDTH = 10


def _source(
    tracks_db: list[NDArray[np.float32]], selection: Selection, *, skip: int = 0, repeat: bool = False
) -> PatchSource:
    counts = np.array([len(track) for track in tracks_db], np.int64)
    frames = np.concatenate([ENCODING.encode(track) for track in tracks_db])
    ids = IdMap(str(row) for row in range(len(counts)))
    return PatchSource(
        MelStore(ids, np.cumsum(counts) - counts, counts, WIDTH, ENCODING, (frames,)), selection, skip, repeat=repeat
    )


def _song() -> NDArray[np.float32]:
    """95 frames of 128 bands: quiet, a loud tone in frames 20 to 39, a quiet even spectrum in frames 60 to 79."""
    song = np.full((95, 128), -60.0, np.float32)
    song[:, 0] = -30.0
    song[20:40, 0] = 10.0
    song[60:80] = -30.0
    return song


@pytest.mark.parametrize(
    ("selection", "starts"),
    [
        ("random", [0, 10, 20, 30, 40, 50, 60, 70, 80, 85]),
        ("first", [0]),
        ("middle", [42]),
        ("body", [25, 35, 45, 55, 60]),
        ("energy", [20, 30]),  # a quarter of ten patches, rounded
        ("entropy", [60, 70]),
    ],
)
def test_the_cover_of_each_selection(selection: Selection, starts: list[int]) -> None:
    source = _source([_song()], selection, skip=25)
    assert source.cover(0, None).tolist() == starts
    drawn = {int(s) for _ in range(60) for s in source.random_starts(np.array([0]), np.random.default_rng(_))}
    if selection in ("random", "body"):
        assert min(starts) <= min(drawn) < max(drawn) <= max(starts)
    else:
        assert drawn == set(starts)


@pytest.mark.parametrize("selection", ["random", "first", "middle", "body", "energy", "entropy"])
def test_a_track_shorter_than_a_patch_is_heard_from_its_first_frame(selection: Selection) -> None:
    source = _source([_song()[:6], _song()], selection, skip=25)
    assert source.cover(0, None).tolist() == [0]
    assert source.random_starts(np.array([0]), np.random.default_rng(0)).tolist() == [0]


def test_a_track_too_short_to_skip_is_heard_in_the_middle() -> None:
    source = _source([_song()[:40]], "body", skip=25)
    assert source.cover(0, None).tolist() == [15]


def test_a_repeated_song_starts_again_until_the_patch_is_full() -> None:
    song = np.arange(6, dtype=np.float32)[:, None] * 6 * np.ones((1, 128), np.float32)
    patch = _source([song], "random", repeat=True).batch(np.array([0]), np.array([0]))[0]
    assert ENCODING.decode(patch)[:, 0].round().tolist() == [0, 6, 12, 18, 24, 30, 0, 6, 12, 18]


def test_scores_by_hand() -> None:
    tone = np.array([[[0.0, -200.0, -200.0, -200.0]]], np.float32)
    even = np.zeros((1, 1, 4), np.float32)
    assert mean_power(tone) == pytest.approx([0.25])
    assert mean_power(even) == pytest.approx([1.0])
    assert spectral_entropy(tone) == pytest.approx([0.0], abs=1e-9)
    assert spectral_entropy(even) == pytest.approx([np.log(4)])
