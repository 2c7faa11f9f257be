"""Encode tracks by a fitted ranker recipe: features in; embeddings to rank by, and warm factors, out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from unheard import artefacts
from unheard.arrays import Floats
from unheard.errors import UserError
from unheard.features.current import current_features
from unheard.features.mel_features import PRINT_KINDS
from unheard.features.table import from_audio
from unheard.ids import IdMap
from unheard.inference.artists import artist_names
from unheard.inference.lost_input import check_input
from unheard.inference.predictions import (
    KIND,
    KNOWN,
    RANKER_FILE,
    Predictions,
    predictions_file,
    save_predictions,
)
from unheard.inference.ranker_checkpoint import KIND as RANKER_KIND
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.ranker_features import FeatureScaler, Values, read_features, scaled_features
from unheard.ingest.tags import read_tags
from unheard.library import Library
from unheard.progress import Progress, silent
from unheard.splits.groups import main_artist
from unheard.workspace import Workspace

ROWS_AT_ONCE = 4096

Encode = Callable[[Library, Sequence[str]], tuple[Floats, Floats]]  # (library, track ids) -> embeddings, factors


class RankerEncoder:
    """Makes embeddings (n, k) to rank by, and factors (n, dim) in the space of the warm factors, float32."""

    def __init__(self, checkpoint: RankerCheckpoint, device: torch.device, workspace: Workspace) -> None:
        self.checkpoint, self._device, self._workspace = checkpoint, device, workspace
        self.name = checkpoint.path.parent.name
        self.dim = int(checkpoint.config["dim"])
        self._scalers = checkpoint.scalers
        self._artists = checkpoint.artist_table
        self._members = [
            (note, checkpoint.tower(number).to(device)) for number, note in enumerate(checkpoint.config["members"])
        ]

    @property
    def playlist_embeddings(self) -> Floats:
        """(m, k) embeddings of the playlists of `checkpoint.ids["playlist"]`."""
        return np.concatenate([self.checkpoint.arrays[f"member{i}.playlists"] for i, _ in self._blended], axis=1)

    def encode(self, values: Values, artists: Sequence[str]) -> tuple[Floats, Floats]:
        """Return embeddings and factors of n tracks.

        values   by kind: (n, width) features, and (n,) which tracks have them
        artists  (n,) main artists, "" for none
        """
        for scaler in self._scalers:
            found = values[scaler.kind][0].shape[1:] if scaler.kind in values else scaler.mean.shape
            if found != scaler.mean.shape:
                raise UserError(
                    f"{scaler.kind}: expected {scaler.mean.shape[0]} numbers a track as when {self.name!r} was "
                    f"fitted, found {found[0]}; train again"
                )
        content = scaled_features(values, self._scalers)
        features = np.concatenate([content, self._artists.columns(artists)], axis=1)
        outputs = [
            embed_rows(tower, features if note["artist"] else content, device=self._device)
            for note, tower in self._members
        ]
        factors = np.zeros((len(content), self.dim), np.float32)
        for (note, _), output in zip(self._members, outputs, strict=True):
            if note["head"]:
                factors += np.float32(note["head"]) * output
        return np.concatenate([outputs[i] * _scale(note) for i, note in self._blended], axis=1), factors

    def encode_library(self, workspace: Workspace, library: Library) -> tuple[IdMap, Floats, Floats]:
        """Return ids, embeddings and factors of every track with features.

        A train track gets the embedding that was learned from its plays, where a member has one.
        """
        ids, blocks = read_features(workspace, library, self.checkpoint.config["descriptions"])
        values = {block.kind: (block.values, block.known) for block in blocks}
        embeddings, factors = self.encode(values, artist_names(library, ids))
        rows = ids.rows(self.checkpoint.ids["train"], missing=-1)
        start = 0
        for i, note in self._blended:
            stop = start + int(note["outputs"])
            if (learned := self.checkpoint.arrays.get(f"member{i}.tracks")) is not None:
                embeddings[rows[rows >= 0], start:stop] = learned[rows >= 0] * _scale(note)
            start = stop
        return ids, embeddings, factors

    def from_files(self, paths: Sequence[Path], *, quick: bool = False) -> Floats:
        """Return factors of audio files, or of excerpts of them; AudioError for one that cannot be used."""
        return self._encode_extracted(paths, self._extract(paths, quick=quick))[1]

    def encode_file(self, path: Path, *, quick: bool = False) -> tuple[Floats, dict[str, Floats]]:
        """Return the factor (dim,) of an audio file, and the features by kind that it was made of or identify it.

        quick  of excerpts (ingest/excerpts.py); the features that identify a recording are then of no use
        """
        extracted = self._extract([path], PRINT_KINDS, quick=quick)
        return self._encode_extracted([path], extracted)[1][0], extracted[0]

    def _extract(
        self, paths: Sequence[Path], more_kinds: Sequence[str] = (), *, quick: bool = False
    ) -> list[dict[str, Floats]]:
        from unheard.features.extraction import extract_file

        kinds = [scaler.kind for scaler in self._scalers]
        if not any(from_audio(kind) for kind in kinds):
            raise UserError(f"model {self.name!r} reads vectors, not audio; give the tracks' vectors instead")
        settings, kinds = self._workspace.settings, list(dict.fromkeys([*kinds, *more_kinds]))
        return [extract_file(path, kinds, settings, workspace=self._workspace, quick=quick) for path in paths]

    def _encode_extracted(
        self, paths: Sequence[Path], extracted: Sequence[Mapping[str, Floats]]
    ) -> tuple[Floats, Floats]:
        values = {scaler.kind: _stacked(scaler, extracted) for scaler in self._scalers}
        return self.encode(values, [main_artist(read_tags(path)) for path in paths])

    @property
    def _blended(self) -> list[tuple[int, dict[str, Any]]]:
        """Numbers and notes of the members that take part in the blend."""
        return [(i, note) for i, (note, _) in enumerate(self._members) if note["weight"]]


def _stacked(scaler: FeatureScaler, extracted: Sequence[Mapping[str, Floats]]) -> tuple[Floats, np.ndarray]:
    """Return (n, width) features of one kind, zero where a track has none, and (n,) which tracks have them."""
    values, known = np.zeros((len(extracted), len(scaler.mean)), np.float32), np.zeros(len(extracted), np.bool_)
    for row, of_track in enumerate(extracted):
        if scaler.kind in of_track:
            values[row], known[row] = of_track[scaler.kind], True
    return values, known


def _scale(note: dict[str, Any]) -> np.float32:
    return np.float32(note["weight"] / note["deviation"])


@torch.inference_mode()
def embed_rows(tower: nn.Module, features: Floats, *, device: torch.device | None = None) -> Floats:
    """Return embeddings (n, k) of tracks with features (n, f), computed a block at a time."""
    blocks = [
        tower(torch.from_numpy(features[first : first + ROWS_AT_ONCE]).to(device)).cpu().numpy()
        for first in range(0, len(features), ROWS_AT_ONCE)
    ]
    if not blocks:
        blocks = [tower(torch.zeros(1, features.shape[1], device=device)).cpu().numpy()[:0]]
    embeddings: Floats = np.concatenate(blocks).astype(np.float32)
    return embeddings


def write_embeddings(
    workspace: Workspace,
    library: Library,
    checkpoint: RankerCheckpoint,
    device: torch.device,
    progress: Progress = silent,
    *,
    encode: Encode | None = None,
) -> int:
    """Write embeddings and factors of every track with features, unless neither model nor features changed.

    encode  encodes the tracks elsewhere than in this process

    Return how many tracks were encoded. Encoding is a few matrix products, so all tracks are encoded again when any
    changed. Nothing is written if the model on disk is another one by then.
    """
    path = predictions_file(checkpoint.path.parent)
    source_hash = _source_hash(workspace, library, checkpoint)
    if path.is_file():
        before = artefacts.load(path, KIND)
        if before.config.get("mark") == source_hash:
            return 0
        _check_inputs(workspace, library, before)
    encoder, kinds = RankerEncoder(checkpoint, device, workspace), checkpoint.config["descriptions"]
    if encode is None:
        ids, embeddings, factors = encoder.encode_library(workspace, library)
    else:
        ids, _ = read_features(workspace, library, kinds)
        embeddings, factors = encode(library, list(ids))
    if not _is_on_disk(checkpoint):
        return 0  # a training has replaced it meanwhile, and writes predictions of its own
    save_predictions(
        path,
        Predictions(
            ids,
            factors,
            space=checkpoint.config["factors"].get("digest", ""),
            targets="warm",
            track_embeddings=embeddings,
            playlist_embeddings=encoder.playlist_embeddings,
            playlist_ids=checkpoint.ids["playlist"],
            fingerprint=checkpoint.state,
            combiner=checkpoint.combiner,
        ),
        source_hash=source_hash,
        known={block.kind: block.known for block in read_features(workspace, library, kinds)[1]},
    )
    progress("encoding tracks", len(ids), len(ids))
    return len(ids)


def _is_on_disk(checkpoint: RankerCheckpoint) -> bool:
    """Return whether the file of a checkpoint is still the one that was read."""
    return replace(checkpoint, config=artefacts.read_config(checkpoint.path, RANKER_KIND)).state == checkpoint.state


def _check_inputs(workspace: Workspace, library: Library, before: artefacts.Artefact) -> None:
    """Raise UserError if features are lost that tracks had when the predictions `before` were made."""
    tracks = library.tracks()
    for name, known in before.arrays.items():
        kind = name.removeprefix(KNOWN)
        if kind != name:
            had = before.ids["track"].take(np.flatnonzero(known))
            check_input(workspace, library, kind, had, current_features(workspace, tracks, kind).ids)


def _source_hash(workspace: Workspace, library: Library, checkpoint: RankerCheckpoint) -> str:
    """Return a hash of everything that the embeddings depend on."""
    ids, blocks = read_features(workspace, library, checkpoint.config["descriptions"])
    digest = hashlib.sha256(checkpoint.state.encode())
    digest.update("\0".join([*ids, "", *artist_names(library, ids)]).encode())
    for block in blocks:
        digest.update(block.kind.encode() + block.values.tobytes() + block.known.tobytes())
    return digest.hexdigest()


def load_ranker_encoder(workspace: Workspace, split: str, model: str, *, device: torch.device) -> RankerEncoder:
    """Return the encoder of a fitted recipe by its name in the workspace."""
    return RankerEncoder(load_ranker(workspace.model_dir(split, model) / RANKER_FILE), device, workspace)
