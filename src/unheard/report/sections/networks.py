"""Section on trained networks: training histories, outputs of the first convolution, filters."""

from __future__ import annotations

from collections.abc import Sequence

from unheard.errors import quoted
from unheard.report.audio_excerpt import band_centres_hz
from unheard.report.blocks import Block, Missing, Picture, Section, Text
from unheard.report.figures.convolutions import filters, responses, sliding_responses
from unheard.report.figures.histories import history, overview
from unheard.report.report_data import ReportData
from unheard.report.trained_networks import Convolutions, History
from unheard.workspace import Settings

MAX_HISTORIES = 8  # of more recipes, losses are drawn as small panels


def networks(found: ReportData) -> Section:
    """Return training histories, outputs of the first convolution, and filters."""
    blocks: list[Block] = []
    if found.histories:
        blocks.append(
            Text(
                "Training by epoch; an epoch uses every train track at least once, and epoch 0 is the network before "
                "training. Losses should fall, accuracies and correlations rise. If the train curve improves and the "
                "validation curve does not, the network overfits; the best epoch is kept. Factors of validation tracks "
                "have a smaller norm than those of train tracks, so their squared error may rise while correlation and "
                "ranking improve. Paler lines are other seeds. (Thesis figure 6.1.)"
            )
        )
        if len(found.histories) > MAX_HISTORIES:
            blocks.append(_overview(found.histories))
        else:
            blocks += [_history(item) for item in found.histories]
    else:
        blocks.append(Missing(f"No model has been trained yet. Run `unheard train -w {quoted(found.workspace.root)}`."))
    if found.convolutions:
        for item in found.convolutions:
            blocks += [_outputs(item, found.workspace.settings), _filters(item)]
    else:
        blocks.append(
            Missing(
                "No convolutional network has been trained on this split, so there are no filters to show (thesis "
                f"figures 5.2 and A.1). Run `unheard train -w {quoted(found.workspace.root)} cnn`."
            )
        )
    return Section("networks", "Trained networks", tuple(blocks))


def _history(item: History) -> Picture:
    first = item.runs[0]
    epochs = " and ".join(str(len([e for e in stage.epochs if e.get("epoch")])) for stage in first)
    triplets = any(stage.margin is not None for stage in first)
    note = " Dotted: a constant embedding (a loss equal to the margin, accuracy 0.5)." if triplets else ""
    several = f" {len(item.runs)} seeds." if len(item.runs) > 1 else ""
    return Picture(
        f"history-{item.recipe}",
        history(item.runs),
        "svg",
        f"Train and validation curves of {item.recipe} over {epochs} epochs.",
        f"{item.recipe}: {epochs} epochs.{several}{note}",
        item.recipe,
    )


def _overview(items: Sequence[History]) -> Picture:
    return Picture(
        "histories",
        overview({item.recipe: item.runs for item in items}),
        "svg",
        f"Train and validation losses of {len(items)} recipes, a small panel each: "
        f"{', '.join(item.recipe for item in items)}.",
        "Loss by epoch, a panel for each recipe and stage; scales differ. Dotted: the margin of a triplet loss, which "
        "is the loss of a constant embedding. `unheard report --model NAME` draws one recipe in full, with its "
        "accuracy or correlation.",
        f"All {len(items)} trainings",
    )


def _outputs(item: Convolutions, settings: Settings) -> Picture:
    band_hz = band_centres_hz(settings)
    if item.sliding is not None:
        along = "time" if item.along == "frames" else "frequency"
        return Picture(
            "outputs-cnn1d",
            sliding_responses(item.patch, item.sliding, band_hz=band_hz, along=along),
            "png",
            f"A spectrogram patch and the outputs of {len(item.sliding)} filters of the first layer of {item.model}.",
            f"{item.model}: a patch, and the outputs of {len(item.sliding)} filters of the first convolution. These "
            f"filters slide along {along} only and span the whole other axis, so the output of each is one row; "
            "saturated colours are high values. (Thesis figure 5.2.)",
            f"Outputs of the first layer of {item.model}",
        )
    return Picture(
        "outputs-cnn",
        responses(item.patch, item.outputs, band_hz=band_hz),
        "png",
        f"A spectrogram patch and the outputs of {len(item.outputs)} filters of the first convolution of {item.model}.",
        f"{item.model}: a patch, and the outputs of some filters of the first convolution; saturated colours are high "
        "values. The filters are chosen by their outputs: the one with the highest values in high bands, the one in "
        "low bands, one that is high when the patch is quiet, then those that vary most. (Thesis figure 5.2.)",
        f"Outputs of the first layer of {item.model}",
    )


def _filters(item: Convolutions) -> Picture:
    if item.family == "cnn":
        read = "of a filter of a deeper layer, the input channel with the largest weights is shown"
    else:
        read = (
            "the height of a tile is the number of input channels (bands or maps), its width the length of the filter"
        )
    return Picture(
        f"filters-{item.family}",
        filters(item.layers),
        "png",
        f"Weights of the filters of the first {len(item.layers)} layers of {item.model} as mosaics of tiles.",
        f"{item.model}: a tile is a filter; orange weights are positive, purple ones negative, white ones 0; {read}. "
        "Stripes and halves of opposite colour are edge detectors, which respond to onsets of notes or borders of "
        "bands. (Thesis figure A.1.)",
        f"Filters of {item.model}",
    )
