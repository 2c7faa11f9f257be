"""List the 22 models of the thesis (B. Pohl, Content-based Music Recommendation, QMUL 2019, tables 6.1 to 6.7) as data.

Every row names the recipe that replicates it and has the published figures. Overlaps are percentages at 10, 50, 100 and
500; chance among the 11,333 test songs of the thesis is 0.088 % at 10, not "< 0.01 %".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from unheard.errors import UserError
from unheard.models.recipe import Recipe, Selection, Stage, load_recipe
from unheard.workspace import Settings

FACTORS = 200
TONES = 4000
EPOCHS = 5  # what most rows were trained for
N_PUBLISHED_TEST = 11_333
EMBEDDING = 128

Overlaps = tuple[float, float, float, float]


@dataclass(frozen=True)
class Row:
    """One published model.

    number      of the thesis; 0 for our own models, which have no published figures
    determined  False where the text and the number of weights do not determine the network; ours is one interpretation
    minutes     published training time
    loss        published (validation, test) loss
    similar     published overlap of neighbours (table 6.6), playlists: of playlists' songs (table 6.7), in percent
    cost        approximate time of one training patch relative to row 3, for the time left
    change      suffix of the model's name, and the fields of its first stage (and network) that differ from the recipe
    """

    number: int
    table: str
    name: str
    recipe: str
    published_parameters: int | None
    minutes: int | None
    loss: tuple[float, float] | None
    cost: float
    determined: bool = True
    similar: Overlaps | None = None
    playlists: Overlaps | None = None
    change: tuple[str, Mapping[str, Any]] | None = None


# fmt: off
ROWS: tuple[Row, ...] = (
    Row(1, "6.1", "Bag of tones", "thesis-01", 6_401_224, None, (.9603, .9598), .3,
        similar=(.3784, 1.5497, 2.6008, 9.4746), playlists=(1.2918, 4.8163, 7.4602, 16.3851)),
    Row(2, "6.1", "Bag of tones, 2048 neurons", "thesis-02", 16_996_552, None, (.9599, .9572), .3),
    Row(3, "6.2", "CNN normal", "thesis-03", 8_566_216, 290, (1.0015, .9998), 1),
    Row(4, "6.2", "CNN with batch normalisation", "thesis-04", 8_566_600, 294, (.9701, .9823), 1,
        similar=(.0192, .1529, .3241, 3.5417), playlists=(.0265, .3771, .8616, 4.3907)),
    Row(5, "6.2", "CNN with batch, 10 epochs", "thesis-05", 8_566_600, 2750, (.9642, .9687), 1),
    Row(6, "6.2", "More dense", "thesis-06", 9_091_912, 293, (.9685, .9792), 1),
    Row(7, "6.2", "More dense and more neurons", "thesis-07", 42_433_864, 290, (.9639, .9827), 1.5,
        similar=(.0201, .1527, .3305, 3.5922), playlists=(.0268, .3274, .7691, 4.2088)),
    Row(8, "6.2", "More conv layers", "thesis-08", 36_349_640, 294, (.9701, .9799), 1.2, determined=False),
    Row(9, "6.2", "Slide in frequency domain", "thesis-09", 2_751_464, 290, (1.1637, 1.1774), .1),
    Row(10, "6.2", "Slide in time domain", "thesis-10", 2_243_560, 293, (1.0347, .9889), .1),
    Row(11, "6.2", "18sec input sequence, skip 30sec, batch 32", "thesis-11", 4_549_320, 480, (.9553, .9457), 3,
        similar=(.9695, .3461, .6382, 2.8306), playlists=(.0285, .3159, .7646, 4.2257)),
    Row(12, "6.2", "60sec input sequence, skip 30sec, batch 8", "thesis-12", 16_609_992, 920, (.8984, .9545), 10),
    Row(13, "6.3", "RNN normal", "thesis-13", 18_571_850, 290, (.9853, .9823), .2),
    Row(14, "6.3", "RNN 18sec input sequence, skip 30sec, batch 32", "thesis-14", 52_126_282, 520, (.9764, .9747), .8,
        similar=(.2063, .4029, 1.0002, 4.0864), playlists=(.1023, .4192, 1.2307, 6.2639)),
    Row(15, "6.3", "RNN 60sec input sequence, skip 30sec, batch 8", "thesis-15", 169_566_794, 1120, (.9423, .9487), 6),
    Row(16, "6.4", "Xception normal", "thesis-16", 6_082_088, 290, (1.0996, 1.0987), 3),
    Row(17, "6.4", "Xception adaptation", "thesis-17", 18_486_680, 560, (.9954, .9930), 8),
    Row(18, "6.4", "Choi normal", "thesis-18", 3_775_434, 290, (.9774, .9762), .6),
    Row(19, "6.4", "Choi adaptation", "thesis-19", 3_812_746, 290, (.9695, .9701), .8),
    Row(20, "6.4", "Choi long sequence", "thesis-20", 22_687_114, 290, (.9498, .9427), 8,
        similar=(.9702, .3496, .6356, 2.9107), playlists=(.0279, .3208, .7594, 4.2853)),
    Row(21, "6.5", "Triplet loss embeddings", "thesis-22", 8_408_320, 2315, (.6489, .6854), 3, determined=False),
    Row(22, "6.5", "Triplet loss regression", "thesis-22", 2_071_240, 120, (.7328, .7459), 0,
        similar=(7.0035, 13.3401, 17.1463, 33.9973), playlists=(48.5346, 53.8995, 55.2048, 52.8310)),
)

# The same layers trained end to end and in two stages, on the same patches, each layer with the same number of steps.
# The main conclusion of the thesis needs this comparison, which the thesis does not make.
PAIR = (
    Row(0, "stages", "Row 4's layers and a regression, end to end", "thesis-end-to-end", None, None, None, 1),
    Row(0, "stages", "The same in two stages (semi-hard triplets)", "thesis-two-stages", None, None, None, 1),
)
# Further work of the thesis (12 with dropout, 15 on whole songs), and a comparison of patch selections.
EXTENDED = (
    Row(0, "extended", "Row 12 with dropout", "thesis-12", None, None, None, 10,
        change=("dropout", {"network": {"dropout": 0.5}})),
    Row(0, "extended", "Row 15 on whole songs", "thesis-15", None, None, None, 6,
        change=("song", {"patch_frames": None, "selection": "random", "whole_song": True,
                         "network": {"summary": "moments"}})),
)
SELECTED = tuple(
    Row(0, "selection", f"Row 4, patches: {selection}", "thesis-04", None, None, None, 1,
        change=(selection, {"selection": selection, "fraction": None, "patches_per_track": 2}))
    for selection in get_args(Selection)
)
OURS: tuple[Row, ...] = (*PAIR, *EXTENDED, *SELECTED)
# fmt: on

LEAK = 22  # the published number of weights of this row fits an input of three embeddings, see leak.py


def parse_rows(text: str) -> list[Row]:
    """Return the rows of a list of numbers and ranges such as 1-3,22; UserError for anything else."""
    wanted: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"--rows {text}: expected numbers and ranges such as 1-4,11, found {part!r}")
        if not 1 <= int(first) <= int(last or first) <= len(ROWS):
            raise UserError(f"--rows {text}: expected rows between 1 and {len(ROWS)}, ascending, found {part!r}")
        wanted |= set(range(int(first), int(last or first) + 1))
    return [row for row in ROWS if row.number in wanted]


def stage_of(row: Row) -> Stage:
    """Return the stage that the figures of the row are about: the first of two for row 21, else the last."""
    stages = load_recipe(row.recipe).stages
    return stages[0] if row.number == LEAK - 1 else stages[-1]


def trainable_parameters(row: Row) -> int:
    """Return the number of trainable weights of the network at the published sizes, without allocating them.

    Row 22 is counted with its published input of 384 numbers; the trained network has the 128 numbers of one track. Our
    own models are counted over all their stages.
    """
    if row in OURS:
        return sum(_count(stage, EMBEDDING) for stage in changed(load_recipe(row.recipe), row).stages)
    return _count(stage_of(row), 3 * EMBEDDING if row.number == LEAK else EMBEDDING)


def listing(rows: Sequence[Row] = ROWS) -> list[dict[str, int | str | None]]:
    """Return what would be trained, as plain data."""
    return [
        {
            "row": row.number,
            "name": row.name,
            "trainable_parameters": trainable_parameters(row),
            "published_parameters": row.published_parameters,
        }
        for row in rows
    ]


def recipe_of(row: Row, *, fraction: float | None = None, epochs: int | None = None) -> Recipe:
    """Return the recipe of the row; `fraction` and `epochs` replace the values that most rows were published with.

    fraction  instead of 10 % of the train patches; also for row 21, which was published with all of them, but not for
              bag of tones
    epochs    instead of 5; rows with more or fewer are scaled in proportion. Regressions of embeddings are cheap and
              keep their 50

    A recipe that differs from the published one has another name, so that no trained model is overwritten.
    """
    recipe = changed(load_recipe(row.recipe), row)
    plain = scaled(recipe, fraction=fraction, epochs=epochs)
    if plain == recipe:
        return recipe
    suffix = (f"-f{fraction:g}" if fraction is not None else "") + (f"-e{epochs}" if epochs is not None else "")
    return replace(plain, name=recipe.name + suffix)


def changed(recipe: Recipe, row: Row) -> Recipe:
    """Return the recipe with the changes of the row."""
    if row.change is None:
        return recipe
    suffix, fields = row.change
    first = recipe.stages[0]
    network = replace(first.network, **fields.get("network", {}))
    rest = {key: value for key, value in fields.items() if key != "network"}
    return replace(recipe, name=f"{recipe.name}-{suffix}", stages=(replace(first, network=network, **rest),))


def even(recipe: Recipe, *, items: int, tracks: int) -> Recipe:
    """Return a two-stage recipe with the same number of steps in both stages; the first reads `items` patches.

    The epochs of the second stage depend on the number of `tracks`, so that the recipe has its own name.
    """
    encoder, regression = recipe.stages
    steps = encoder.epochs * max(1, round(items / encoder.batch_size))
    epochs = max(1, round(steps / max(1, round(tracks / regression.batch_size))))
    return replace(recipe, name=f"{recipe.name}-even", stages=(encoder, replace(regression, epochs=epochs)))


def scaled(recipe: Recipe, *, fraction: float | None, epochs: int | None) -> Recipe:
    """Return a recipe with another share of the patches, and epochs in proportion, in the stages that read audio."""
    stages = []
    for stage in recipe.stages:
        if stage.input != "previous":
            stage = replace(stage, fraction=stage.fraction and (fraction or stage.fraction))
            stage = replace(stage, epochs=max(1, round(stage.epochs * (epochs or EPOCHS) / EPOCHS)))
        stages.append(stage)
    return replace(recipe, stages=tuple(stages))


def _count(stage: Stage, embedding: int) -> int:
    import torch

    from unheard.models.networks import build, count_trainable

    settings = Settings()
    widths = {"bag-of-tones": (TONES,), "previous": (embedding,)}
    shape = widths.get(stage.input) or (settings.n_mels, stage.patch_frames or settings.patch_frames)
    with torch.device("meta"):
        return count_trainable(
            build(stage.network, input_shape=shape, outputs=stage.output or FACTORS, zero_output=True)
        )
