"""Measure the index of large catalogues: recall, time, memory, filters and caps, beside a scan, usearch and faiss.

    python bench/bench_index.py [--tracks 1000000] [--dim 200] [--worlds clustered,low-rank,gaussian] [--queries 100]

One thread. A world is a matrix of simulated factors: `clustered` has artists within genres, a decaying spectrum, noise
and lengths that vary; `low-rank` is Gaussian in 32 dimensions with noise, without clusters; `gaussian` has no structure
at all, the worst case of every index. Queries are means of some tracks (dot products) or tracks (cosines); none of them
was used to make an index. Every way finds candidates for an exact ranking, 500 if not said otherwise, and recall@10 is
the share of the exact ten best among them. The ways answer each query in turn. The last table is of whole lists:
shortlist, exact scores, the artist cap, and filters. Times are processor time of a query, which other programs disturb
less than the clock does; with mapped files in memory both are the same on a quiet machine.

usearch and faiss-cpu are measured if they are installed; neither is a dependency. Memory is that of a process that
opens the index and asks it, without the pages of mapped files, which the system shares and takes back.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.builders.large_catalogue import by_factors, by_members, large_catalogue
from tests.index.worlds import clustered

from unheard.arrays import Floats
from unheard.index.build_index import QUERIES, build, exact_nearest
from unheard.index.row_vectors import Vectors, unit_vectors
from unheard.index.stored_index import open_index, save_index
from unheard.recommend.filters import Filters
from unheard.recommend.index_files import IndexFiles
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender
from unheard.recommend.shortlist import SHORTLIST, shortlists
from unheard.workspace import Workspace

NEAREST = 10
Find = Callable[[Floats], NDArray[np.integer]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=200)
    parser.add_argument("--worlds", type=lambda text: text.split(","), default=["clustered", "low-rank", "gaussian"])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--lists", type=int, default=100_000, help="tracks of the catalogue of the last table; 0: none")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    print(f"{options.tracks:,} vectors of {options.dim} numbers, {options.queries} queries, one thread\n")
    for name in options.worlds:
        for kind in ("dot", "cosine"):
            of_world(name, kind, options.tracks, options.dim, options.queries, peers=not options.no_peers)
    if options.lists:
        whole_lists(options.lists, options.dim, options.queries)


def world(name: str, n: int, d: int, rng: np.random.Generator) -> Floats:
    """Return `n` simulated factors (n, d), made in parts."""
    if name == "clustered":
        return clustered(n, d, rng, genres=200)
    if name == "gaussian":
        return rng.standard_normal((n, d), dtype=np.float32)
    axes = rng.standard_normal((32, d), dtype=np.float32)
    lengths = np.exp(0.5 * rng.standard_normal((n, 1), dtype=np.float32))
    found: Floats = (lengths * rng.standard_normal((n, 32), dtype=np.float32)) @ axes
    for start in range(0, n, 65_536):
        part = found[start : start + 65_536]
        part += 0.6 * rng.standard_normal(part.shape, dtype=np.float32)
    return found


def playlists_of(name: str, tracks: Floats, m: int, rng: np.random.Generator) -> Floats:
    """Return `m` queries: means of 20 of the 200 nearest tracks of a track; without structure, random."""
    if name == "gaussian":
        return rng.standard_normal((m, tracks.shape[1]), dtype=np.float32)
    near = exact_nearest(Vectors(tracks), tracks[rng.choice(len(tracks), m, replace=False)], 200)
    return np.stack([tracks[rng.choice(rows, 20, replace=False)].mean(axis=0) for rows in near])


def of_world(name: str, kind: str, n: int, d: int, n_queries: int, *, peers: bool) -> None:
    """Print the table of one world and one kind of product."""
    rng = np.random.default_rng(0)
    tracks = world(name, n, d, rng)
    if kind == "dot":
        vectors, queries = Vectors(tracks), playlists_of(name, tracks, QUERIES + n_queries, rng)
    else:
        vectors = unit_vectors(tracks, tracks.mean(axis=0, dtype=np.float64).astype(np.float32), min_length=0.0)
        queries = vectors.take(rng.choice(n, QUERIES + n_queries, replace=False))
    asked = np.ascontiguousarray(queries[QUERIES:])
    nearest = exact_nearest(vectors, asked, NEAREST)
    everything = np.ones(n, np.bool_)
    ways: dict[str, tuple[Find, float, float | None]] = {}
    ways["scan (float32), 500 candidates"] = lambda q: vectors.nearest(q, SHORTLIST, everything), 0.0, None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.safetensors"
        began = time.perf_counter()
        file = build(vectors, queries[:QUERIES], rng)
        keys = np.arange(n, dtype=np.uint64)
        save_index(path, file, keys, vectors.digests)
        taken = time.perf_counter() - began
        m, read = file.axes.shape[1], float(file.shares[0])
        del file
        index = open_index(path, vectors, keys, vectors.digests)
        assert index is not None
        allowed = index.allowed(everything)
        ways[f"ours ({m} axes, {100 * read:.1f} % read), 500 candidates"] = (
            lambda q: index.nearest(q, SHORTLIST, allowed), taken, private_mb(path, n, d),
        )  # fmt: skip
        if peers:
            ways |= of_usearch(vectors, kind, Path(folder)) | of_faiss(vectors, rng, Path(folder))
        print(f"**{name}, {kind}**\n")
        print("| way | recall@10 | p50 CPU ms | p99 CPU ms | made in s | private MB |\n|---|---:|---:|---:|---:|---:|")
        times: dict[str, list[float]] = {way: [] for way in ways}
        found: dict[str, list[float]] = {way: [] for way in ways}
        for find, _, _ in ways.values():  # once, so that mapped pages are read
            find(asked[0])
        for query, best in zip(asked, nearest, strict=True):
            for way, (find, _, _) in ways.items():
                began = time.process_time()
                rows = find(query)
                times[way].append(1000 * (time.process_time() - began))
                found[way].append(float(np.isin(best, rows).mean()))
        for way, (_, taken, memory) in ways.items():
            p50, p99 = np.quantile(times[way], [0.5, 0.99])
            made, used = f"{taken:.0f}" if taken else "", "" if memory is None else f"{memory:.0f}"
            print(f"| {way} | {np.mean(found[way]):.3f} | {p50:.1f} | {p99:.1f} | {made} | {used} |", flush=True)
    print()


def of_usearch(vectors: Vectors, kind: str, folder: Path) -> dict[str, tuple[Find, float, float | None]]:
    """Return ways of usearch (HNSW over int8, mapped), if it is installed."""
    try:
        usearch: Any = importlib.import_module("usearch.index")
    except ImportError:
        return {}
    began, metric = time.perf_counter(), "ip" if kind == "dot" else "cos"
    made = usearch.Index(ndim=vectors.matrix.shape[1], metric=metric, dtype="i8" if kind == "cosine" else "f16")
    for start in range(0, len(vectors), 65_536):
        rows = np.arange(start, min(start + 65_536, len(vectors)))
        made.add(rows, vectors.take(rows), threads=1)
    made.save(str(folder / "usearch"))
    taken = time.perf_counter() - began
    del made

    def way(depth: int) -> Find:
        opened = usearch.Index.restore(str(folder / "usearch"), view=True)
        opened.expansion_search = depth

        def find(query: Floats) -> NDArray[np.integer]:
            found: NDArray[np.integer] = np.asarray(opened.search(query, depth).keys, np.int64)
            return found

        return find

    return {f"usearch, expansion {depth}, {depth} candidates": (way(depth), taken, None) for depth in (64, 500)}


def of_faiss(vectors: Vectors, rng: np.random.Generator, folder: Path) -> dict[str, tuple[Find, float, float | None]]:
    """Return ways of faiss (an inverted file over int8, mapped), if it is installed."""
    try:
        faiss: Any = importlib.import_module("faiss")
    except ImportError:
        return {}
    faiss.omp_set_num_threads(1)
    began, n, d = time.perf_counter(), *vectors.matrix.shape
    made = faiss.index_factory(d, f"IVF{max(1, n // 500)},SQ8", faiss.METRIC_INNER_PRODUCT)
    made.train(vectors.take(rng.choice(n, min(n, 40 * max(1, n // 500)), replace=False)))
    for start in range(0, n, 65_536):
        made.add(vectors.take(slice(start, min(start + 65_536, n))))
    faiss.write_index(made, str(folder / "faiss"))
    taken = time.perf_counter() - began
    del made
    opened = faiss.read_index(str(folder / "faiss"), faiss.IO_FLAG_MMAP)
    ways: dict[str, tuple[Find, float, float | None]] = {}

    def way(n_probe: int) -> Find:
        def find(query: Floats) -> NDArray[np.integer]:
            opened.nprobe = n_probe
            found: NDArray[np.integer] = opened.search(query[None, :], SHORTLIST)[1][0]
            return found

        return find

    for share in (0.02, 0.1):
        n_probe = max(1, round(share * opened.nlist))
        ways[f"faiss IVF, int8, {100 * share:g} % of the lists, 500 candidates"] = way(n_probe), taken, None
    return ways


def private_mb(path: Path, n: int, d: int) -> float:
    """Return the private memory in MB that opening an index and asking 20 queries adds to a process."""
    code = f"""
import pathlib, numpy as np
from unheard.index.row_vectors import Vectors
from unheard.index.stored_index import open_index
from unheard import artefacts
def private():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1000
stored = artefacts.load_mapped(pathlib.Path({str(path)!r}), "index").arrays
order = np.empty({n}, np.int64); order[stored["positions"]] = np.arange({n})
keys, digests = stored["keys"][order], stored["digests"][order]
before = private()
index = open_index(pathlib.Path({str(path)!r}), Vectors(np.zeros((0, {d}), np.float32)), keys, digests)
allowed = index.allowed(np.ones({n}, np.bool_))
for query in np.random.default_rng(0).standard_normal((20, {d}), dtype=np.float32):
    index.nearest(query, 1000, allowed)
print(private() - before)
"""
    if not Path("/proc/self/smaps_rollup").is_file():
        return float("nan")
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def whole_lists(n: int, d: int, n_queries: int) -> None:
    """Print the times of lists from shortlists, and how many of their tracks are those of the exact lists."""
    rng = np.random.default_rng(0)
    catalogue = large_catalogue(n, n_queries, d, rng)
    print(f"**Whole lists of ten: {n:,} tracks, two per artist, scored exactly from the shortlist**\n")
    print("| model | list | same as the exact list | p50 CPU ms | p99 CPU ms | exact, p50 CPU ms |")
    print("|---|---|---:|---:|---:|---:|")
    models: dict[str, FactorRecommender | EmbeddingRecommender] = {
        "factors": by_factors(catalogue, rng),
        "members": by_members(catalogue, rng, combined=False),
        "members, combined": by_members(catalogue, rng, combined=True),
    }
    conditions = {
        "cold": ListOptions(candidates="cold", explain=False),
        "all": ListOptions(candidates="all", explain=False),
        "all, two genres since 1990": ListOptions(
            candidates="all", explain=False, filters=Filters(genres={"Rock", "Jazz"}, year_from=1990)
        ),
        "all, one year": ListOptions(candidates="all", explain=False, filters=Filters(year_from=2000, year_to=2000)),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            files = IndexFiles(Workspace.init(Path(folder) / name), catalogue, model.name)
            lists = shortlists(catalogue, model, files.open)
            assert lists is not None
            files.make(lists, seed=0)
            lists.open_all()
            for condition, options in conditions.items():
                for what in ("playlist", "similar"):
                    taken: dict[bool, list[float]] = {True: [], False: []}
                    same = []
                    for number in range(n_queries):
                        rows: dict[bool, list[int]] = {}
                        for indexed in (True, False):
                            if not indexed and number >= 30:
                                continue
                            began = time.process_time()
                            use = lists if indexed else None
                            if what == "playlist":
                                found = recommend(catalogue, model, playlist=number, options=options, shortlists=use)
                            else:
                                found = similar(catalogue, model, number, options=options, shortlists=use)
                            taken[indexed].append(1000 * (time.process_time() - began))
                            rows[indexed] = [one.row for one in found]
                        if False in rows:
                            same.append(len(set(rows[True]) & set(rows[False])) / max(1, len(rows[False])))
                    p50, p99 = np.quantile(taken[True][1:], [0.5, 0.99])  # the first query of a filter makes its mask
                    exact = np.median(taken[False][1:])
                    print(
                        f"| {name} | {what}, {condition} | {np.mean(same):.3f} | {p50:.1f} | {p99:.1f} | {exact:.0f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
