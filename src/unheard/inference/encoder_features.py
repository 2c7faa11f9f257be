"""Extract the embeddings of a trained network as features, kind `encoder@<split>@<model>`.

The embedding of a track is the mean output of the network's first stage; of a network of one stage, its predicted
factors. The version of the features is the fingerprint of the training, so training again makes the vectors stale. A
network has learned from the train tracks of its split, so only recipes of the same split may read its embeddings
(docs/decisions/0011-feature-extractors.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from unheard.arrays import Floats
from unheard.errors import MissingStageError, UserError
from unheard.features.mel_features import vector_of_mel
from unheard.features.table import split_and_model
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.device import pick_device
from unheard.inference.network_encoder import NetworkEncoder
from unheard.inference.predictions import NETWORK_FILE, train_command
from unheard.spectrograms.files import encode, encoded_mel
from unheard.splits import load_split
from unheard.workspace import Settings, Workspace

READS = ("patches", "bag-of-tones", "statistics")  # inputs that are computed from the stored mel spectrogram


class EncoderFeatures:
    """The extractor of one trained network of a workspace.

    MissingStageError if the network is not trained, or was trained before its split was changed; UserError if its
    targets include test plays, or if it reads something else than spectrograms.
    """

    def __init__(self, kind: str, workspace: Workspace) -> None:
        self._encoder = _trained_encoder(workspace, *split_and_model(kind))
        self._settings = workspace.settings
        self.kind, self.sample_rate_hz = kind, workspace.settings.sample_rate
        self.dim, self.version = self._encoder.embedding_dim, self._encoder.fingerprint

    def extract(self, samples: Floats) -> Floats:
        """Return the embedding (dim,) of a track's samples."""
        return vector_of_mel(self, encoded_mel([samples], self._settings), self._settings, "samples")

    def extract_mel(self, blocks: Iterator[Floats], settings: Settings) -> Floats:
        """Return the embedding (dim,) of blocks of mel decibels (frame, mel)."""
        embedding: Floats = self._encoder.embed_mels([encode(blocks, settings)])[0]
        return embedding


def _trained_encoder(workspace: Workspace, split: str, model: str) -> NetworkEncoder:
    """Return the network, if it was trained on warm factors of the present split and reads spectrograms."""
    path = workspace.model_dir(split, model) / NETWORK_FILE
    command = train_command(workspace, split, model)
    if not path.is_file():
        raise MissingStageError(f"{path}: no trained network", command)
    encoder = _load(path, path.stat().st_mtime_ns)
    if encoder.targets != "warm":
        raise UserError(f"model {model!r} was trained on factors of all plays; use a model trained on warm factors")
    present = load_split(workspace, split).digest
    if encoder.split_digest not in (None, present):
        raise MissingStageError(f"{path}: trained before the split {split!r} was changed", command)
    if encoder.reads not in READS:
        raise UserError(f"model {model!r} reads {encoder.reads}; features are extracted by models that read {READS[0]}")
    return encoder


@lru_cache(maxsize=2)
def _load(path: Path, _mtime_ns: int) -> NetworkEncoder:
    """Return the network, loaded once for each file."""
    return NetworkEncoder(load_checkpoint(path), pick_device("auto"))
