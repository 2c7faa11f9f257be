"""Load a trained model by its name, to encode audio files, spectrograms or vectors."""

from __future__ import annotations

from unheard.inference.checkpoint import Checkpoint, load_checkpoint
from unheard.inference.device import pick_device
from unheard.inference.network_encoder import NetworkEncoder
from unheard.inference.predictions import NETWORK_FILE, is_ranker, not_trained
from unheard.inference.ranker_encoder import RankerEncoder, load_ranker_encoder
from unheard.workspace import Workspace


def load_encoder(
    workspace: Workspace, split: str, model: str, *, device: str = "auto"
) -> NetworkEncoder | RankerEncoder:
    """Return the encoder of a network or of a fitted ranker recipe.

    MissingStageError if the model is not trained, UserError if its file is damaged.
    """
    if is_ranker(workspace, split, model):
        return load_ranker_encoder(workspace, split, model, device=pick_device(device))
    return load_network_encoder(workspace, split, model, device=device)


def load_network_encoder(workspace: Workspace, split: str, model: str, *, device: str = "auto") -> NetworkEncoder:
    """Return the encoder of a network; errors as above."""
    return NetworkEncoder(checkpoint_of(workspace, split, model), pick_device(device))


def checkpoint_of(workspace: Workspace, split: str, model: str) -> Checkpoint:
    """Return the checkpoint of a network; errors as above."""
    path = workspace.model_dir(split, model) / NETWORK_FILE
    if not path.is_file():
        raise not_trained(workspace, split, model, path)
    return load_checkpoint(path)
