"""Audio excerpts and the inside of networks, against slower truths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.builders.reported_world import Reported
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.stages import load_stage
from unheard.library import Track, Tracks, open_library
from unheard.models.cnn import Cnn
from unheard.report.audio_excerpt import (
    CLOSE_UP_S,
    EXCERPT_S,
    Excerpt,
    band_centres_hz,
    close_up,
    most_onsets,
    read_excerpt,
)
from unheard.report.report_data import load_report_data
from unheard.report.trained_networks import chosen_outputs, convolutions
from unheard.spectrograms.store import open_store
from unheard.workspace import Settings, Workspace

pytestmark = pytest.mark.slow

RATE = 22_050


def clicks(seconds: float) -> np.ndarray:
    """Silence with a click every tenth of a second in its last second."""
    samples = np.zeros(int(seconds * RATE), np.float32)
    samples[-RATE :: RATE // 10] = 0.9
    return samples


def test_the_second_with_most_onsets_is_where_the_clicks_are() -> None:
    samples = clicks(8.0)
    start = most_onsets(samples, RATE)
    assert 6.5 < start / RATE <= 7.0


def test_short_and_long_window_show_what_the_thesis_says() -> None:
    """A click is thin in time under the short window; two close tones are apart under the long one only."""
    t = np.arange(3 * RATE) / RATE
    tones = (np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 1100 * t)).astype(np.float32)
    silent = Excerpt(Track("t"), tones, RATE, np.zeros((1, 1), np.float32), np.zeros(1), 0.0, 3.0)
    near = close_up(silent)
    assert near is not None
    assert near.seconds == CLOSE_UP_S
    line = near.long_db[:, near.long_db.shape[1] // 2]
    hz = np.arange(len(line)) * RATE / 2048
    between = line[np.abs(hz - 1050).argmin()]
    assert line[np.abs(hz - 1000).argmin()] > between + 20
    assert line[np.abs(hz - 1100).argmin()] > between + 20
    assert len(near.short_db) < 8  # bins of 900 Hz each: both tones are in one
    assert close_up(replace(silent, samples=None)) is None
    assert close_up(replace(silent, samples=tones[:100])) is None


def test_an_excerpt_is_from_the_middle_of_its_file(world_workspace: Workspace) -> None:
    found = load_report_data(world_workspace).excerpt
    assert found is not None
    assert found.samples is not None
    assert found.seconds <= EXCERPT_S
    assert len(found.samples) == round(found.seconds * found.sample_rate)
    assert found.mel_db.shape[1] == world_workspace.settings.n_mels


def test_without_a_readable_file_the_stored_spectrogram_does(world_workspace: Workspace, tmp_path: Path) -> None:
    broken = tmp_path / "broken.ogg"
    broken.write_bytes(b"OggS" + bytes(100))
    with open_library(world_workspace.library_path) as library:
        store, tracks = open_store(world_workspace, library), library.tracks()
    lost = Tracks(tuple(replace(t, path=str(broken) if row else "/nowhere") for row, t in enumerate(tracks.items)))
    found = read_excerpt(lost, range(len(lost)), store, world_workspace.settings)
    assert found is not None
    assert found.samples is None
    assert np.array_equal(found.mel_db, store.track_db(0))
    assert read_excerpt(lost, [], store, world_workspace.settings) is None
    assert read_excerpt(lost, [1], None, world_workspace.settings) is None


def test_band_centres_rise_to_half_the_rate() -> None:
    centres = band_centres_hz(Settings())
    assert len(centres) == 128
    assert (np.diff(centres) > 0).all()
    assert 0 < centres[0] < 100
    assert 10_500 < centres[-1] < 11_025


@pytest.mark.slow
def test_first_outputs_pooled_are_what_the_network_goes_on_with(reported: Reported) -> None:
    """ELU rises monotonically, so its maximum is the ELU of the maximum: the network's own order."""
    workspace = reported.workspace
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    (found,) = convolutions(workspace, "artists", ["tiny"], store, [reported.seed])
    checkpoint = load_checkpoint(workspace.model_dir("artists", "tiny") / "checkpoint.safetensors")
    network = load_stage(checkpoint, 1)[1]
    assert isinstance(network, Cnn)
    with torch.inference_mode():
        went_on = functional.elu(network._block(torch.from_numpy(found.patch)[None, None], 0))[0]
    for words, picture in found.outputs:
        number = int(words.split()[1].rstrip(":")) - 1
        pooled = functional.max_pool2d(torch.from_numpy(picture)[None], network.config.pools[0])[0]
        assert torch.allclose(pooled, went_on[number], atol=1e-5), words


def test_sliding_outputs_and_weights_have_their_shapes(reported: Reported) -> None:
    found = {item.family: item for item in load_report_data(reported.workspace).convolutions}
    assert found["cnn"].outputs
    assert [layer.shape for layer in found["cnn"].layers] == [(2, 3, 3)] * 3
    sliding = found["cnn1d"].sliding
    assert sliding is not None
    assert sliding.shape == (4, found["cnn1d"].patch.shape[1])
    assert [layer.shape for layer in found["cnn1d"].layers] == [(4, 128, 4), (4, 4, 4)]


def test_outputs_are_named_after_what_they_answer() -> None:
    rng = np.random.default_rng(0)
    patch = rng.normal(size=(20, 30)) * 0.01
    patch[:, 10:] += 2.0  # quiet for ten frames, then loud
    answers = rng.normal(size=(7, 20, 30)) * 0.01
    answers[1, 16:, 10:] += 1.0
    answers[3, :4, 10:] += 1.0
    answers[4, 8:12, :10] += 1.0
    answers[5] = 0.0  # a dead filter
    named = dict(words.removeprefix("filter ").split(": ") for words, _ in chosen_outputs(patch, answers))
    assert named["2"] == "high bands"
    assert named["4"] == "low bands"
    assert named["5"] == "when it is quiet"
    assert "6" not in named
    assert len(named) == 6
    assert chosen_outputs(patch, np.zeros((3, 20, 30))) == ()
