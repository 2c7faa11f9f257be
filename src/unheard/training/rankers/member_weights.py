"""Learn on validation tracks how the members of a fitted recipe are combined, and their shares of the factor head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from unheard.arrays import Floats, Mask
from unheard.atomic_files import write_json
from unheard.inference.ranker_checkpoint import RankerCheckpoint
from unheard.inference.ranker_encoder import embed_rows
from unheard.models.combiner import PREFIX
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.blend import blend_weights
from unheard.training.rankers.combine import MemberEmbeddings, fit_combiner
from unheard.training.rankers.member import HEAD_ALONE
from unheard.training.rankers.validation import ndcg_of_scores, validation_playlists

MAX_SCORES = 4_000_000  # of a member, playlist x validation track, from which the weights are learned


def with_weights(
    checkpoint: RankerCheckpoint, data: TrainingData, final: Path, progress: Progress = silent
) -> RankerCheckpoint:
    """Return the checkpoint with its weights, to be saved at `final`; write fit.json to the same folder.

    data  without artist features
    """
    artist_data, notes = data.with_artist_features(), checkpoint.config["members"]
    queries = validation_playlists(data)
    queries = queries[:: max(1, len(queries) * len(data.validation) // MAX_SCORES)]
    embeddings = [
        embed_rows(checkpoint.tower(i), (artist_data if note["artist"] else data).validation.features)
        for i, note in enumerate(notes)
    ]
    scores = [
        checkpoint.arrays[f"member{i}.playlists"][queries] @ embeddings[i].T / np.float32(note["deviation"])
        for i, note in enumerate(notes)
    ]
    held = data.validation.plays[queries].toarray() > 0
    weights = _weights(notes, scores, held, len(np.unique(data.validation.artists)))
    predicted = [some if note["warm"] else None for note, some in zip(notes, embeddings, strict=True)]
    head = _head_shares(predicted, data.validation.factors)
    members = [
        {**note, "weight": weight, "head": share} for note, weight, share in zip(notes, weights, head, strict=True)
    ]
    blended = np.tensordot(np.array(weights, np.float32), np.stack(scores), axes=1)  # (queries, validation)
    quality = ndcg_of_scores(blended, data, queries) if len(queries) and len(data.validation) else None
    combined = fit_combiner(_embedded(checkpoint, members, embeddings, data, artist_data), data, queries, progress)
    arrays = {name: array for name, array in checkpoint.arrays.items() if not name.startswith(PREFIX)}
    if combined.combiner is not None:
        arrays |= combined.combiner.arrays
    kept = ("kind", "artist", "weight", "head", "ndcg", "history")
    note = "ndcg@20 of validation tracks; weight: share of the standardised scores; head: share of the warm factors"
    write_json(
        final.with_name("fit.json"),
        {
            "recipe": checkpoint.recipe.name,
            "note": note,
            "ndcg": quality,
            "combiner": {
                "used": combined.combiner is not None,
                "ndcg": combined.ndcg,
                "ndcg_of_weights": combined.ndcg_of_weights,
            },
            "descriptions": checkpoint.config["descriptions"],
            "members": [{key: member[key] for key in kept} for member in members],
        },
        indent=1,
    )
    config = {**checkpoint.config, "members": members, "ndcg": quality}
    return RankerCheckpoint(final, config, arrays, checkpoint.ids)


def _weights(notes: Sequence[Mapping[str, Any]], scores: Sequence[Floats], held: Mask, n_artists: int) -> list[float]:
    """Return the weight of each fitted ranker. Repeated fits of a member share its weight; `HEAD_ALONE` has none."""
    members = sorted({note["member"] for note in notes} - {HEAD_ALONE})
    fits = {member: [i for i, note in enumerate(notes) if note["member"] == member] for member in members}
    means = [np.stack([scores[i] for i in fits[member]]).mean(axis=0) for member in members]
    weights = blend_weights(means, held, [len(fits[member]) for member in members], n_artists)
    found = dict(zip(members, weights, strict=True))
    return [float(found[member] / len(fits[member])) if (member := note["member"]) in found else 0.0 for note in notes]


def _embedded(
    checkpoint: RankerCheckpoint,
    members: Sequence[dict[str, Any]],
    validation: Sequence[Floats],
    data: TrainingData,
    artist_data: TrainingData,
) -> MemberEmbeddings:
    """Return the embeddings of all members with a weight, scaled by it. Fits of one member are one for the combiner."""
    blended = [i for i, note in enumerate(members) if note["weight"]]
    playlists, centre, new, widths, fits = [], [], [], dict[int, int](), dict[int, int]()
    for i in blended:
        note = members[i]
        scale, width = np.float32(note["weight"] / note["deviation"]), int(note["outputs"])
        tracks = checkpoint.arrays.get(f"member{i}.tracks")
        if tracks is None:
            tracks = embed_rows(checkpoint.tower(i), (artist_data if note["artist"] else data).train.features)
        playlists.append(checkpoint.arrays[f"member{i}.playlists"])
        centre.append((tracks * scale).mean(axis=0, dtype=np.float64).astype(np.float32))
        new.append(validation[i] * scale)
        widths[note["member"]] = widths.get(note["member"], 0) + width
        fits[note["member"]] = fits.get(note["member"], 0) + 1
    starts = np.cumsum([0, *widths.values()])
    joined = np.concatenate(playlists, axis=1), np.concatenate(centre), np.concatenate(new, axis=1)
    return MemberEmbeddings(starts, *joined, tuple(fits.values()))


def _head_shares(predicted: Sequence[Floats | None], true: Floats) -> list[float]:
    """Return shares (summing to 1) by which predictions (validation, d) best add up to the true factors.

    Non-negative least squares; None for a member that does not predict factors, whose share is 0.
    """
    those = {i: some.ravel().astype(np.float64) for i, some in enumerate(predicted) if some is not None}
    shares = np.full(len(those), 1 / len(those))
    if len(true) and len(those) > 1:
        found, _ = nnls(np.stack(list(those.values()), axis=1), true.ravel())
        shares = found / found.sum() if found.sum() > 0 else shares
    out = np.zeros(len(predicted))
    out[list(those)] = shares
    return [float(share) for share in out]
