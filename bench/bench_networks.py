"""Measure training steps of the LSTM and of triplets with online mining, beside plain torch.

    python bench/bench_networks.py [--rounds 5] [--threads 2]

A step is forward, loss, backward and AdamW on patches of 128 x 256, as recipes `thesis-13` (batch 32) and `triplet`
(batch 64, semi-hard triplets of the batch) make it. All rows have the same weights at the start, and before the
measurement their outputs are asserted to be equal to 1e-4.

    plain          the layers in the order in which they are written down, float32, torch's defaults; triplets are mined
                   by pytorch-metric-learning's TripletMarginMiner
    ours           as training runs: bfloat16 where the processor computes in it
    ours, float32  the same without bfloat16
    network alone  forward and backward of ours without mining, loss and AdamW: the limit
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import unheard.inference.device  # noqa: F401 - asks torch for large pages before it allocates
from interleaved import print_table, rounds_of
from unheard.inference.device import uses_bf16
from unheard.models.cnn1d import Cnn1d, Cnn1dConfig
from unheard.models.recipe import TripletSemiHard
from unheard.models.rnn import Rnn, RnnConfig
from unheard.training.networks.losses import SemiHardTriplets
from unheard.training.networks.triplets import neighbourhoods

Loss = Callable[[Tensor], Tensor]
MINING = TripletSemiHard(margin=0.4, nearest=20, buffer=20, group=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.threads} threads; bfloat16: {uses_bf16(torch.device('cpu'))}")
    lstm(options.rounds)
    triplets(options.rounds)


@dataclass
class Step:
    """A training step: `forward` may be another order of the same network's layers; no loss: forward and backward."""

    network: nn.Module
    forward: Callable[[Any, Tensor], Tensor]
    x: Tensor
    loss: Loss | None
    bf16: bool = False
    fused: bool = True

    def __post_init__(self) -> None:
        self.network = deepcopy(self.network)
        self.adam = torch.optim.AdamW(self.network.parameters(), lr=1e-4, eps=1e-6, fused=self.fused or None)

    def __call__(self) -> None:
        self.adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            output = self.forward(self.network, self.x)
        if self.loss is None:
            output.float().backward(torch.ones(output.shape))  # type: ignore[no-untyped-call]
        else:
            self.loss(output.float()).backward()  # type: ignore[no-untyped-call]
            self.adam.step()


def lstm(n_rounds: int) -> None:
    from tests.models.plain import plain_rnn

    torch.manual_seed(0)
    network = Rnn(RnnConfig(), mels=128, frames=256, outputs=200, zero_output=False)
    x, y = torch.randn(32, 1, 128, 256), torch.randn(32, 200)

    def loss(output: Tensor) -> Tensor:
        return functional.mse_loss(output, y)

    show("LSTM 64 x 3", network, plain_rnn, x, loss, loss, n_rounds)


def triplets(n_rounds: int) -> None:
    from tests.models.plain import plain_cnn1d

    torch.manual_seed(0)
    config = Cnn1dConfig(channels=(128, 128, 128), dense=(512,), summary="moments", unit_length=True)
    network = Cnn1d(config, mels=128, frames=256, outputs=128, zero_output=False)
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((2000, 64)).astype(np.float32)
    near = neighbourhoods(factors, factors.mean(axis=0), nearest=MINING.nearest, buffer=MINING.buffer, farthest=1)
    ours = SemiHardTriplets(near, MINING, None)
    items = ours.epoch(rng, 64, 64)[0]
    groups = torch.arange(64) // MINING.group
    show(
        "triplets with online mining", network, plain_cnn1d, torch.randn(64, 1, 128, 256),
        lambda output: ours.loss(output, items)[0], plain_mining(groups), n_rounds,
    )  # fmt: skip


def plain_mining(groups: Tensor) -> Loss:
    """Return the loss of semi-hard triplets of a batch as the library's documentation writes it, by group."""
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import TripletMarginMiner

    miner, criterion = TripletMarginMiner(MINING.margin, type_of_triplets="semihard"), TripletMarginLoss(MINING.margin)

    def loss(output: Tensor) -> Tensor:
        found: Tensor = criterion(output, groups, miner(output, groups))
        return found

    return loss


def show(
    title: str,
    network: nn.Module,
    plain: Callable[[Any, Tensor], Tensor],
    x: Tensor,
    loss: Loss,
    plain_loss: Loss,
    n_rounds: int,
) -> None:
    with torch.no_grad():
        torch.testing.assert_close(deepcopy(network)(x), plain(deepcopy(network), x), atol=1e-4, rtol=0.0)
    own, bf16 = type(network).__call__, uses_bf16(torch.device("cpu"))
    rows = {
        "ours": Step(network, own, x, loss, bf16=bf16),
        "network alone": Step(network, own, x, None, bf16=bf16),
        "ours, float32": Step(network, own, x, loss),
        "plain": Step(network, plain, x, plain_loss, fused=False),
    }
    print(f"\n{title}: a step of {len(x)} patches\n")
    print_table(rounds_of(rows, n_rounds))


if __name__ == "__main__":
    main()
