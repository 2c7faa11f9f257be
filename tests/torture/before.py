"""Write a workspace as the version before checksums did: what it lacks is taken out of every file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
from safetensors import safe_open
from safetensors.numpy import save_file

from unheard.checksums import MARKER, read_sealed, unseal


def strip_checksums(root: Path) -> None:
    """Take checksums, chains, digests and the id of the workspace out of the workspace `root`."""
    for path in root.rglob("*.safetensors"):
        _artefact(path)
    for path in root.rglob("*.index"):
        entries = [json.loads(line)[:4] for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))
    for path in root.glob("*.jsonl"):
        lines = [json.dumps(unseal(line, path), ensure_ascii=False) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{line}\n" for line in lines))
    for path in root.rglob("*.crc32"):
        path.unlink()
    _plays(root / "plays" / "playlists.parquet")
    with closing(sqlite3.connect(root / "library.sqlite")) as db, db:
        db.execute("DROP TABLE digests")
        for table in ("tracks", "file_failures"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
    splits = json.loads((root / "splits.json").read_text())
    (root / "splits.json").write_text(json.dumps({name: _without(split) for name, split in splits.items()}))
    for path in sorted(root.rglob("*.json"), key=lambda path: path.name == MARKER):  # the marker last: others name it
        if path.name != "splits.json" and isinstance(values := read_sealed(path), dict):
            values.pop("id", None)
            path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def _without(split: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in split.items() if key not in ("digest", "workspace")}


def _artefact(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        header = unseal(file.metadata()["unheard"])
        arrays = {name: file.get_tensor(name) for name in file.keys() if not name.startswith("known.")}  # noqa: SIM118
    header["config"].pop("crc32", None)
    old = {"kind": header["kind"], "version": 1, "config": header["config"]}
    save_file(arrays, path, metadata={"unheard": json.dumps(old, sort_keys=True)})


def _plays(path: Path) -> None:
    table = pq.read_table(path)
    old = {"unheard.plays": table.schema.metadata[b"unheard.plays"].decode(), "unheard.version": "1"}
    pq.write_table(table.replace_schema_metadata(old), path, compression="zstd")
