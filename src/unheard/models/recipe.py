"""Read network recipes: TOML files with the input, the network, the loss and the training options.

A TOML file holds a `name`, an `about` and one or two `[[stage]]` tables. Each stage has one network table
(`[stage.cnn]`, `[stage.dense]`, ...) and one loss table (`[stage.mse]`, `[stage.triplet-semi-hard]`, ...); their keys
are the fields of the dataclasses here, in losses.py and in the networks' files. The last stage predicts the factors; a
stage before it learns an embedding that the next one reads as its input "previous".

Importing this module is cheap; loading a recipe imports torch, because a network's configuration is in its file.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unheard.errors import UserError
from unheard.models.losses import Contrastive, ContrastivePlaylists, Cosine, MultiSimilarity, Score

if TYPE_CHECKING:
    from unheard.models.networks import NetworkConfig

# patches       stored mel patches                     bag-of-tones  histogram of MFCC frames over a fitted codebook
# content       vectors if there are any, else statistics
# previous      the mean embedding that the stage before gives a track
# else a kind of features (`unheard features --list`): statistics, vectors, ...
Input = str
TargetScaling = Literal["standard", "min-max"]
# Which patches of a track are used. random: any; first, middle: that one; body: any but the first and last 30 s;
# energy, entropy: the quarter of its patches with the most power, or with the most even spectrum
Selection = Literal["random", "first", "middle", "body", "energy", "entropy"]


@dataclass(frozen=True)
class Mse:
    """Mean squared error against the scaled factors."""


@dataclass(frozen=True)
class TripletOffline:
    """max(d(a, p) - d(a, n) + margin, 0) with p among the `nearest` and n among the `farthest` in factor space."""

    margin: float = 0.4
    nearest: int = 20
    farthest: int = 500


@dataclass(frozen=True)
class TripletSemiHard:
    """The same loss on triplets mined in each batch: n is the nearest negative farther than p (Schroff et al. 2015).

    nearest     positives of a track are its other patches and this many nearest train tracks in factor space
    buffer      number of next tracks that are neither positive nor negative
    group       number of tracks of a batch that are drawn around one anchor track, so that a batch has positives
    """

    margin: float = 0.4
    nearest: int = 20
    buffer: int = 20
    group: int = 4


LossConfig = (
    Mse | Cosine | Score | TripletOffline | TripletSemiHard | MultiSimilarity | Contrastive | ContrastivePlaylists
)
REGRESSIONS = (Mse, Cosine, Score)  # losses of a last stage
FROM_PLAYS = (Contrastive, ContrastivePlaylists, Score)  # losses that use plays

SONG_FRAMES = 15_360  # six minutes at 22,050 Hz and hop 512


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015). The rate at step t is lr / (1 + decay t), times a half cosine with that `schedule`."""

    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    decay: float = 1e-8
    weight_decay: float = 0.0  # decoupled (AdamW) when it is not zero
    schedule: Literal["constant", "cosine"] = "constant"


@dataclass(frozen=True)
class Stage:
    """One network trained with one loss.

    output              width of the output; None: the number of factors
    tones               size of the bag-of-tones codebook
    patch_frames        length of a patch; None: the workspace's
    whole_song          the patch is as long as the longest train track (at most SONG_FRAMES); shorter ones are repeated
    selection           which patches are used, in training and in prediction
    patches_per_track   number of patches of each train track in one epoch, drawn anew in each
    bag                 number of patches of a track that form one item and are pooled by the network; None: one
    fraction            instead, for a first stage: only this share of all train patches (or vectors) is used, each of
                        them once in each epoch; triplets have as many anchors
    keep                keep the weights of the best epoch, or always of the last one
    epochs, patience    stop after `patience` epochs without a better validation figure; the best weights are kept
    watch               the validation figure: "loss", or for a regression "correlation" of all predicted and true
                        values. Factors folded in for validation tracks are shorter than train factors, so a squared
                        error can prefer predictions near the mean while the ranking still improves. The output layer
                        is then scaled once by the factor that minimises the validation loss
    precision           "auto": bfloat16 autocast where the processor has it, "float32": never
    """

    input: Input
    network: NetworkConfig
    loss: LossConfig
    output: int | None = None
    scaling: TargetScaling = "standard"
    adam: Adam = field(default_factory=Adam)
    batch_size: int = 32
    epochs: int = 5
    patience: int = 3
    patch_frames: int | None = None
    whole_song: bool = False
    selection: Selection = "random"
    patches_per_track: int = 1
    bag: int | None = None
    fraction: float | None = None
    keep: Literal["best", "last"] = "best"
    watch: Literal["loss", "correlation"] = "loss"
    tones: int = 4000
    precision: Literal["auto", "float32"] = "auto"


@dataclass(frozen=True)
class Recipe:
    """A network recipe; `name` is also the model's name in the workspace."""

    name: str
    about: str
    stages: tuple[Stage, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, in the layout of its file; `recipe_from` reads it back."""
        stages = []
        for stage in self.stages:
            values = dataclasses.asdict(stage)
            values[_key_of(stage.network, _network_tables())] = values.pop("network")
            values[_key_of(stage.loss, LOSS_TABLES)] = values.pop("loss")
            stages.append({key: value for key, value in values.items() if value is not None})
        plain = {"name": self.name, "about": self.about, "stage": stages}
        return typing.cast("dict[str, Any]", json.loads(json.dumps(plain)))


LOSS_TABLES: Mapping[str, type[Any]] = {
    "mse": Mse,
    "cosine": Cosine,
    "score": Score,
    "triplet-offline": TripletOffline,
    "triplet-semi-hard": TripletSemiHard,
    "multi-similarity": MultiSimilarity,
    "contrastive": Contrastive,
    "contrastive-playlists": ContrastivePlaylists,
}


def _network_tables() -> Mapping[str, type[Any]]:
    from unheard.models.networks import NETWORK_TABLES

    return NETWORK_TABLES


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with unheard."""
    return sorted(path.name.removesuffix(".toml") for path in _shipped().iterdir() if path.name.endswith(".toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Return a shipped recipe by name, or one from a TOML file; raise UserError with file, key and expected value."""
    return recipe_from(*read_toml(name_or_path))


def read_toml(name_or_path: str) -> tuple[dict[str, Any], str]:
    """Return the unchecked content of a shipped recipe or a TOML file, and its name in messages."""
    if name_or_path in recipe_names():
        source, text = f"recipe {name_or_path}", (_shipped() / f"{name_or_path}.toml").read_text(encoding="utf-8")
    else:
        path = Path(name_or_path)
        if not path.is_file():
            known = ", ".join(recipe_names())
            raise UserError(f"{name_or_path}: no such recipe; use one of {known}, or the path of a TOML file")
        source = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{source}: not UTF-8 text ({error}); save the recipe as UTF-8") from error
    try:
        return tomllib.loads(text), source
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source}: not valid TOML ({error}); correct the file") from error


def recipe_from(values: Mapping[str, Any], source: str) -> Recipe:
    """Return a checked recipe from plain data; `source` is its name in messages."""
    stages = values.get("stage")
    if not isinstance(stages, list) or not 1 <= len(stages) <= 2 or not all(isinstance(s, dict) for s in stages):
        raise UserError(f"{source}: expected one or two [[stage]] tables, found {stages!r:.60}; add [[stage]]")
    rest = {key: value for key, value in values.items() if key != "stage"}
    unknown = sorted(rest.keys() - {"name", "about"})
    if unknown:
        raise UserError(f"{source}: unknown key {unknown[0]!r}; expected name, about and [[stage]]")
    name, about = (_text(rest, key, source) for key in ("name", "about"))
    check_name(name, source)
    recipe = Recipe(name, about, tuple(_stage(s, f"{source}, stage {i}") for i, s in enumerate(stages, 1)))
    _check_order(recipe, source)
    return recipe


def check_name(name: str, source: str) -> None:
    """Raise UserError for a name that cannot be a folder's name or has another meaning."""
    if name in ("", ".", "..") or any(mark in name for mark in "/\\@:"):
        raise UserError(
            f"{source}, name: expected a name that can be a folder's, and no @ or : (they mark seeds and parts), "
            f"found {name!r}"
        )
    if name in RESERVED_NAMES or name.endswith("-full"):
        raise UserError(f"{source}, name: {name!r} is a baseline or marks full targets; choose another name")


def _check_order(recipe: Recipe, source: str) -> None:
    """Check that the first stage reads tracks, a second one reads the first, and only the last one predicts factors."""
    for number, stage in enumerate(recipe.stages, 1):
        last = number == len(recipe.stages)
        if (stage.input == "previous") != (number == 2):
            expected = "'previous'" if number == 2 else "an input of its own, not 'previous'"
            raise UserError(f"{source}, stage {number}, input: expected {expected}, found {stage.input!r}")
        if isinstance(stage.loss, REGRESSIONS) != last:
            regressions = " or ".join(f"[stage.{key}]" for key, kind in LOSS_TABLES.items() if kind in REGRESSIONS)
            expected = f"{regressions}, because the last stage predicts the factors" if last else "a loss on embeddings"
            raise UserError(f"{source}, stage {number}: expected {expected}, found {type(stage.loss).__name__}")
        if stage.watch != "loss" and not last:
            raise UserError(
                f"{source}, stage {number}, watch: expected 'loss' for a loss on embeddings, found {stage.watch!r}"
            )
        if (stage.output is None) != last:
            expected = "none, because it is the number of factors" if last else "the width of the embedding"
            raise UserError(f"{source}, stage {number}, output: expected {expected}, found {stage.output!r}")
        if (stage.input == "patches") == (_key_of(stage.network, _network_tables()) == "dense"):
            expected = "a network over patches" if stage.input == "patches" else "[stage.dense]"
            raise UserError(f"{source}, stage {number}: expected {expected} for input {stage.input!r}")
        if stage.fraction is not None and (number == 2 or stage.patches_per_track != 1):
            raise UserError(
                f"{source}, stage {number}, fraction: expected in a first stage without patches_per_track, delete one"
            )
        _check_patches(stage, f"{source}, stage {number}")


def _check_patches(stage: Stage, where: str) -> None:
    """Check the options that apply to patches only."""
    given = [key for key in PATCH_KEYS if getattr(stage, key) != PATCH_KEYS[key]]
    if given and stage.input != "patches":
        raise UserError(f"{where}, {given[0]}: expected only with input 'patches', delete it")
    if stage.bag is not None and _key_of(stage.network, _network_tables()) != "encoder":
        raise UserError(f"{where}, bag: expected only with [stage.encoder], which pools patches; delete it")
    if stage.bag is not None and (stage.fraction is not None or stage.patches_per_track % stage.bag):
        raise UserError(
            f"{where}, bag: expected patches_per_track to be a multiple of it and no fraction, "
            f"found {stage.patches_per_track} patches in bags of {stage.bag}"
        )
    if stage.whole_song and getattr(stage.network, "summary", "flatten") == "flatten":
        raise UserError(f"{where}, whole_song: expected a network with summary 'moments', found none")
    if stage.whole_song and stage.patch_frames is not None:
        raise UserError(f"{where}, patch_frames: expected none with whole_song, delete one")


def _stage(values: dict[str, Any], where: str) -> Stage:
    rest = dict(values)
    parts: dict[str, Any] = {}
    for part, tables in (("network", _network_tables()), ("loss", LOSS_TABLES)):
        named = [key for key in tables if key in rest]
        expected = " or ".join(f"[stage.{key}]" for key in tables)
        if len(named) != 1:
            raise UserError(f"{where}: expected one of {expected}, found {len(named)}; choose one {part}")
        table = rest.pop(named[0])
        parts[part] = fill_table(tables[named[0]], table, f"{where}, {named[0]}")
    parts["adam"] = fill_table(Adam, rest.pop("adam", {}), f"{where}, adam")
    return typing.cast("Stage", fill_table(Stage, rest, where, parts))


def fill_table(kind: type[Any], values: object, where: str, parts: Mapping[str, Any] | None = None) -> Any:
    """An instance of a dataclass from a table; `parts` are fields that were read already.

    A field that is a dataclass itself is read from a table of its name.
    """
    parts = parts or {}
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected a table, found {values!r}")
    hints = typing.get_type_hints(kind, localns={"NetworkConfig": Any})
    known = [f.name for f in dataclasses.fields(kind) if f.name not in parts]
    for key in values:
        if key not in known:
            raise UserError(f"{where}: unknown key {key!r}; expected one of {', '.join(known) or 'none'}")
    for f in dataclasses.fields(kind):
        missing = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if missing and f.name not in values and f.name not in parts:
            raise UserError(f"{where}: {f.name} is missing; expected {_spelled(hints[f.name])}")
    read = {key: _value(hints[key], value, f"{where}, {key}") for key, value in values.items()}
    for key, value in read.items():
        problem = _range_problem(key, value)
        if problem:
            raise UserError(f"{where}, {key}: expected {problem}, found {value!r}")
    try:
        return kind(**parts, **read)
    except ValueError as error:  # what a configuration itself knows to be impossible
        raise UserError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return `value` converted to the type `hint`; integers are accepted as floats, lists as tuples."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return fill_table(typing.cast("type[Any]", hint), value, where)
    if origin is Literal and value in arguments:
        return value
    if origin is types.UnionType:
        if value is None:  # stored configurations are JSON
            return None
        inner = next(argument for argument in arguments if argument is not types.NoneType)
        return _value(inner, value, where)
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is Ellipsis:
            return tuple(_value(arguments[0], item, where) for item in value)
        if len(value) == len(arguments):
            return tuple(_value(a, item, where) for a, item in zip(arguments, value, strict=True))
    if hint is float and type(value) in (int, float):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise UserError(f"{where}: expected {_spelled(hint)}, found {value!r}")


def _spelled(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(repr(argument) for argument in arguments)
    if origin is types.UnionType:
        return _spelled(arguments[0])
    if origin is tuple:
        items = [argument for argument in arguments if argument is not Ellipsis]
        return "a list of " + " and ".join(dict.fromkeys(_spelled(item) for item in items))
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(hint, str(hint))


# What recommend/models.py makes without training; a test holds the two lists together.
RESERVED_NAMES = {
    "random", "popularity", "artist-mean", "content-neighbours", "ridge", "sound", "oracle",
    "user-knn-cosine", "user-knn-pearson", "user-knn-adjusted", "item-knn-cosine", "item-knn-pearson",
    "item-knn-adjusted", "explicit-mf", "implicit-als", "content-based", "hybrid-weighted", "hybrid-learned",
    "hybrid-switching", "hybrid-cascade", "hybrid-feature", "hybrid-mixed", "content-boosted",
    "predicted-popularity", "profile-mean", "profile-neighbours",
}  # fmt: skip
MAY_BE_ZERO = {
    "decay", "weight_decay", "dropout", "buffer", "margin", "popularity", "epsilon", "length", "memory", "negatives",
    "time_masks", "mel_masks", "input_dropout", "artist_dropout",
}  # fmt: skip
BELOW_ONE = {"dropout", "input_dropout", "artist_dropout", "beta1", "beta2"}
AT_MOST_ONE = {"fraction"}
PATCH_KEYS = {"patch_frames": None, "whole_song": False, "selection": "random", "bag": None}


def _range_problem(key: str, value: Any) -> str | None:
    """Return what was expected of a number, or None if it is valid."""
    if isinstance(value, tuple):
        return next((problem for item in value if (problem := _range_problem(key, item))), None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if key in BELOW_ONE and not 0 <= value < 1:
        return "a number from 0 to below 1"
    if key in MAY_BE_ZERO:
        return None if 0 <= value < float("inf") else "0 or more"
    if key in AT_MOST_ONE:
        return None if 0 < value <= 1 else "a number above 0, at most 1"
    return None if 0 < value < float("inf") else "more than 0"


def _text(values: Mapping[str, Any], key: str, source: str) -> str:
    if not isinstance(values.get(key), str):
        raise UserError(f"{source}, {key}: expected text, found {values.get(key)!r}")
    return str(values[key])


def _key_of(config: object, tables: Mapping[str, type[Any]]) -> str:
    return next(key for key, kind in tables.items() if type(config) is kind)


def _shipped() -> Any:
    return resources.files("unheard.models").joinpath("recipes")
