"""Encode tracks by a trained network: audio in; factors, or embeddings of the first stage, out.

A track's prediction is the mean of the network's outputs over the patches that cover it, with the target scaling
undone. Its embedding (of a model with two stages) is the mean output of the first stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unheard.arrays import Floats, Rows
from unheard.errors import UserError
from unheard.features.extraction import extract_file
from unheard.features.mel_features import PRINT_KINDS, vectors_of
from unheard.features.table import from_audio
from unheard.ids import IdMap
from unheard.inference.checkpoint import Checkpoint
from unheard.inference.input_sources import (
    Source,
    VectorSource,
    histograms_of,
    patch_source,
    statistics_of,
    store_of_mels,
)
from unheard.inference.patch_outputs import mean_outputs
from unheard.inference.stages import load_stage
from unheard.inference.stored_input import StoredInput
from unheard.models.bag_of_tones import Codebook
from unheard.progress import Progress, silent
from unheard.spectrograms.files import mel_of_file
from unheard.spectrograms.store import ENCODINGS, MelStore


class NetworkEncoder:
    """Predicts factors (n, dim) float32, in the space that the model was trained on."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self._checkpoint, self._device = checkpoint, device
        self._scaling = checkpoint.scaling
        self._stages = [
            (load_stage(checkpoint, number).to(device), stage)
            for number, stage in enumerate(checkpoint.recipe.stages, 1)
        ]
        self.name = checkpoint.path.parent.name
        self.recipe = checkpoint.recipe
        self.dim = int(checkpoint.config["dim"])
        self.reads = str(checkpoint.config["reads"])
        self.fingerprint = str(checkpoint.config["fingerprint"])  # of the training
        self.targets = str(checkpoint.config["targets"])
        self.split_digest = checkpoint.config["factors"].get("split_digest")  # None if unknown
        self.embedding_dim = int(checkpoint.config["stages"][0]["outputs"])

    def from_stored(self, stored: StoredInput, rows: Rows) -> Floats:
        """Return factors of rows of the input that the model reads of a workspace."""
        if isinstance(stored.tracks, MelStore):
            return self.from_store(stored.tracks, rows)
        return self.from_content(stored.tracks.vectors[rows])

    def from_store(self, store: MelStore, rows: Rows, progress: Progress = silent) -> Floats:
        """Return factors of rows of a mel store."""
        return self._factors(*self._source(store, rows), progress)

    def from_mels(self, mels: Sequence[NDArray[Any]]) -> Floats:
        """Return factors of spectrograms (frame, mel), encoded as in the workspace's store."""
        store = self._store_of(mels)
        return self.from_store(store, np.arange(len(store)))

    def encode_file(self, path: Path, *, quick: bool = False) -> tuple[Floats, dict[str, Floats]]:
        """Return the factor (dim,) of an audio file, and the features by kind that identify its recording.

        quick  of excerpts (ingest/excerpts.py); these features are then of no use
        """
        settings = self._checkpoint.settings
        if self._reads_files:
            found = extract_file(path, [self.reads, *PRINT_KINDS], settings, quick=quick)
            return self.from_content(found[self.reads][None])[0], found
        mel = mel_of_file(path, settings, quick=quick)
        return self.from_mels([mel])[0], dict(zip(PRINT_KINDS, vectors_of(mel, settings, path)[1:], strict=True))

    def from_files(self, paths: Sequence[Path], *, quick: bool = False) -> Floats:
        """Return factors of audio files, or of excerpts of them; AudioError for one that cannot be used."""
        settings = self._checkpoint.settings
        if self._reads_files:
            vectors = [extract_file(path, [self.reads], settings, quick=quick)[self.reads] for path in paths]
            return self.from_content(np.stack(vectors) if vectors else np.zeros((0, self._width), np.float32))
        return self.from_mels([mel_of_file(path, settings, quick=quick) for path in paths])

    def from_content(self, vectors: Floats) -> Floats:
        """Return factors of the vectors or statistics (n, width) that the model reads."""
        return self._factors(*self._content(vectors), silent)

    def embed_store(self, store: MelStore, rows: Rows, progress: Progress = silent) -> Floats:
        """Return embeddings (n, width) of rows of a mel store; of a model of one stage, its factors."""
        if len(self._stages) == 1:
            return self.from_store(store, rows, progress)
        return self._outputs(0, *self._source(store, rows), progress)

    def embed_mels(self, mels: Sequence[NDArray[Any]]) -> Floats:
        """Return embeddings of encoded spectrograms."""
        store = self._store_of(mels)
        return self.embed_store(store, np.arange(len(store)))

    def embed_content(self, vectors: Floats) -> Floats:
        """Return embeddings of the vectors or statistics (n, width) that the model reads."""
        if len(self._stages) == 1:
            return self.from_content(vectors)
        return self._outputs(0, *self._content(vectors), silent)

    def _factors(self, source: Source, rows: Rows, progress: Progress) -> Floats:
        if not len(rows):
            return np.zeros((0, self.dim), np.float32)
        outputs = self._outputs(0, source, rows, progress)
        for index in range(1, len(self._stages)):
            embeddings = VectorSource(_numbered(len(rows)), outputs)
            outputs = self._outputs(index, embeddings, np.arange(len(rows)), progress)
        return self._scaling.inverse(outputs)

    def _outputs(self, index: int, source: Source, rows: Rows, progress: Progress) -> Floats:
        module, stage = self._stages[index]
        return mean_outputs(module, source, rows, device=self._device, precision=stage.precision, progress=progress)

    def _source(self, store: MelStore, rows: Rows) -> tuple[Source, Rows]:
        """Return what the first stage reads, made from spectrograms, and the rows of it."""
        everything = np.arange(len(rows))
        match self.reads:
            case "patches":
                stage = self._checkpoint.recipe.stages[0]
                frames = int(self._checkpoint.config["stages"][0]["shape"][1])
                return patch_source(store, stage, self._checkpoint.settings, frames), rows
            case "bag-of-tones":
                return histograms_of(store, rows, Codebook(self._checkpoint.arrays["codebook"])), everything
            case "statistics":
                return statistics_of(store, rows), everything
            case _ if self._reads_files:
                raise UserError(f"model {self.name!r} reads audio files, not spectrograms; give the files instead")
            case _:
                raise UserError(f"model {self.name!r} reads vectors, not audio; give the tracks' vectors instead")

    @property
    def _reads_files(self) -> bool:
        """Whether the first stage reads features that are extracted from audio files, not from spectrograms."""
        return self.reads not in ("patches", "bag-of-tones", "statistics") and from_audio(self.reads)

    @property
    def _width(self) -> int:
        """Width of the vectors that the first stage reads."""
        (width,) = self._checkpoint.config["stages"][0]["shape"]
        return int(width)

    def _content(self, vectors: Floats) -> tuple[Source, Rows]:
        if vectors.ndim != 2 or vectors.shape[1] != self._width:
            raise UserError(f"vectors: expected shape (n, {self._width}) as in training, found {vectors.shape}")
        return VectorSource(_numbered(len(vectors)), vectors.astype(np.float32)), np.arange(len(vectors))

    def _store_of(self, mels: Sequence[NDArray[Any]]) -> MelStore:
        settings = self._checkpoint.settings
        encoding = ENCODINGS[settings.front_end]
        none = np.zeros((0, settings.n_mels), encoding.dtype)
        no_rows = np.zeros(0, np.int64)
        return store_of_mels(
            list(mels), MelStore(IdMap([]), no_rows, no_rows, settings.patch_frames, encoding, (none,))
        )


def _numbered(n: int) -> IdMap:
    """Return ids for n tracks that are in no library."""
    return IdMap(str(row) for row in range(n))
