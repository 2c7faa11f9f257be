"""A fitted ranker recipe in use: descriptions in; places to rank by, and warm factors, out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unheard import artefacts
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.inference.artists import ArtistTable, artist_names
from unheard.inference.predictions import KIND, OF_SOUND, RANKER_FILE
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.ranker_features import Standard, Values, read_blocks, side_by_side
from unheard.ingest.tags import read_tags
from unheard.library import Library, open_library
from unheard.progress import Progress, silent
from unheard.splits.groups import main_artist
from unheard.workspace import Settings, Workspace

Floats = NDArray[np.float32]
ROWS_AT_ONCE = 4096


class Placer:
    """Places (n, k) to rank by, and factors (n, dim) in the space of the warm factors, float32."""

    def __init__(self, checkpoint: RankerCheckpoint, device: torch.device, settings: Settings) -> None:
        self.checkpoint, self._device, self._settings = checkpoint, device, settings
        self.name = checkpoint.path.parent.name
        self.dim = int(checkpoint.config["dim"])
        self._standards = checkpoint.standards
        table = checkpoint.below("artist.")
        self._artists = ArtistTable(checkpoint.ids["artist"], table["sums"], table["counts"], float(table["scale"][0]))
        self._members = [
            (note, checkpoint.tower(place).to(device)) for place, note in enumerate(checkpoint.config["members"])
        ]

    @property
    def playlists(self) -> Floats:
        """(m, k) places of the playlists of `checkpoint.ids["playlist"]`."""
        return np.concatenate([self.checkpoint.arrays[f"member{i}.playlists"] for i, _ in self._ranking], axis=1)

    def place(self, described: Values, artists: Sequence[str]) -> tuple[Floats, Floats]:
        """Places and factors of n tracks.

        described  by kind: (n, width) vectors, and (n,) which tracks have one
        artists    (n,) main artists, "" for nobody
        """
        for standard in self._standards:
            found = described[standard.kind][0].shape[1:] if standard.kind in described else standard.mean.shape
            if found != standard.mean.shape:
                raise UserError(
                    f"{standard.kind}: expected {standard.mean.shape[0]} numbers a track as when {self.name!r} was "
                    f"fitted, found {found[0]}; train again"
                )
        sound = side_by_side(described, self._standards)
        told = np.concatenate([sound, self._artists.columns(artists)], axis=1)
        outputs = [
            places_of(tower, told if note["artist"] else sound, device=self._device) for note, tower in self._members
        ]
        factors = np.zeros((len(sound), self.dim), np.float32)
        for (note, _), places in zip(self._members, outputs, strict=True):
            if note["head"]:
                factors += np.float32(note["head"]) * places
        return np.concatenate([outputs[i] * _scale(note) for i, note in self._ranking], axis=1), factors

    def place_library(self, workspace: Workspace, library: Library) -> tuple[IdMap, Floats, Floats]:
        """Ids, places and factors of every described track. Where plays place a train track, they do."""
        ids, blocks = read_blocks(workspace, library, self.checkpoint.config["descriptions"])
        described = {block.kind: (block.values, block.known) for block in blocks}
        places, factors = self.place(described, artist_names(library, ids))
        rows = ids.rows(self.checkpoint.ids["train"], missing=-1)
        start = 0
        for i, note in self._ranking:
            stop = start + int(note["outputs"])
            if (of_train := self.checkpoint.arrays.get(f"member{i}.tracks")) is not None:
                places[rows[rows >= 0], start:stop] = of_train[rows >= 0] * _scale(note)
            start = stop
        return ids, places, factors

    def from_files(self, paths: Sequence[Path]) -> Floats:
        """Factors of audio files; AudioError for one that cannot be used."""
        return self.place_files(paths)[1]

    def hear(self, path: Path) -> tuple[Floats, Floats | None]:
        """The factor (dim,) of an audio file, and the statistics of its sound if this model reads them."""
        described = self._describe([path])
        return self._place_described([path], described)[1][0], described[0].get("statistics")

    def place_files(self, paths: Sequence[Path]) -> tuple[Floats, Floats]:
        """Places and factors of audio files, with what is known of the artist in their tags."""
        return self._place_described(paths, self._describe(paths))

    def _describe(self, paths: Sequence[Path]) -> list[dict[str, Floats]]:
        from unheard.training.describe import describe_file

        kinds = [standard.kind for standard in self._standards]
        if not OF_SOUND.intersection(kinds):
            raise UserError(f"model {self.name!r} reads vectors, not audio; give the tracks' vectors instead")
        return [describe_file(path, kinds, self._settings) for path in paths]

    def _place_described(
        self, paths: Sequence[Path], described: Sequence[Mapping[str, Floats]]
    ) -> tuple[Floats, Floats]:
        values = {standard.kind: _stacked(standard, described) for standard in self._standards}
        return self.place(values, [main_artist(read_tags(path)) for path in paths])

    @property
    def _ranking(self) -> list[tuple[int, dict[str, Any]]]:
        """The members that take part in the blend, and their numbers."""
        return [(i, note) for i, (note, _) in enumerate(self._members) if note["weight"]]


def _stacked(standard: Standard, described: Sequence[Mapping[str, Floats]]) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, width) vectors of one kind of n tracks, zero where there is none, and which have one."""
    values, known = np.zeros((len(described), len(standard.mean)), np.float32), np.zeros(len(described), np.bool_)
    for row, of_track in enumerate(described):
        if standard.kind in of_track:
            values[row], known[row] = of_track[standard.kind], True
    return values, known


def _scale(note: dict[str, Any]) -> np.float32:
    return np.float32(note["weight"] / note["deviation"])


@torch.inference_mode()
def places_of(tower: nn.Module, inputs: Floats, *, device: torch.device | None = None) -> Floats:
    """(n, k) places of described tracks (n, f), a block at a time."""
    blocks = [
        tower(torch.from_numpy(inputs[first : first + ROWS_AT_ONCE]).to(device)).cpu().numpy()
        for first in range(0, len(inputs), ROWS_AT_ONCE)
    ]
    if not blocks:
        blocks = [tower(torch.zeros(1, inputs.shape[1], device=device)).cpu().numpy()[:0]]
    places: Floats = np.concatenate(blocks).astype(np.float32)
    return places


def write_places(
    workspace: Workspace,
    library: Library,
    checkpoint: RankerCheckpoint,
    device: torch.device,
    progress: Progress = silent,
) -> int:
    """Place every described track that is new, or described otherwise, since; returns how many tracks are placed.

    Placing is a few matrix products, so all are placed again when any has changed.
    """
    path = checkpoint.path.with_name("predictions.safetensors")
    mark = _mark(workspace, library, checkpoint)
    if path.is_file() and artefacts.load(path, KIND).config.get("mark") == mark:
        return 0
    placer = Placer(checkpoint, device, workspace.settings)
    ids, places, factors = placer.place_library(workspace, library)
    artefacts.save(
        path,
        KIND,
        config={
            "fingerprint": checkpoint.state,
            "mark": mark,
            "space": checkpoint.config["factors"].get("digest", ""),
            "targets": "warm",
        },
        arrays={"factors": factors, "places": places, "playlists": placer.playlists},
        ids={"track": ids, "playlist": checkpoint.ids["playlist"]},
    )
    progress("placing tracks", len(ids), len(ids))
    return len(ids)


def _mark(workspace: Workspace, library: Library, checkpoint: RankerCheckpoint) -> str:
    """A hash of what the places depend on."""
    ids, blocks = read_blocks(workspace, library, checkpoint.config["descriptions"])
    digest = hashlib.sha256(checkpoint.state.encode())
    digest.update("\0".join([*ids, "", *artist_names(library, ids)]).encode())
    for block in blocks:
        digest.update(block.kind.encode() + block.values.tobytes() + block.known.tobytes())
    return digest.hexdigest()


def load_placer(workspace: Workspace, split: str, model: str, *, device: torch.device) -> Placer:
    """A fitted ranker recipe by its name in the workspace."""
    return Placer(load_ranker(workspace.model_dir(split, model) / RANKER_FILE), device, workspace.settings)


def update_places(
    workspace: Workspace, split: str, model: str, progress: Progress = silent, *, device: torch.device
) -> int:
    """`write_places` by name."""
    with open_library(workspace.library_path) as library:
        checkpoint = load_ranker(workspace.model_dir(split, model) / RANKER_FILE)
        return write_places(workspace, library, checkpoint, device, progress)
