"""Chapter: how the networks were trained, and what is inside."""

from __future__ import annotations

from collections.abc import Sequence

from unheard.report.audio_excerpt import band_centres_hz
from unheard.report.blocks import Block, Missing, Picture, Section, Text
from unheard.report.figures.histories import history, overview
from unheard.report.figures.networks import filters, responses, sliding_responses
from unheard.report.report_data import Collected
from unheard.report.trained_networks import Convolutions, History
from unheard.workspace import Settings

MOST_HISTORIES = 8  # drawn in full; more become small panels


def networks(found: Collected) -> Section:
    """Training histories, outputs of the first convolution, filters."""
    blocks: list[Block] = []
    if found.histories:
        blocks.append(
            Text(
                "Training, epoch by epoch; an epoch hears every train track once or more, epoch 0 is the network "
                "before it has learnt anything. Losses should fall, accuracies and correlations rise. When the train "
                "curve still gets better and the validation curve no longer does, a network has begun to remember "
                "instead of learning; the best epoch is kept. The factors of validation tracks are shorter than those "
                "that were trained on, so their squared error may rise while the correlation still does, and rankings "
                "get better. Paler lines are other seeds. (Thesis figure 6.1.)"
            )
        )
        if len(found.histories) > MOST_HISTORIES:
            blocks.append(_overview(found.histories))
        else:
            blocks += [_history(item) for item in found.histories]
    else:
        blocks.append(Missing(f"No model has been trained yet. `unheard train -w {found.workspace.root}` does it."))
    if found.convolutions:
        for item in found.convolutions:
            blocks += [_outputs(item, found.workspace.settings), _filters(item)]
    else:
        blocks.append(
            Missing(
                "No convolutional network has been trained on this split, so there are no filters to show (thesis "
                f"figures 5.2 and A.1). `unheard train -w {found.workspace.root} cnn` trains one."
            )
        )
    return Section("networks", "Inside the networks", tuple(blocks))


def _history(item: History) -> Picture:
    first = item.runs[0]
    epochs = " and ".join(str(len([e for e in stage.epochs if e.get("epoch")])) for stage in first)
    triplets = any(stage.margin is not None for stage in first)
    note = (
        " Dotted: what an embedding scores that is the same for every track (a loss equal to the margin, accuracy 0.5)."
        if triplets
        else ""
    )
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
        "The loss by the epoch, a panel for each recipe (and each of its stages); scales differ. Dotted: the margin of "
        "a triplet loss, which an embedding scores that is the same for every track. `unheard report --model NAME` "
        "draws one in full, with its accuracy or correlation.",
        f"All {len(items)} trainings",
    )


def _outputs(item: Convolutions, settings: Settings) -> Picture:
    band_hz = band_centres_hz(settings)
    if item.sliding is not None:
        along = "time" if item.along == "frames" else "pitch"
        return Picture(
            "outputs-cnn1d",
            sliding_responses(item.patch, item.sliding, band_hz=band_hz, along=along),
            "png",
            f"A spectrogram patch and the answers of {len(item.sliding)} filters of the first layer of {item.model}.",
            f"{item.model}: a patch, and what {len(item.sliding)} filters of the first convolution answer to it. These "
            f"filters slide along {along} alone and span the other axis whole, so each answers with one line; "
            "strong colour is a strong answer. (Thesis figure 5.2.)",
            f"What the first layer of {item.model} answers",
        )
    return Picture(
        "outputs-cnn",
        responses(item.patch, item.outputs, band_hz=band_hz),
        "png",
        f"A spectrogram patch and the answers of {len(item.outputs)} filters of the first convolution of {item.model}.",
        f"{item.model}: a patch, and what some filters of the first convolution make of it; strong colour is a "
        "strong answer. They are picked by measuring their answers: the one that answers most in high bands, the one "
        "that does in low bands, one that answers when it is quiet, then those that vary most. Nobody told the "
        "network to look for that. "
        "(Thesis figure 5.2.)",
        f"What the first layer of {item.model} answers",
    )


def _filters(item: Convolutions) -> Picture:
    if item.family == "cnn":
        read = "of a deeper filter, which reads every map below it, the part with the largest weights is shown"
    else:
        read = "a filter's height is all that lies below it (bands or maps), its width what it spans as it slides"
    return Picture(
        f"filters-{item.family}",
        filters(item.layers),
        "png",
        f"Weights of the filters of the first {len(item.layers)} layers of {item.model} as mosaics of small tiles.",
        f"{item.model}: a tile is a filter, orange adds, purple takes away, blank ignores; {read}. Stripes and halves "
        "of opposite colour are edge detectors: beginnings of notes, borders of bands. Tiles that look like noise have "
        "not learnt anything that can be told by eye. (Thesis figure A.1.)",
        f"Filters of {item.model}",
    )
