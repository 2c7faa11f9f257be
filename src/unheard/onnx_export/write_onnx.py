"""Write a trained model as one ONNX file: features or patches of a track in; factors and an embedding out.

    a network over patches   patches (n, frame, mel) of one track, as a workspace stores them (uint8: decibels are
                             -90 + 0.6 q; front end `parity`: float16 decibels); bags of patches (n, patch, frame, mel)
    a network over features  features (n, width) float32 of n tracks
    a ranker, a blend        one input for each kind of features, (n, width) float32, a row of NaN for a track without
                             the kind; `artist` (n, d + 1) float32: zeros for an artist without train tracks

Outputs are `factors` (n, d), in the space of the workspace's factors, and `embedding` (n, k), in the model's own space.
Kinds, units, model and split are in the file's metadata, under `unheard`. What a blend has learned from the plays of
train tracks, and the network that combines its members' scores, are not in the file.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unheard import __version__
from unheard.atomic_files import atomic_path
from unheard.errors import UnheardError, UserError
from unheard.inference.checkpoint import Checkpoint, load_checkpoint
from unheard.inference.predictions import NETWORK_FILE, RANKER_FILE, is_ranker, not_trained
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.stages import load_stage
from unheard.onnx_export.track_graphs import PatchNetwork, TrackTowers, VectorNetwork
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Workspace

OPSET = 18
SAMPLE = 3  # rows of the example inputs; a number of its own, since 1 would be taken as fixed


@dataclass(frozen=True)
class GraphInput:
    """An input of the graph. `shape` is that of one row: the first dimension of the input is any number of rows."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    about: str


@dataclass(frozen=True)
class TrackGraph:
    """A module with its inputs and what the file's metadata say of it."""

    module: nn.Module
    inputs: tuple[GraphInput, ...]
    dim: int
    about: dict[str, Any]


def export_model(workspace: Workspace, split: str, model: str, path: Path) -> TrackGraph:
    """Write a trained model to `path` (.onnx), atomically; return what was written.

    MissingStageError if the model is not trained; UserError for another suffix, a model that cannot be exported, or if
    the extra `onnx` is not installed.
    """
    if path.suffix.lower() != ".onnx":
        raise UserError(f"{path}: expected a file with the suffix .onnx; use -o model.onnx")
    name = RANKER_FILE if is_ranker(workspace, split, model) else NETWORK_FILE
    file = workspace.model_dir(split, model) / name
    if not file.is_file():
        raise not_trained(workspace, split, model, file)
    graph = graph_of_ranker(load_ranker(file)) if name == RANKER_FILE else graph_of_network(load_checkpoint(file))
    write_graph(graph, path, {"model": model, "split": split})
    return graph


def graph_of_network(checkpoint: Checkpoint) -> TrackGraph:
    """Return the graph of a network's checkpoint."""
    recipe, reads = checkpoint.recipe, str(checkpoint.config["reads"])
    stages = [load_stage(checkpoint, number) for number in range(1, len(recipe.stages) + 1)]
    scaling, shape = checkpoint.scaling, tuple(int(size) for size in checkpoint.config["stages"][0]["shape"])
    about: dict[str, Any] = {"reads": reads, "settings": asdict(checkpoint.settings)}
    made: nn.Module
    if reads == "patches":
        made = PatchNetwork(stages, shift=scaling.shift, scale=scaling.scale)
        encoding = ENCODINGS[checkpoint.settings.front_end]
        bag = recipe.stages[0].bag or 1
        item = (shape[1], shape[0]) if bag == 1 else (bag, shape[1], shape[0])
        unit = f"stored q of {encoding.offset_db:g} + {encoding.step_db:g} q dB; all rows are of one track"
        inputs = (GraphInput("patches", str(encoding.dtype), item, unit),)
    else:
        made = VectorNetwork(stages, shift=scaling.shift, scale=scaling.scale)
        inputs = (GraphInput("features", "float32", shape, f"{reads}, as `unheard features` stores them"),)
    return TrackGraph(made, inputs, int(checkpoint.config["dim"]), about)


def graph_of_ranker(checkpoint: RankerCheckpoint) -> TrackGraph:
    """Return the graph of the track towers of a fitted ranker recipe."""
    notes = checkpoint.config["members"]
    if not any(note["weight"] for note in notes) or not any(note["head"] for note in notes):
        raise UserError(f"{checkpoint.path}: is not fitted to the end; run `unheard train` again")
    scalers, table = checkpoint.scalers, checkpoint.artist_table
    module = TrackTowers(
        [(scaler.mean, scaler.deviation) for scaler in scalers],
        [checkpoint.tower(number) for number in range(len(notes))],
        artist=[bool(note["artist"]) for note in notes],
        heads=[float(note["head"] or 0.0) for note in notes],
        weights=[float(note["weight"] or 0.0) / float(note["deviation"]) for note in notes],
    )
    inputs = (
        *(GraphInput(s.kind, "float32", s.mean.shape, "as `unheard features` stores them; NaN: none") for s in scalers),
        GraphInput(
            "artist",
            "float32",
            (table.sums.shape[1] + 1,),
            "mean centred factor of the artist's train tracks / scale, then log(1 + their number); 0: none",
        ),
    )
    about = {"reads": [scaler.kind for scaler in scalers], "artist_scale": table.scale}
    return TrackGraph(module, inputs, int(checkpoint.config["dim"]), about)


def write_graph(graph: TrackGraph, path: Path, about: dict[str, str]) -> None:
    """Write a graph as ONNX, with its metadata, atomically."""
    try:
        import onnx  # noqa: F401 - torch reports its absence in the middle of an export
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError("export-model needs onnx and onnxscript; pip install 'unheard[onnx]'") from error
    examples = tuple(torch.zeros(SAMPLE, *one.shape, dtype=getattr(torch, one.dtype)) for one in graph.inputs)
    rows = torch.export.Dim("rows")
    specs = tuple({0: rows} for _ in examples)
    named = {"inputs": specs} if isinstance(graph.module, TrackTowers) else specs
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        program = torch.onnx.export(
            graph.module.eval(),
            examples,
            input_names=[one.name for one in graph.inputs],
            output_names=["factors", "embedding"],
            opset_version=OPSET,
            dynamic_shapes=named,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    if any(one.shape is None or isinstance(one.shape[0], int) for one in program.model.graph.inputs):
        raise UnheardError(f"{path}: this model can be exported for {SAMPLE} rows only; report it, please")
    program.model.metadata_props["unheard"] = json.dumps(
        {"version": __version__, **about, "dim": graph.dim, **graph.about, "inputs": [asdict(i) for i in graph.inputs]}
    )
    with atomic_path(path) as temporary:
        program.save(temporary)
