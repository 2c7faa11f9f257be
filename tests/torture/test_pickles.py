"""No reader unpickles what users give: a pickle that writes a file is refused everywhere, and the file is not there."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.torture.originals import SETTINGS, read_artefact, read_lists, read_patches, read_source, read_weights
from unheard.errors import UserError
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.ingest.audio import decode_blocks
from unheard.ingest.vectors import read_vectors
from unheard.splits import read_splits


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, written: Path) -> None:
        self._written = written

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self._written, "unpickled")


def test_the_payload_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "written")))
    assert (tmp_path / "written").exists()


def as_pickle(payload: Payload) -> bytes:
    return pickle.dumps(payload)


def as_npy(payload: Payload) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([[payload]], object), allow_pickle=True)
    return out.getvalue()


def as_npz(payload: Payload) -> bytes:
    out = io.BytesIO()
    np.savez(out, track_id=np.array([payload], object), vector=np.array([[payload]], object))
    return out.getvalue()


def as_torch(payload: Payload) -> bytes:
    """A file of torch.save: a zip with data.pkl."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(payload))
        archive.writestr("archive/version", "3")
    return out.getvalue()


def load_ranker_file(path: Path) -> None:
    load_ranker(path)


def decode(path: Path) -> None:
    list(decode_blocks(path, sample_rate=SETTINGS.sample_rate))


READERS: dict[str, Callable[[Path], object]] = {
    "v.npz": read_source,
    "v.parquet": read_source,
    "p.h5": read_patches,
    "list.json": read_lists,
    "list.csv": read_lists,
    "list.m3u": read_lists,
    "splits.json": read_splits,
    "weights.h5": read_weights,
    "a.safetensors": read_artefact,
    "checkpoint.safetensors": load_checkpoint,
    "ranker.safetensors": load_ranker_file,
    "song.mp3": decode,
}


@pytest.mark.parametrize("content", [as_pickle, as_npy, as_npz, as_torch])
@pytest.mark.parametrize("name", READERS)
def test_a_pickle_is_refused_and_not_run(name: str, content: Callable[[Payload], bytes], tmp_path: Path) -> None:
    path, written = tmp_path / name, tmp_path / "written"
    path.write_bytes(content(Payload(written)))
    try:
        READERS[name](path)
    except UserError:
        refused = True
    else:
        refused = False
    assert not written.exists()
    assert refused or name == "list.m3u"  # lines of paths that are in no library


def test_a_spectrogram_of_melon_is_not_unpickled(tmp_path: Path) -> None:
    folder, written = tmp_path / "mel" / "0", tmp_path / "written"
    folder.mkdir(parents=True)
    (folder / "1.npy").write_bytes(as_npy(Payload(written)))
    lines: list[str] = []
    with pytest.raises(UserError, match="no vectors"):
        read_vectors(tmp_path / "mel", left_out=lines.append)
    assert len(lines) == 1
    assert not written.exists()
