"""Files that claim what they do not hold, lead to other files, or are no files: each is refused in one line, at once.

A failure of these tests may be a test that never ends, or gigabytes of memory.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.ingest import sounds
from tests.torture.originals import MATCHER, SETTINGS, read_audio, read_lists, read_patches, read_source, read_weights
from unheard.errors import AudioError, TableError, UserError
from unheard.ingest import audio
from unheard.ingest import limited as limits
from unheard.ingest.audio import decode_blocks
from unheard.ingest.limited import limited
from unheard.ingest.lyrics import read_lyrics
from unheard.ingest.vectors import read_vectors
from unheard.library import Library
from unheard.plays.importing import read_sources
from unheard.scan.scan import scan
from unheard.serve.thumbnails import cover_thumbnail
from unheard.splits import read_splits
from unheard.workspace import Workspace


def one_line(error: Exception) -> str:
    assert "\n" not in str(error)
    return str(error)


# ------------------------------------------------------------------------------------------------------------- audio


def wav(path: Path, *, rate: int, n_bytes: int = 120_000) -> Path:
    """A WAV of 16 bits whose header claims a sample rate."""
    data = np.random.default_rng(0).integers(-9000, 9000, n_bytes // 2, np.int16).tobytes()
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" + struct.pack("<I", len(data))
    path.write_bytes(head + data)
    return path


@pytest.mark.parametrize("rate", [1, 7, 999, 1_999])
def test_a_small_file_that_claims_some_hertz_is_not_hours_of_sound(rate: int, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=f"sample rate {rate:,} Hz"):
        list(decode_blocks(wav(tmp_path / "a.wav", rate=rate), sample_rate=22_050))


def test_hours_of_silence_in_a_few_bytes_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        file.write(0.1 * np.random.default_rng(0).normal(size=1_000))
        for _ in range(90):  # a quarter of an hour
            file.write(np.zeros(80_000))
    longest_s = audio.FREE_S + path.stat().st_size / audio.MIN_BYTES_PER_S
    assert longest_s < 900
    with pytest.raises(AudioError, match=f"more than {longest_s:,.0f} s of sound"):
        list(decode_blocks(path, sample_rate=8_000))


def test_a_text_that_names_other_files_is_no_track(tmp_path: Path) -> None:
    """FFmpeg would join the files that an ffconcat script, an HLS or a DASH playlist names."""
    music = tmp_path / "music"
    sounds.write(music / "one.mp3", sounds.song(0, 2.0))
    concat = "ffconcat version 1.0\nfile one.mp3\nfile one.mp3\n"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\none.mp3\n"
    for number, text in enumerate((concat, hls)):
        (music / f"list {number}.mp3").write_text(text)
    workspace = Workspace.init(tmp_path / "w")
    report = scan(workspace, [music], jobs=1)
    assert (report.added, report.failed) == (1, 2)
    with Library(workspace.library_path) as library:
        assert {Path(failure.path).name for failure in library.failures()} == {"list 0.mp3", "list 1.mp3"}


@pytest.mark.parametrize("n_samples", [0, 1])
def test_no_sample_and_one_sample(n_samples: int, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(n_samples, 0.5), 44_100)
    with pytest.raises(AudioError) as caught:
        list(decode_blocks(path, sample_rate=22_050))
    one_line(caught.value)


def test_eight_channels_of_192_khz_are_read(tmp_path: Path) -> None:
    path, rate = tmp_path / "a.wav", 192_000
    soundfile.write(path, np.tile(sounds.song(0, 1.5, rate=rate), (1, 4)), rate)
    n = sum(len(block) for block in decode_blocks(path, sample_rate=22_050))
    assert n == pytest.approx(1.5 * 22_050, abs=2)


def id3_bomb(path: Path) -> Path:
    """An MP3 with an ID3v2.4 picture that is a thousand times as large when it is unpacked."""

    def synchsafe(n: int) -> bytes:
        return bytes(n >> shift & 127 for shift in (21, 14, 7, 0))

    packer, n_bytes = zlib.compressobj(9), 0
    packed = packer.compress(b"\0image/png\0\3\0")
    for _ in range(50):
        packed += packer.compress(bytes(1_000_000))
        n_bytes += 1_000_000
    packed += packer.flush()
    frame = b"APIC" + synchsafe(len(packed) + 4) + b"\0\x09" + synchsafe(n_bytes & 0xFFFFFFF) + packed
    sounds.write(path, sounds.song(0, 2.0))
    path.write_bytes(b"ID3\4\0\0" + synchsafe(6 * len(frame)) + 6 * frame + path.read_bytes())
    return path


def test_tags_that_grow_a_thousand_times_stay_in_a_process_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = id3_bomb(tmp_path / "a.mp3")
    assert path.stat().st_size < 500_000
    monkeypatch.setattr(limits, "MEMORY_BYTES", 150_000_000)
    assert limited(cover_thumbnail, path, 112) is None  # damaged tags, as any others
    assert limited(read_lyrics, path) == []


# ------------------------------------------------------------------------------------------------------- no files

PIPES: dict[str, Callable[[Path], object]] = {
    "tracks.csv": read_source,
    "id_x.tsv": read_source,
    "id_x.tsv.bz2": read_source,
    "v.npz": read_source,
    "v.parquet": read_source,
    "p.h5": read_patches,
    "splits.json": read_splits,
    "list.csv": read_lists,
    "list.m3u": read_lists,
    "list.json": read_lists,
    "list.parquet": read_lists,
    "weights.h5": read_weights,
    "song.mp3": lambda path: list(decode_blocks(path, sample_rate=22_050)),
}


@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_is_refused_instead_of_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=r"pipe|regular") as caught:
        PIPES[name](tmp_path / name)
    one_line(caught.value)


def test_a_device_is_refused_instead_of_read_for_ever(tmp_path: Path) -> None:
    (tmp_path / "splits.json").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="a pipe, socket or device"):
        read_splits(tmp_path / "splits.json")


def test_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.csv", "b.m3u", "c.json", "d.xml", "e.txt"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "good.m3u").write_text("/music/1.mp3\n")
    (source,) = read_sources([tmp_path], MATCHER)
    assert (source.found.n_playlists, source.problems) == (1, [])


# ------------------------------------------------------------------------------------------------------------ arrays


def npz(path: Path, shape: tuple[int, ...], content: bytes, dtype: str = "<f8") -> Path:
    """An .npz whose array `vector` claims a shape."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape_, type_, data in (("track_id", (1,), "<U1", b"a\0\0\0"), ("vector", shape, dtype, content)):
            out = io.BytesIO()
            np.lib.format.write_array_header_1_0(out, {"descr": type_, "fortran_order": False, "shape": shape_})
            archive.writestr(f"{name}.npy", out.getvalue() + data)
    return path


@pytest.mark.parametrize("shape", [(10**12, 128), (10**15, 128), (2**40, 2**40), (4 * 10**9, 1)])
def test_an_npz_that_claims_more_than_there_is(shape: tuple[int, int], tmp_path: Path) -> None:
    path = npz(tmp_path / "v.npz", shape, b"12345678")
    assert path.stat().st_size < 1_000
    with pytest.raises(TableError) as caught:
        read_source(path)
    one_line(caught.value)


@pytest.mark.parametrize(
    "header", [b"{'descr': '<f8', ", b"(((((((", b"\xff" * 60, b"{'shape': (1,)}", b"__import__('os')"]
)
def test_an_npz_and_an_npy_with_a_broken_header(header: bytes, tmp_path: Path) -> None:
    array = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(64)
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("track_id.npy", array)
        archive.writestr("vector.npy", array)
    with pytest.raises(TableError) as caught:
        read_source(tmp_path / "v.npz")
    one_line(caught.value)
    folder = tmp_path / "mel" / "0"
    folder.mkdir(parents=True)
    (folder / "1.npy").write_bytes(array)
    np.save(folder / "2.npy", np.random.default_rng(0).normal(size=(48, 9)))
    left_out: list[str] = []
    assert list(read_vectors(tmp_path / "mel", left_out=left_out.append)[0]) == ["2"]
    assert len(left_out) == 1


def test_a_spectrogram_that_claims_a_million_hours_is_left_out_and_the_others_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "mel" / "0"
    folder.mkdir(parents=True)
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": (48, 10**12)})
    (folder / "1.npy").write_bytes(out.getvalue() + bytes(1_000))
    np.save(folder / "2.npy", np.random.default_rng(0).normal(size=(48, 9)))
    left_out: list[str] = []
    assert list(read_vectors(tmp_path / "mel", left_out=left_out.append)[0]) == ["2"]
    assert "claims float32 of shape (48, 1000000000000)" in left_out[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_in_float32(value: float, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", track_id=["a", "b"], vector=[[1.0, 2.0], [3.0, value]])
    with pytest.raises(TableError, match="row 2: vector of 'b' has NaN or infinity"):
        read_source(tmp_path / "v.npz")


@pytest.mark.parametrize("name", ["", "a\0", "\x1b[31m", "\x85", "x" * 1_001, "\ud800"])
def test_ids_that_are_no_text_are_refused_with_their_row(name: str, tmp_path: Path) -> None:
    ids = np.array(["good", name + ("b" if name.endswith("\0") else "")])  # NumPy drops zeros at the end
    np.savez(tmp_path / "v.npz", track_id=ids, vector=np.ones((2, 2)))
    with pytest.raises(TableError, match=r"row 2: track_id (is|has)"):
        read_source(tmp_path / "v.npz")


@pytest.mark.parametrize(
    "name", ["-id", "=1+1", "\u202eabc", "a\u0300", "名前", "\U0001f3b5", "x" * 1_000, "a b", "a/b", "'"]
)
def test_any_other_text_is_an_id(name: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", track_id=[name], vector=np.ones((1, 2)))
    assert list(read_vectors(tmp_path / "v.npz")[0]) == [name]


# -------------------------------------------------------------------------------------------------------------- HDF5

SHAPE = (1, 513, 256)


def external_link(file: h5py.File, other: Path) -> None:
    file["patches"] = h5py.ExternalLink(str(other), "/patches")


def soft_link(file: h5py.File, other: Path) -> None:
    file["elsewhere"] = h5py.ExternalLink(str(other), "/")
    file["patches"] = h5py.SoftLink("/elsewhere/patches")


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("patches", shape=SHAPE, dtype="f4", external=[(str(other), 0, 513 * 256 * 4)])


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(str(other), "patches", SHAPE)
    file.create_virtual_dataset("patches", layout)


@pytest.mark.parametrize("write", [external_link, soft_link, external_storage, virtual])
def test_an_hdf5_file_that_leads_to_other_files(write: Callable[[h5py.File, Path], None], tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["patches"] = np.ones(SHAPE, np.float32)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        write(file, other)
        file["track_id"] = [b"a"]
    with pytest.raises(TableError, match=r"is a link|in other files"):
        read_patches(tmp_path / "p.h5")


@pytest.mark.parametrize("named", [True, False])
def test_an_hdf5_file_that_claims_a_billion_patches(named: bool, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("patches" if named else "a", (10**9, 513, 256), "f4", chunks=SHAPE)
        if named:
            file.create_dataset("track_id", (10**9,), "S8", chunks=(1_000,))
    assert (tmp_path / "p.h5").stat().st_size < 10_000
    with pytest.raises(TableError, match="0 bytes are stored"):
        read_patches(tmp_path / "p.h5")


def test_damaged_hdf5_files_do_not_end_a_scan_of_others(tmp_path: Path) -> None:
    """Bytes changed where the structure is: h5py raises KeyError, RuntimeError and others."""
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("patches", data=np.ones(SHAPE, np.float32), compression="gzip")
        file["track_id"] = [b"a"]
    content, rng = (tmp_path / "p.h5").read_bytes(), np.random.default_rng(0)
    n_refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.integers(0, 2_500, 8):
            damaged[at] = rng.integers(256)
        (tmp_path / "damaged.h5").write_bytes(damaged)
        try:
            read_patches(tmp_path / "damaged.h5")
        except UserError as error:
            one_line(error)
            n_refused += 1
    assert n_refused > 5


# ----------------------------------------------------------------------------------------------------------- Parquet


def not_utf8(names: list[str]) -> pa.Array:
    return pa.array([name.encode().replace(b"?", b"\xff") for name in names], pa.binary()).view(pa.string())


def test_a_parquet_table_whose_texts_are_not_utf8(tmp_path: Path) -> None:
    pq.write_table(pa.table({"playlist_id": ["p"] * 2, "track_id": not_utf8(["a", "b?"])}), tmp_path / "l.parquet")
    with pytest.raises(TableError, match="damaged"):
        read_lists(tmp_path / "l.parquet")
    pq.write_table(pa.table({"track_id": not_utf8(["a", "b?"]), "vector": [[1.0]] * 2}), tmp_path / "v.parquet")
    with pytest.raises(TableError, match="damaged"):
        read_source(tmp_path / "v.parquet")


def test_a_parquet_table_of_2_kb_that_stands_for_terabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200,000 rows of the same text of 5 MB."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, np.int32)), ["x" * 5_000_000])
    table = pa.table({"track_id": texts, "path": texts})
    path = tmp_path / "tracks.parquet"
    pq.write_table(table, path, compression="zstd", store_schema=False, dictionary_pagesize_limit=2**30)
    assert path.stat().st_size < 5_000
    monkeypatch.setattr(limits, "MEMORY_BYTES", 600_000_000)
    with pytest.raises(TableError) as caught:
        read_source(path)
    one_line(caught.value)


# ------------------------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize("letter", ["a", ",", '"', "\t", "\0"])
@pytest.mark.parametrize("name", ["l.csv", "l.tsv", "l.txt", "tracks.csv"])
def test_one_line_without_an_end(letter: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("playlist_id,track_id,path\n" + letter * 3_000_000 if letter == "a" else letter * 3_000_000)
    with pytest.raises(UserError) as caught:
        (read_source if name == "tracks.csv" else read_lists)(path)
    assert len(one_line(caught.value)) < 1_000


def test_a_list_of_paths_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "l.m3u").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(TableError, match="60,000,000 bytes, expected at most 50,000,000"):
        read_lists(tmp_path / "l.m3u")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.json", b"[" * 200_000),
        ("l.jspf", b'{"playlist":{"track":' + b"[" * 200_000),
        ("l.xml", b"<plist>" + b"<array>" * 50_000 + b"</array>" * 50_000 + b"</plist>"),
        ("l.xml", b"bplist00" + bytes(range(256))),
        ("l.xml", b"<?xml version='1.0' encoding='UTF-0'?><plist/>"),
    ],
)
def test_deep_and_odd_texts(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_lists(tmp_path / name)
    one_line(caught.value)


def test_audio_readers_take_what_torture_gives_them(tmp_path: Path) -> None:
    """The reader that `make torture` calls does read a good file."""
    read_audio(sounds.write(tmp_path / "a.mp3", sounds.song(0, 2.0)))
    assert SETTINGS.sample_rate > 0


def test_a_data_set_whose_columns_are_of_other_types(tmp_path: Path) -> None:
    """Yambda's sequential table has lists in its columns; these have structures."""
    columns = {name: [[{"element": 1}]] * 3 for name in ("timestamp", "item_id", "played_ratio_pct")}
    pq.write_table(pa.table({"uid": [1, 2, 3], **columns}), tmp_path / "listens.parquet")
    with pytest.raises(TableError) as caught:
        read_lists(tmp_path / "listens.parquet")
    one_line(caught.value)
