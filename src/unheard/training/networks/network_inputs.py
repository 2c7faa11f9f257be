"""Everything that the training of a network reads of a workspace."""

from __future__ import annotations

from dataclasses import dataclass

from unheard.arrays import Rows
from unheard.inference.stored_input import StoredInput, choose_input, open_input
from unheard.library import Library
from unheard.models.recipe import Recipe
from unheard.splits import Split
from unheard.training.dataset import TargetKind, TrainingData, load_training_data
from unheard.workspace import Workspace


@dataclass(frozen=True)
class NetworkInputs:
    """Training arrays, and the stored input that the first stage reads.

    train, validation  rows of `stored` of the tracks `data.train` and `data.validation`
    """

    data: TrainingData
    stored: StoredInput
    train: Rows
    validation: Rows


def load_network_inputs(
    workspace: Workspace, library: Library, recipe: Recipe, split: Split, targets: TargetKind
) -> NetworkInputs:
    """Read what a recipe needs; MissingStageError or UserError if it is not there.

    Without validation tracks the train tracks validate, so that early stopping ends a training that no longer
    improves on them.
    """
    stored = open_input(workspace, library, choose_input(workspace, library, recipe))
    data = load_training_data(workspace, library, split, stored.ids, targets=targets, playlists="played")
    if not len(data.validation):
        data = data.validating_on_train()
    return NetworkInputs(data, stored, stored.ids.rows(data.train.ids), stored.ids.rows(data.validation.ids))
