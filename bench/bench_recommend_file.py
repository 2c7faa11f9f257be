"""Measure the time from a new audio file to ten recommendations, everything loaded, and where it goes.

    python bench/bench_recommend_file.py [FILE] [--seconds 240] [--tracks 5000] [--rounds 15]

Without FILE, an MP3 of a generated song is used. The default model is fitted on simulated tracks with statistics and
MusiCNN's vectors, so a file is decoded and both are extracted, embedded and ranked. Without MusiCNN's weights in the
cache, random ones are used; the time is the same.

    in the server        the audio worker encodes the file in its process, the session ranks (an upload)
    in one process       `Session.neighbours` of a file (`unheard similar`)
    quick                the same of excerpts of the file (`--quick`)
    same, plainly        features by plain code (bench_new_file.py) in place of ours; a floor of the peer
    decoding alone       the limit: the file at one rate, without any feature
    ranking alone        ten recommendations from an encoded file
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from bench_new_file import generated_song, has_weights, plainly, random_weights
from bench_serve import SPLIT, simulate
from interleaved import print_table, rounds_of
from unheard.features.musicnn_features import MusicnnMsd
from unheard.features.store import FeatureStore
from unheard.ingest.audio import decode_blocks
from unheard.library import Library
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.serve.audio_worker import AudioWorker
from unheard.session import Session
from unheard.splits import load_split
from unheard.training.rankers.fit import fit_rankers
from unheard.training.train import DEFAULT_RECIPE
from unheard.workspace import Workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the generated song")
    parser.add_argument("--tracks", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not has_weights():
            random_weights(Path(folder))
        path = options.file or generated_song(Path(folder) / "song.mp3", options.seconds)
        workspace = fitted(Path(folder) / "w", options.tracks)
        measure(workspace, path, options.rounds)


def fitted(root: Path, n_tracks: int) -> Workspace:
    """Return a workspace with the default model, fitted on simulated features and plays."""
    rng = np.random.default_rng(0)
    workspace = simulate(root, n_tracks, n_tracks // 2, rng)
    with Library(workspace.library_path) as library:
        tracks = library.tracks().items
    FeatureStore(workspace.features_dir).write(
        MusicnnMsd.kind,
        MusicnnMsd.version,
        [track.track_id for track in tracks],
        rng.standard_normal((len(tracks), MusicnnMsd.dim)).astype(np.float32),
        [track.source_hash for track in tracks],
    )
    recipe = load_any_recipe(DEFAULT_RECIPE)
    assert isinstance(recipe, RankerRecipe)
    fit_rankers(workspace, recipe, load_split(workspace, SPLIT), device="cpu")
    Session(root, split=SPLIT, model=recipe.name).update_predictions()
    return workspace


def measure(workspace: Workspace, path: Path, n_rounds: int) -> None:
    session = Session(workspace.root, split=SPLIT, model=DEFAULT_RECIPE)
    worker = AudioWorker(workspace.root, split=SPLIT, model=DEFAULT_RECIPE)
    worker.start()
    encoded = session.encode_file(path)
    one, other = encoded.vector, session.encode_file(path, quick=True).vector
    print(f"cosine of the factors of excerpts: {one @ other / np.linalg.norm(one) / np.linalg.norm(other):.3f}")
    rows = {
        "in the server": lambda: session.recommendations(like=[worker.encode_file(path, DEFAULT_RECIPE)]),
        "in one process": lambda: session.recommendations(like=[session.encode_file(path)]),
        "quick": lambda: session.recommendations(like=[session.encode_file(path, quick=True)]),
        "same, plainly": lambda: (plainly(path), session.recommendations(like=[encoded])),
        "decoding alone": lambda: sum(len(block) for block in decode_blocks(path, sample_rate=22_050)),
        "ranking alone": lambda: session.recommendations(like=[encoded]),
    }
    try:
        seconds = rounds_of(rows, n_rounds)
    finally:
        worker.stop()
    print(f"{path.suffix} to {len(session.recommendations(like=[encoded]))} recommendations of {session.model}\n")
    slowest = {name: f"{max(own):.3f}" for name, own in seconds.items()}
    print_table(seconds, {"slowest": slowest})


if __name__ == "__main__":
    main()
