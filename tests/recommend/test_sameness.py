"""Test how tracks are grouped into recordings and songs, and that gone tracks and versions stay out of lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.features.stored import put_features
from unheard import artefacts
from unheard.library import Library, Track, Tracks
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.recommend.recommenders import FactorRecommender
from unheard.recommend.sameness import recording_pairs, rows_of_same_song, sameness, similar_sounds
from unheard.recommend.seeds import NewTrack
from unheard.spectrograms.acoustic_fingerprint import FINGERPRINT_DIM, N_BITS, N_FRAMES
from unheard.spectrograms.same_recording import Prints, is_same_recording
from unheard.workspace import Workspace

NO_PAIRS = np.empty((0, 2), np.int64)
ALL = ListOptions(n=400, max_per_artist=None)


def track(name: str, title: str, *artists: str, audio: str = "") -> Track:
    return Track(name, title=title, artists=artists, audio_hash=audio)


def groups(numbers: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(numbers == number).tolist() for number in dict.fromkeys(numbers.tolist())]


def fingerprints(n: int, *, seed: int = 0) -> np.ndarray:
    """Random fingerprints (n, 384) in which every bit is known."""
    bits = np.random.default_rng(seed).integers(0, 1 << N_BITS, (n, N_FRAMES))
    out = np.zeros((n, FINGERPRINT_DIM), np.float32)
    out[:, :N_FRAMES] = bits | (((1 << N_BITS) - 1) << N_BITS)
    return out


def test_groups_by_audio_sound_and_title() -> None:
    tracks = Tracks(
        (
            track("a", "Sun", "Band"),
            track("b", "Sun (Live)", "Band", "Guest"),
            track("c", "Sun", "Other"),
            track("d", "", audio="1"),
            track("e", "Moon", "Band", audio="1"),
            track("f", "Moon - En Vivo", "band"),
            track("g", "Intro", "Band"),
            track("h", "Intro", "Band"),
            track("i", "Duet", "Guest"),
            track("j", "Duet", "Band", "Guest"),
            track("k", "Duet", "Third", "Guest"),
        )
    )
    found = sameness(tracks, np.array([[2, 6]]))
    assert groups(found.recording) == [[0], [1], [2, 6], [3, 4], [5], [7], [8], [9], [10]]
    # a guest who is the main artist of another track joins them; g and c sound the same, which joins no titles
    assert groups(found.song) == [[0, 1], [2, 6], [3, 4, 5], [7], [8, 9, 10]]


def test_tracks_with_a_common_guest_only_are_two_songs() -> None:
    tracks = Tracks(
        (track("a", "Number Five", "Ludwig", "Orchestra"), track("b", "Number Five", "Gustav", "Orchestra"))
    )
    assert groups(sameness(tracks, NO_PAIRS).song) == [[0], [1]]


def test_a_track_from_outside_is_compared_by_audio_and_title() -> None:
    tracks = Tracks((track("a", "Sun", "Band"), track("b", "Band - Sun (Demo)", "Band"), track("c", "", audio="1")))
    assert rows_of_same_song(tracks, track("", "Sun - Live", "Band")) == [0, 1]
    assert rows_of_same_song(tracks, track("", "other", "Band", audio="1")) == [2]
    assert rows_of_same_song(tracks, track("", "Sun")) == []


def test_sketches_and_comparisons_find_the_pairs_in_many() -> None:
    n = 300
    prints = fingerprints(n)
    shifted = np.zeros((20, FINGERPRINT_DIM), np.float32)
    shifted[:, 25:N_FRAMES] = prints[:20, : N_FRAMES - 25]
    both = np.concatenate([prints, shifted])
    found = similar_sounds(Prints(both, np.zeros((len(both), 257), np.float32)))
    assert found == [(row, n + row) for row in range(20)]


def test_pairs_are_stored_until_the_fingerprints_change(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    names = ["a", "b", "c", "d"]
    with Library(workspace.library_path) as library, library.transaction():
        for name in names:
            library.put_track(Track(name, path=f"/{name}", content_hash=name))
    with Library(workspace.library_path) as library:
        tracks = library.tracks()
    prints = fingerprints(4)
    prints[2] = prints[1]
    put_features(workspace, "signature", [(name, np.ones(257)) for name in names[1:]])
    put_features(workspace, "acoustic-fingerprint", list(zip(names[1:], prints[1:], strict=True)))
    path = tmp_path / "w/recordings.safetensors"
    assert recording_pairs(workspace, tracks).tolist() == [[1, 2]]
    stored = artefacts.load(path, "recordings")
    artefacts.save(path, "recordings", config=stored.config, arrays={"pairs": np.array([[0, 2]])})
    assert recording_pairs(workspace, tracks).tolist() == [[1, 3]]  # from the file: rows of the tracks with prints
    path.write_bytes(b"damaged")
    assert recording_pairs(workspace, tracks).tolist() == [[1, 2]]
    put_features(workspace, "acoustic-fingerprint", [("d", prints[1])])
    assert recording_pairs(workspace, tracks).tolist() == [[1, 2], [1, 3]]  # the first of equal ones stands for them


def many_prints(n: int, seed: int) -> Prints:
    """Prints of 12 sounds: music, jingles with few known bits, tones without any; many equal, others close."""
    rng = np.random.default_rng(seed)
    sounds = fingerprints(12, seed=seed)
    sounds[4:8, 20:N_FRAMES] = 0  # 240 known bits
    sounds[8:, :N_FRAMES] = 0
    sounds[4:10, N_FRAMES:] = rng.choice([0.0, -50.0], (6, 128), p=[0.2, 0.8])
    signatures = rng.normal(size=(12, 257))
    signatures[:, -1] = rng.choice([3.0, 4.0, 30.0], 12)
    signatures[:, :-1] /= np.linalg.norm(signatures[:, :-1], axis=1, keepdims=True)
    signatures[11, :-1] = 0  # silence
    rows = rng.integers(0, 12, n)
    prints = Prints(sounds[rows], signatures[rows].astype(np.float32))
    wrong = (rng.random((n, N_FRAMES)) < rng.choice([0.0, 0.1, 0.6], (n, 1))) & (prints.fingerprint[:, :N_FRAMES] > 0)
    prints.fingerprint[:, :N_FRAMES] = (prints.fingerprint[:, :N_FRAMES].astype(int) ^ wrong * 0b1011).astype(
        np.float32
    )
    prints.fingerprint[:, N_FRAMES:] += rng.choice([0.0, 1.0], (n, 1)) * rng.normal(size=(n, 128)).astype(np.float32)
    prints.signature[:, :-1] += rng.choice([0.0, 0.004], (n, 1)) * rng.normal(size=(n, 256)).astype(np.float32)
    prints.signature[:, -1] += rng.choice([0.0, 0.3], n).astype(np.float32)
    return prints


@pytest.mark.parametrize("seed", range(4))
def test_the_recordings_are_those_of_comparing_all_pairs(seed: int) -> None:
    n = 120
    prints = many_prints(n, seed)
    rows = [Prints(*row) for row in zip(*prints, strict=True)]
    every = [(a, b) for b in range(n) for a in range(b) if is_same_recording(rows[a], rows[b])]
    tracks = Tracks(tuple(track(f"{row:03d}", "") for row in range(n)))
    wanted = sameness(tracks, np.array(every)).recording
    found = similar_sounds(prints)
    np.testing.assert_array_equal(sameness(tracks, np.array(found)).recording, wanted)
    assert len(found) == n - len(set(wanted.tolist()))  # none is superfluous
    assert len(every) > 4 * len(found)


def test_thousands_of_equal_sounds_are_joined_by_the_first_of_them() -> None:
    n = 3000
    prints = Prints(fingerprints(4), np.full((4, 257), 1 / 16, np.float32))  # music
    prints.fingerprint[1:, :N_FRAMES] = 0  # tone, noise, silence
    prints.fingerprint[[1, 3], N_FRAMES:] = -50
    prints.fingerprint[1, N_FRAMES] = 0
    prints.signature[3, :-1] = 0
    prints.signature[:, -1] = 20, 24, 28, 32  # seconds
    copies = Prints(np.tile(prints.fingerprint, (n, 1)), np.tile(prints.signature, (n, 1)))
    # one noise is like another, and silences have nothing in common
    assert similar_sounds(copies) == [(sound, 4 * copy + sound) for sound in (0, 1) for copy in range(1, n)]


def test_recordings_of_a_seed_or_of_the_playlist_are_left_out(catalogue: Catalogue, toy: FactorRecommender) -> None:
    playlist = 5
    own = int(catalogue.plays[playlist].indices[0])
    seed, other = catalogue.track_row("t08-0"), catalogue.track_row("t19-1")
    paired = replace(catalogue, recording_pairs=np.array([[seed, other], [own, catalogue.track_row("t18-2")]]))
    for found in (similar(paired, toy, seed, options=ALL), recommend(paired, toy, likes=[seed], options=ALL)):
        assert "t19-1" not in {item.track_id for item in found}
    assert "t18-2" not in {item.track_id for item in recommend(paired, toy, playlist=playlist, options=ALL)}
    outside = NewTrack(Track(""), toy.tracks[seed], recordings={"t19-1", "unknown"})
    names = {item.track_id for item in similar(paired, toy, outside, options=ALL)}
    assert not names & {"t19-1", "t08-0"}
    assert "t18-1" in names


@pytest.mark.parametrize("which", ["cold", "warm", "all"])
def test_gone_tracks_are_no_candidates_and_evaluation_keeps_them(catalogue: Catalogue, which: Candidates) -> None:
    items = [
        replace(track, gone_since="2026-01-31" if row % 3 else "") for row, track in enumerate(catalogue.tracks.items)
    ]
    gone = replace(catalogue, tracks=Tracks(tuple(items)))
    np.testing.assert_array_equal(gone.candidates(which, new=False), catalogue.candidates(which, new=False))
    offered = catalogue.candidates(which, new=True)
    np.testing.assert_array_equal(gone.candidates(which, new=True), offered[offered % 3 == 0])


def test_gone_tracks_are_seeds_and_reasons_but_no_results(catalogue: Catalogue, toy: FactorRecommender) -> None:
    warm = catalogue.candidates("warm", new=False)
    items = list(catalogue.tracks.items)
    for row in warm:
        items[row] = replace(items[row], gone_since="2026-01-31")
    gone = replace(catalogue, tracks=Tracks(tuple(items)))
    found = similar(gone, toy, int(warm[0]), options=ALL)
    assert found
    assert not {item.row for item in found} & set(warm.tolist())
    assert any(reason.track_id in set(catalogue.tracks.ids.take(warm)) for item in found for reason in item.reasons)
