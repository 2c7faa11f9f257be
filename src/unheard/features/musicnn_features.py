"""Extract MusiCNN's features: the mean over patches of the layer below the tags, (200,).

All patches of a short track are used, up to 32 spread over a long one. There is a network for either data set that
MusiCNN was trained on.

That layer is useful for other tasks than tagging (van den Oord et al. 2014; Choi et al. 2017; Pons & Serra 2019). The
tags are not stored: the output layer is linear, so the mean of a track's logits is the output layer of the mean vector.
The network and its weights are in models/musicnn.py; its front end is in musicnn_mel.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from unheard.arrays import Floats
from unheard.features.musicnn_mel import SETTINGS, patches
from unheard.features.musicnn_patches import mean_vector
from unheard.models.musicnn_tags import TAGS, MusicnnModel
from unheard.models.pretrained import cache_path, load_weights

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

DIM = 200


class MusicnnMsd:
    """Features of the tagger that was trained on the Million Song Dataset."""

    model: ClassVar[MusicnnModel] = "msd"
    kind, dim, version, sample_rate_hz = "musicnn", DIM, "1", SETTINGS.sample_rate

    def extract(self, samples: Floats) -> Floats:
        return self.extract_blocks(iter([samples]))

    def extract_blocks(self, blocks: Iterator[Floats]) -> Floats:
        """Return the mean vector (200,); MissingStageError when the weights are not in the cache."""
        return mean_vector(patches(blocks), loaded_musicnn(self.model))

    def prepare(self) -> None:
        """Load the weights; MissingStageError when they are not in the cache."""
        loaded_musicnn(self.model)

    def tags(self, vectors: Floats) -> Sequence[dict[str, float]]:
        """Return the probability of each of 50 tags for vectors (n, 200), most probable first."""
        import torch

        network = loaded_musicnn(self.model)
        with torch.inference_mode():
            probabilities = torch.sigmoid(network.tags(torch.tensor(vectors))).numpy()  # (n, 50)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        names = TAGS[self.model]
        return [
            {names[tag]: float(row[tag]) for tag in best}
            for row, best in zip(probabilities, order.tolist(), strict=True)
        ]


class MusicnnMtt(MusicnnMsd):
    """Features of the tagger that was trained on MagnaTagATune; they are not comparable with those above."""

    model: ClassVar[MusicnnModel] = "mtt"
    kind = "musicnn-mtt"


def loaded_musicnn(model: MusicnnModel) -> Musicnn:
    """Return the network with the weights of the cache, loaded once for each file of weights."""
    path = cache_path("musicnn")
    return _load(model, path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=4)
def _load(model: MusicnnModel, _path: Path, _mtime_ns: int) -> Musicnn:
    from unheard.models.musicnn import make_musicnn

    return make_musicnn(load_weights("musicnn"), model)
