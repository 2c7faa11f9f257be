"""MusiCNN's description of every track: the mean over patches (all of a short track, up to 32 spread over a long one)
of the layer below the tags (200 numbers).

That layer is what carries over to other tasks than tagging (van den Oord et al. 2014; Choi et al. 2017; Pons & Serra
2019). It is stored beside the track's other vectors, with the hash of the file that it was made from. The tags need no
storage: the output layer is linear, so the mean of a track's logits is the layer applied to its mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard.errors import AudioError, UserError
from unheard.library import Library, Track, open_library
from unheard.models.musicnn_tags import TAGS, MusicnnModel
from unheard.models.pretrained import load_weights
from unheard.progress import Progress, silent
from unheard.scan.scan import BYTES_PER_S, LIMIT_S
from unheard.scan.workers import InternalError, Job, in_order
from unheard.spectrograms.musicnn_mel import patches_of_file
from unheard.training.patch_means import mean_descriptions
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

# Under which kind the library keeps the vectors of each model: the two do not share a space.
KINDS: Mapping[MusicnnModel, str] = {"msd": "musicnn", "mtt": "musicnn-mtt"}
MODELS: Mapping[str, MusicnnModel] = {kind: model for model, kind in KINDS.items()}


@dataclass(frozen=True)
class Report:
    """What `embed_library` did, in tracks. `failures` are files that could not be heard; they are tried again."""

    embedded: int
    unchanged: int
    failures: tuple[AudioError, ...]


def embed_library(
    workspace: Workspace,
    *,
    model: MusicnnModel = "msd",
    track_ids: Collection[str] | None = None,
    jobs: int = 1,
    force: bool = False,
    progress: Progress = silent,
) -> Report:
    """Describe every track that has an audio file; those whose file has not changed since are not heard again.

    track_ids   only these
    jobs        worker processes; the vectors do not depend on how many there are
    force       describe again what is described already

    Each track is stored as soon as it is heard. MissingStageError when the weights are not in the cache, UserError
    when there is no track to hear or `track_ids` names an unknown one.
    """
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, expected at least 1")
    load_musicnn(model)  # a mistake about weights is one line here, and one failure per track in the workers
    failures: list[AudioError] = []
    with open_library(workspace.library_path) as library:
        tracks = _with_files(workspace, library, track_ids)
        current = frozenset[str]() if force else frozenset(library.current_vectors(KINDS[model])[0])
        todo = [track for track in tracks if track.track_id not in current]
        for done, (track, outcome) in enumerate(in_order(_hear, _jobs(todo, model), n_workers=jobs), start=1):
            if isinstance(outcome, np.ndarray):
                with library.transaction():
                    library.put_vectors(KINDS[model], [(track.track_id, outcome)])
                    library.put_mark(KINDS[model], track.track_id, track.content_hash)
            elif isinstance(outcome, InternalError):
                raise outcome.as_error(track.path)
            else:
                failures.append(AudioError(track.path, outcome.reason, outcome.detail))
            progress("describing tracks", done, len(todo))
    return Report(len(todo) - len(failures), len(tracks) - len(todo), tuple(failures))


def embed_file(path: Path, network: Musicnn) -> NDArray[np.float32]:
    """The description of one audio file, (200,); AudioError if it cannot be used."""
    (mean,) = mean_descriptions(patches_of_file(path), [network])
    described: NDArray[np.float32] = mean
    return described


def tag_probabilities(vectors: NDArray[np.float32], network: Musicnn) -> NDArray[np.float32]:
    """Probability of each tag from descriptions (n, 200), as (n, 50): the logistic of a track's mean logit."""
    import torch

    with torch.inference_mode():
        probabilities: NDArray[np.float32] = torch.sigmoid(network.tags(torch.tensor(vectors))).numpy()
    return probabilities


def top_tags(
    workspace: Workspace, *, model: MusicnnModel = "msd", track_ids: Collection[str] | None = None, n: int = 3
) -> list[tuple[Track, list[tuple[str, float]]]]:
    """The n most probable tags of every described track (or of `track_ids`), by track id, most probable first."""
    with open_library(workspace.library_path) as library:
        tracks, (ids, vectors) = library.tracks(), library.current_vectors(KINDS[model])
    rows = [row for row, track_id in enumerate(ids) if track_ids is None or track_id in track_ids]
    if not rows:
        return []
    found = []
    for row, probabilities in zip(rows, tag_probabilities(vectors[rows], load_musicnn(model)), strict=True):
        best = np.argsort(-probabilities, kind="stable")[:n]
        tags = [(TAGS[model][tag], float(probabilities[tag])) for tag in best]
        found.append((tracks[tracks.ids.row(ids[row])], tags))
    return found


def load_musicnn(model: MusicnnModel) -> Musicnn:
    """The network with the weights of the cache; MissingStageError when they are not there."""
    from unheard.models.musicnn import make_musicnn

    return make_musicnn(load_weights("musicnn"), model)


def _with_files(workspace: Workspace, library: Library, track_ids: Collection[str] | None) -> list[Track]:
    """Tracks that were scanned from an audio file: by id, all or some."""
    tracks = library.tracks()
    for track_id in track_ids or ():
        if track_id not in tracks.ids:
            raise UserError(f"{track_id!r}: no such track in the library; check `unheard status -w {workspace.root}`")
    wanted = [
        track
        for track in tracks.items
        if track.path and track.content_hash and (track_ids is None or track.track_id in track_ids)
    ]
    if not wanted:
        raise UserError(f"{workspace.root}: no track with an audio file; run `unheard scan -w {workspace.root} MUSIC`")
    return wanted


def _jobs(tracks: list[Track], model: MusicnnModel) -> Iterator[Job[Track]]:
    for track in tracks:
        yield Job(track, (Path(track.path), model), LIMIT_S + track.size / BYTES_PER_S)


def _hear(path: Path, model: MusicnnModel) -> NDArray[np.float32]:
    """`embed_file` in a worker process: one of several, each on one core."""
    return embed_file(path, _workers_network(model))


@cache
def _workers_network(model: MusicnnModel) -> Musicnn:
    import torch

    torch.set_num_threads(1)
    return load_musicnn(model)
