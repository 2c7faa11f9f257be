"""Learn the weights of a fitted recipe on validation tracks: of the members in the blend, and in the factor head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from unheard.arrays import Floats, Indices
from unheard.artefacts import write_json
from unheard.inference.ranker_checkpoint import RankerCheckpoint
from unheard.inference.ranker_encoder import embed_rows
from unheard.training.dataset import TrainingData
from unheard.training.rankers.blend import blend_weights
from unheard.training.rankers.member import HEAD_ALONE
from unheard.training.rankers.validation import ndcg_of_scores, validation_playlists

MAX_SCORES = 4_000_000  # of a member, playlist x validation track, from which the weights are learned


def with_weights(checkpoint: RankerCheckpoint, data: TrainingData, final: Path) -> RankerCheckpoint:
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
    weights = _weights(notes, scores, data, queries)
    predicted = [some if note["warm"] else None for note, some in zip(notes, embeddings, strict=True)]
    head = _head_shares(predicted, data.validation.factors)
    members = [
        {**note, "weight": weight, "head": share} for note, weight, share in zip(notes, weights, head, strict=True)
    ]
    blended = np.tensordot(np.array(weights, np.float32), np.stack(scores), axes=1)  # (queries, validation)
    quality = ndcg_of_scores(blended, data, queries) if len(queries) and len(data.validation) else None
    kept = ("kind", "artist", "weight", "head", "ndcg", "history")
    note = "ndcg@20 of validation tracks; weight: share of the standardised scores; head: share of the warm factors"
    write_json(
        final.with_name("fit.json"),
        {
            "recipe": checkpoint.recipe.name,
            "note": note,
            "ndcg": quality,
            "descriptions": checkpoint.config["descriptions"],
            "members": [{key: member[key] for key in kept} for member in members],
        },
        indent=1,
    )
    config = {**checkpoint.config, "members": members, "ndcg": quality}
    return RankerCheckpoint(final, config, checkpoint.arrays, checkpoint.ids)


def _weights(
    notes: Sequence[Mapping[str, Any]], scores: Sequence[Floats], data: TrainingData, queries: Indices
) -> list[float]:
    """Return the weight of each fitted ranker. Repeated fits of a member share its weight; `HEAD_ALONE` has none."""
    members = sorted({note["member"] for note in notes} - {HEAD_ALONE})
    fits = {member: [i for i, note in enumerate(notes) if note["member"] == member] for member in members}
    means = [np.stack([scores[i] for i in fits[member]]).mean(axis=0) for member in members]
    found = dict(zip(members, blend_weights(means, data, queries), strict=True))
    return [float(found[member] / len(fits[member])) if (member := note["member"]) in found else 0.0 for note in notes]


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
