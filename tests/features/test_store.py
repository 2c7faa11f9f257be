"""Test that the feature store returns the vectors that were written last, of current sources, after any kill."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unheard import artefacts
from unheard.errors import UserError
from unheard.features.store import GROWTH, FeatureStore
from unheard.features.writer import MAX_ROWS, FeatureWriter

DIM = 3


def vector(number: float) -> np.ndarray:
    return np.full(DIM, number, np.float32)


def put(store: FeatureStore, numbers: dict[str, float], *, version: str = "1", source: str = "") -> None:
    store.write(
        "kind", version, list(numbers), np.stack([vector(n) for n in numbers.values()]), [source] * len(numbers)
    )


def got(store: FeatureStore, **which: object) -> dict[str, float]:
    found = store.read("kind", **which)  # type: ignore[arg-type]
    assert list(found.ids) == sorted(found.ids)
    assert found.values.shape == (len(found.ids), DIM if len(found.ids) else 0)
    assert found.values.dtype == np.float32
    return {name: float(row[0]) for name, row in zip(found.ids, found.values, strict=True)}


def shards(store: FeatureStore) -> list[Path]:
    return sorted((store.root / "kind").glob("*.npy"))


def test_one_shard_is_read_through_a_memory_map(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    assert got(store) == {}
    put(store, {"b": 2, "a": 1, "ü": 3})
    found = store.read("kind", current={"a": "", "b": "", "ü": ""})
    assert list(found.ids) == ["a", "b", "ü"]
    assert isinstance(found.values.base, np.memmap)
    assert not found.values.flags.writeable
    assert store.kinds() == ["kind"]
    assert len(shards(store)) == 1


def test_vectors_of_other_sources_and_versions_are_stale(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    put(store, {"a": 1, "b": 2}, source="x")
    assert got(store, current={"a": "x", "b": "x"}) == {"a": 1, "b": 2}
    assert got(store, current={"a": "x", "b": "y"}) == {"a": 1}
    assert got(store, current={"b": "x"}) == {"b": 2}  # a is no track any more
    assert got(store, current={"a": "", "b": "xx"}) == {}
    assert got(store, version="1") == {"a": 1, "b": 2}
    assert got(store, version="2") == {}
    put(store, {"a": 7}, version="2", source="x")
    assert got(store, version="2") == {"a": 7}
    put(store, {"b": 8}, version="2", source="y")
    assert got(store, version="2", current={"a": "x", "b": "y"}) == {"a": 7, "b": 8}


def test_of_vectors_of_two_lengths_the_newer_ones_remain(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    put(store, {"a": 1, "b": 2})
    store.write("kind", "1", ["a", "b"], np.ones((2, 5), np.float32), ["", ""])
    assert store.read("kind").values.shape == (2, 5)


@dataclass
class _Model:
    """The reference: a dictionary."""

    rows: dict[str, tuple[float, str]] = field(default_factory=dict)


NAMES = st.sampled_from("abcdefgh")
WRITE = st.dictionaries(NAMES, st.floats(-9, 9, width=32), min_size=1)
STEPS = st.lists(
    st.one_of(st.tuples(WRITE, st.sampled_from(["x", "y"])), st.frozensets(NAMES, max_size=3)), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_the_last_write_counts(steps: list[object], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compare with a dictionary after random writes, removals and merges."""
    folder = tmp_path_factory.mktemp("store")
    store, model = FeatureStore(folder), _Model()
    for step in steps:
        if isinstance(step, tuple):
            numbers, source = step
            put(store, numbers, source=source)
            model.rows |= {name: (number, source) for name, number in numbers.items()}
        else:
            assert isinstance(step, frozenset)
            store.remove(step)
            model.rows = {name: row for name, row in model.rows.items() if name not in step}
        assert got(store) == {name: number for name, (number, _) in model.rows.items()}
        sizes = [len(np.load(path)) for path in shards(store)]
        assert all(newer * GROWTH <= older for older, newer in pairwise(sizes))
    shutil.rmtree(folder)


def test_many_small_writes_lie_in_few_shards(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    for number in range(70):
        put(store, {f"{number:02d}": number})
    assert got(store) == {f"{number:02d}": number for number in range(70)}
    assert len(shards(store)) <= 4


def test_a_write_without_a_merge_reads_no_other_shard(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    put(store, {"a": 1})
    (index,) = (store.root / "kind").glob("*.safetensors")
    whole = index.read_bytes()
    index.write_bytes(b"unreadable")
    store.write("kind", "1", ["b"], np.ones((1, 3), np.float32), [""], merge=False)
    index.write_bytes(whole)
    assert store.track_ids("kind") == {"a", "b"}
    assert len(shards(store)) == 2


def test_a_merge_of_several_blocks_keeps_every_vector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unheard.features.store.BLOCK", 7)
    store = FeatureStore(tmp_path)
    wanted = {f"t{number:02d}": float(number) for number in range(50)}
    for name, value in wanted.items():
        put(store, {name: value})
    store.compact("kind")
    assert got(store) == wanted
    assert len(shards(store)) == 1


def test_a_shard_without_its_index_does_not_count(tmp_path: Path) -> None:
    """A kill between the two files leaves the previous state; so does one before old shards are deleted."""
    store = FeatureStore(tmp_path)
    put(store, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5})
    shutil.copytree(store.root, tmp_path / "saved")
    put(store, {"a": 9})
    assert len(shards(store)) == 2  # the first is large enough not to be merged
    first, second = sorted((store.root / "kind").glob("*.safetensors"))
    second.unlink()
    assert got(store)["a"] == 1
    put(store, {"b": 8})
    put(store, {"c": 7})  # merges; then the shards that were merged come back
    for file in (tmp_path / "saved" / "kind").iterdir():
        if not (store.root / "kind" / file.name).exists():
            shutil.copy(file, store.root / "kind" / file.name)
    assert got(store) == {"a": 1, "b": 8, "c": 7, "d": 4, "e": 5}
    assert first.exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    put(store, {"a": 1})
    (path,) = shards(store)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(UserError, match=r"\.npy: damaged \(.*delete the folder .*kind and run `unheard features`"):
        got(store)
    path.unlink()
    with pytest.raises(UserError, match="files are missing; delete the folder"):
        got(store)


def test_the_writer_writes_whatever_happens(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    with pytest.raises(KeyboardInterrupt), FeatureWriter(store) as writer:
        writer.add("kind", "1", "a", vector(1), "x")
        assert got(store) == {}
        raise KeyboardInterrupt
    assert got(store) == {"a": 1}
    with FeatureWriter(store) as writer:
        for number in range(MAX_ROWS + 1):
            writer.add("kind", "1", f"{number:05d}", vector(number), "x")
        assert len(got(store)) == MAX_ROWS + 1  # with a from above; the last one waits
    assert len(got(store)) == MAX_ROWS + 2
    assert len(shards(store)) == 1


WRITER = """
import sys
import numpy as np
from pathlib import Path
from unheard.features.store import FeatureStore

store = FeatureStore(Path(sys.argv[1]))
for number in range(10_000):
    ids = [f"{number % 50:03d}", f"{number % 7:03d}"]
    store.write("kind", "1", ids, np.full((2, 3), number, np.float32), ["x", "x"])
    print(number, flush=True)
"""


@pytest.mark.parametrize("kill_after", [0, 13, 60])
def test_a_killed_writer_leaves_a_store_that_reads(kill_after: int, tmp_path: Path) -> None:
    """After SIGKILL at any moment, everything written before is there, and at most one more write."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    last = -1
    for line in process.stdout:
        last = int(line)
        if last >= kill_after:
            process.kill()
            break
    rest, _ = process.communicate(timeout=60)
    last = max([last, *(int(line) for line in rest.split())])
    store = FeatureStore(tmp_path)
    expected = {f"{n % modulus:03d}": n for n in range(last + 1) for modulus in (50, 7)}
    more = expected | {f"{(last + 1) % modulus:03d}": last + 1 for modulus in (50, 7)}
    found = got(store)
    assert found in (expected, more)
    put(store, {"after": 1})
    assert got(store) == found | {"after": 1}


TWO_WRITERS = """
import sys
import numpy as np
from pathlib import Path
from unheard.features.store import FeatureStore

store = FeatureStore(Path(sys.argv[1]))
for number in range(40):
    store.write("kind", "1", [f"{sys.argv[2]}{number}"], np.full((1, 3), number, np.float32), ["x"])
"""


def test_two_writers_at_a_time_lose_nothing(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", TWO_WRITERS, str(tmp_path), name]) for name in "pq"]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert got(FeatureStore(tmp_path)) == {f"{name}{number}": number for name in "pq" for number in range(40)}


def test_a_removal_that_a_merge_undoes_is_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A track is removed after a merge of the same shards has read them, and before the merged shard counts."""
    store, save = FeatureStore(tmp_path), artefacts.save
    put(store, {f"t{number}": number for number in range(9)}, source="x")
    put(store, {"t9": 9}, source="x")
    assert len(shards(store)) == 2

    def remove_then_save(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(artefacts, "save", save)
        store.remove({"t3"})
        assert "t3" not in store.track_ids("kind")
        save(*arguments, **named)

    monkeypatch.setattr(artefacts, "save", remove_then_save)
    store.compact("kind")
    assert "t3" in store.track_ids("kind")
    rest = {f"t{number}": float(number) for number in range(10) if number != 3}
    assert got(store, current=dict.fromkeys(rest, "x")) == rest
    assert got(store, current={**dict.fromkeys(rest, "x"), "t3": "y"}) == rest  # a new file of the same track id
    store.remove({"t3"})
    assert got(store) == rest
