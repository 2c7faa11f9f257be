"""Indexes in the layout of mirdata, beside the audio that they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from unheard.errors import TableError
from unheard.ingest.mirdata_index import indexed_audio, is_mirdata_index
from unheard.library import open_library
from unheard.scan.scan import scan
from unheard.workspace import Workspace

MD5 = "0" * 32


def index(folder: Path, tracks: dict[str, Any], name: str = "gtzan_genre_index_1.0.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"version": "1.0", "tracks": tracks}))
    return path


def sound(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(22050 * 5), 22050)


def test_the_tracks_of_an_index_are_scanned_with_their_ids(tmp_path: Path) -> None:
    tracks: dict[str, Any] = {}
    for seed, name in enumerate(("blues.00000", "rock.00001")):
        file = f"gtzan_genre/genres/{name[:-6]}/{name}.wav"
        sound(tmp_path / file, seed)
        tracks[name] = {"audio": [file, MD5], "tempo": [f"annot/{name}.bpm", MD5]}
    sound(tmp_path / "other.wav", 9)  # not in the index
    tracks["rock.00002"] = {"audio": ["gtzan_genre/genres/rock/rock.00002.wav", MD5]}  # not downloaded
    workspace = Workspace.init(tmp_path / "w")
    assert scan(workspace, [index(tmp_path, tracks)], jobs=1).added == 2
    with open_library(workspace.library_path) as library:
        assert list(library.tracks().ids) == ["blues.00000", "rock.00001"]


def test_which_of_several_files_is_the_track(tmp_path: Path) -> None:
    for name in ("mix", "mic", "mono"):
        sound(tmp_path / f"{name}.wav", 0)
    tracks = {
        "a": {"audio_mic": ["mic.wav", MD5], "audio_mix": ["mix.wav", MD5]},
        "b": {"audio": [None, None], "audio_mono": ["mono.wav", MD5], "audio_mic": ["mic.wav", MD5]},
        "c": {"audio_mix": ["none.wav", MD5], "audio_mic": ["mic.wav", MD5]},
        "d": {"notes": ["mic.wav", MD5]},
        "e": {"audio": ["../secret.wav", MD5]},
        "f": {"audio": ["/etc/hostname", MD5]},
    }
    found = indexed_audio(index(tmp_path, tracks))
    assert {name: path.name for name, path in found.items()} == {"a": "mix.wav", "b": "mono.wav", "c": "mic.wav"}


def test_two_sets_with_the_same_ids_are_refused(tmp_path: Path) -> None:
    sound(tmp_path / "1.wav", 0)
    one, other = (index(tmp_path, {"1": {"audio": ["1.wav", MD5]}}, f"{name}_index_1.0.json") for name in "ab")
    with pytest.raises(TableError, match="track '1' is also in"):
        scan(Workspace.init(tmp_path / "w"), [one, other], jobs=1)


@pytest.mark.parametrize("content", ["{", '{"tracks": []}', '{"tracks": {"a": 1}}', '{"tracks": {"a": {}}}'])
def test_what_is_no_index(tmp_path: Path, content: str) -> None:
    path = tmp_path / "orchset_index_1.0.json"
    path.write_text(content)
    with pytest.raises(TableError, match="mirdata"):
        indexed_audio(path)


def test_other_json_is_not_taken_for_one(tmp_path: Path) -> None:
    assert is_mirdata_index(index(tmp_path, {}))
    assert not is_mirdata_index(index(tmp_path, {}, "library.json"))
    (tmp_path / "index.json").write_text('[{"tracks": 1}]')
    assert not is_mirdata_index(tmp_path / "index.json")
