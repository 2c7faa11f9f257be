"""Vector stores load what `embed` writes, and find the nearest tracks that we find."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, get_args, get_type_hints

import numpy as np
import pyarrow.parquet as pq
import pytest

from unheard.cli.recommend import embed
from unheard.errors import UserError
from unheard.recommend.vector_formats import FORMATS, VectorTable, format_of, point_id

N, K = 700, 10  # more than one line of points
AWKWARD = ("tab\tand \\backslash", "line\nbreak", 'quote\'s "both"', "日本語", "\\.", "null \\N")


@pytest.fixture(scope="module")
def table() -> VectorTable:
    """Unit vectors of tracks in clusters, some of whose names need escapes."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N // 10, 16))[rng.integers(N // 10, size=N)] + 0.3 * rng.standard_normal((N, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"t{number:04d}" for number in range(N - len(AWKWARD))] + list(AWKWARD)
    paths = [f"/music/{name}.flac" for name in ids]
    return VectorTable(ids, paths, vectors.astype(np.float32), {"model": "it's a model", "split": "live", "dim": "16"})


@pytest.fixture(scope="module")
def nearest(table: VectorTable) -> list[list[str]]:
    """The K nearest other tracks of every tenth track and of the awkward ones, best first."""
    cosines = table.vectors.astype(np.float64) @ table.vectors.T.astype(np.float64)
    np.fill_diagonal(cosines, -np.inf)
    return [[table.ids[row] for row in np.argsort(-cosines[query])[:K]] for query in queries(table)]


def queries(table: VectorTable) -> list[int]:
    return [*range(0, N, 10), *range(N - len(AWKWARD), N)]


def write(name: str, table: VectorTable, folder: Path) -> Path:
    path = folder / f"vectors{FORMATS[name].suffix}"
    format_of(name, path).write(path, table)
    assert {file.name for file in folder.iterdir()} <= {path.name, "vectors.ids.json"}
    return path


def test_qdrant_finds_the_same_tracks(table: VectorTable, nearest: list[list[str]], tmp_path: Path) -> None:
    qdrant = pytest.importorskip("qdrant_client", reason="pip install qdrant-client")
    models, client = qdrant.models, qdrant.QdrantClient(":memory:")
    params = models.VectorParams(size=table.dim, distance=models.Distance.COSINE)
    client.create_collection("tracks", vectors_config=params)
    lines = write("qdrant", table, tmp_path).read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        client.upsert("tracks", [models.PointStruct(**point) for point in json.loads(line)["points"]])
    for query, expected in zip(queries(table), nearest, strict=True):
        found = client.query_points("tracks", query=point_id(table.ids[query]), limit=K).points
        assert [point.payload["track_id"] for point in found] == expected
        assert found[0].payload["path"] == f"/music/{expected[0]}.flac"
    client.close()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Any]:
    """A PostgreSQL with pgvector, on a socket in a folder of its own."""
    pgserver = pytest.importorskip("pgserver", reason="pip install pgserver (PostgreSQL with pgvector)")
    server = pgserver.get_server(tmp_path / "postgres", cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_pgvector_finds_the_same_tracks(
    table: VectorTable, nearest: list[list[str]], tmp_path: Path, postgres: Any
) -> None:
    (tmp_path / "out").mkdir()
    script = write("pgvector", table, tmp_path / "out").read_text()
    for _ in range(2):  # the second replaces the first
        assert "COPY 700" in postgres.psql(script)
    sql = """\\pset format unaligned
\\pset tuples_only on
SET enable_indexscan = off;
SELECT json_build_array(q.track_id, array_agg(n.track_id ORDER BY n.place)) FROM unheard_tracks q, LATERAL (
    SELECT o.track_id, row_number() OVER (ORDER BY o.vector <=> q.vector) AS place
    FROM unheard_tracks o WHERE o.track_id <> q.track_id ORDER BY o.vector <=> q.vector LIMIT 10
) n GROUP BY q.track_id;
"""
    rows = [line for line in postgres.psql(sql).splitlines() if line.startswith("[")]
    found = dict(json.loads(line) for line in rows)
    assert len(found) == N
    assert [found[table.ids[query]] for query in queries(table)] == nearest
    assert "hnsw" in postgres.psql("SELECT indexdef FROM pg_indexes WHERE tablename = 'unheard_tracks';")


def test_opensearch_lines_are_pairs_of_action_and_document(table: VectorTable, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write("opensearch", table, tmp_path).read_bytes().split(b"\n")[:-1]]
    assert [line["index"]["_id"] for line in lines[::2]] == table.ids
    vectors = np.array([line["vector"] for line in lines[1::2]], np.float32)
    assert np.array_equal(vectors, table.vectors)  # the digits that are written give the same numbers


def test_faiss_gets_an_array_and_its_ids(table: VectorTable, tmp_path: Path) -> None:
    path = write("faiss", table, tmp_path)
    assert np.array_equal(np.load(path), table.vectors)
    assert json.loads(path.with_suffix(".ids.json").read_text()) == table.ids


def test_parquet_holds_the_same(table: VectorTable, tmp_path: Path) -> None:
    read = pq.read_table(write("parquet", table, tmp_path))
    assert read["track_id"].to_pylist() == table.ids
    assert np.array_equal(np.array(read["vector"].to_pylist(), np.float32), table.vectors)
    assert json.loads(read.schema.metadata[b"unheard"]) == dict(table.metadata)


def test_more_dimensions_than_an_index_of_pgvector_takes(table: VectorTable, tmp_path: Path) -> None:
    wide = replace(table, vectors=np.zeros((N, 2001), np.float32))
    assert "CREATE INDEX" not in write("pgvector", wide, tmp_path).read_text()


def test_names_and_suffixes(tmp_path: Path) -> None:
    option = get_type_hints(embed)["format"]
    assert get_args(option) == tuple(FORMATS)  # what the command offers
    with pytest.raises(UserError, match=r"use -o vectors\.sql"):
        format_of("pgvector", tmp_path / "vectors.parquet")
    with pytest.raises(UserError, match="choose one of parquet, pgvector"):
        format_of("redis", tmp_path / "vectors.parquet")


class Points(BaseHTTPRequestHandler):
    """Takes the bodies of requests as a store would."""

    bodies: ClassVar[list[bytes]] = []

    def do_PUT(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_command_for_qdrant_sends_lines_of_any_length(tmp_path: Path) -> None:
    """From a folder whose name needs quotes; a line is longer than an argument of a program may be."""
    folder = tmp_path / "it's $HOME; a folder"
    folder.mkdir()
    rng = np.random.default_rng(0)
    ids = [f"t{number} %s \\n" for number in range(600)]
    table = VectorTable(ids, ids, rng.standard_normal((600, 64)).astype(np.float32), {})
    lines = write("qdrant", table, folder).read_bytes().splitlines()
    assert max(map(len, lines)) > 131_072
    command = FORMATS["qdrant"].command(folder / "vectors.jsonl")
    with ThreadingHTTPServer(("127.0.0.1", 0), Points) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, "QDRANT": f"http://127.0.0.1:{server.server_port}", "NO_PROXY": "*"}
        subprocess.run(["sh", "-ec", command], env=environment, check=True, timeout=60)
        server.shutdown()
    assert Points.bodies == lines


def test_commands_quote_the_path() -> None:
    path = Path("/a b/it's.npy")
    assert "'/a b/it'\"'\"'s.npy'" in FORMATS["pgvector"].command(path)
    assert "@'/a b/it'\"'\"'s.npy'" in FORMATS["opensearch"].command(path)
    assert 'np.load("/a b/it\'s.npy")' in FORMATS["faiss"].command(path)
    assert FORMATS["parquet"].command(path) == ""
