"""Measure training of the published CNN on CUDA: plain torch, and the training loop from a mel store.

    python bench/bench_training_cuda.py [--batch 256] [--tracks 600] [--epochs 4] [--loss-steps 200]

Prints patches a second (forward, backward, Adam). `plain` is the network in the usual order (convolution, batch norm,
ELU, pool; NCHW) on patches that are already on the device. `loop` is `unheard train` itself: patches are drawn from a
mel store of random numbers on disk, decoded, copied and trained on, with validation left out of the rate; `graphs`
without compiling, as short trainings run, `compiled` as long ones do. The limits are what a matrix product and a copy
reach on the same card: operations of the network's products (forward and backward), and bytes of the values that any
arrangement must write once and read once (the pooled outputs of each block).

Equal loss: plain float32 and ours train on the same patches, whose targets depend on them, and print the mean loss of
the last 20 steps. Without a CUDA device the script says so and ends.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tests.models.plain import plain_cnn  # noqa: E402

from unheard.ids import IdMap  # noqa: E402
from unheard.inference.device import to_device  # noqa: E402
from unheard.inference.input_sources import PatchSource  # noqa: E402
from unheard.models.cnn import Cnn, CnnConfig  # noqa: E402
from unheard.models.recipe import load_recipe  # noqa: E402
from unheard.spectrograms.shards import map_frames  # noqa: E402
from unheard.spectrograms.store import ENCODINGS, MelStore  # noqa: E402
from unheard.training.networks import forward  # noqa: E402
from unheard.training.networks.assemble import assemble  # noqa: E402
from unheard.training.networks.batches import Epoch, batches, epoch_rng, shuffled  # noqa: E402
from unheard.training.networks.loop import Loop, Setup  # noqa: E402

MELS, FRAMES, OUTPUTS = 128, 256, 200
TRACK_FRAMES = 7752  # three minutes
FORWARD = 2 * (MELS * FRAMES * 64 * 9 + 64 * 128 * 64 * 64 * 9 + 32 * 32 * 64 * 64 * 9 + 16384 * 512 + 512 * OUTPUTS)
OPERATIONS = 3 * FORWARD - 2 * MELS * FRAMES * 64 * 9  # a patch; the input needs no gradient
N_STEPS = 40  # of an epoch
POOLED = 64 * (64 * 128 + 32 * 32 + 16 * 16) * 2  # bytes a patch, in bfloat16
BYTES = 4 * POOLED + MELS * FRAMES  # written and read, forward and backward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("batch", 256), ("tracks", 600), ("epochs", 4), ("loss-steps", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device: not measured here")
        return
    device = torch.device("cuda")
    flops, bandwidth = ceilings(device)
    limit = min(flops / OPERATIONS, bandwidth / BYTES)
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, batch {options.batch}: {flops / 1e12:.0f} "
        f"TFLOP/s in bfloat16, copies of {bandwidth / 1e12:.1f} TB/s (read and written); products alone "
        f"{flops / OPERATIONS:,.0f} patches/s, bytes alone {bandwidth / BYTES:,.0f}\n"
    )
    print("| training | patches/s | ratio | % of limit |\n|---|---:|---:|---:|")
    first = None
    for name, measure in (
        ("plain, float32", partial(plain_rate, device, options.batch, bf16=False)),
        ("plain, bfloat16", partial(plain_rate, device, options.batch, bf16=True)),
        ("loop, graphs", partial(loop_rate, device, options, compiled=False)),
        ("loop, compiled", partial(loop_rate, device, options, compiled=True)),
    ):
        rate = measure()
        first = first or rate
        print(f"| {name} | {rate:,.0f} | {rate / first:.2f} | {100 * rate / limit:.0f} |", flush=True)
    print(f"| loader alone | {loader_rate(options):,.0f} | | |")
    plain_loss, ours = (final_loss(device, options.loss_steps, fast=fast) for fast in (False, True))
    print(f"\nloss of the last 20 of {options.loss_steps} steps: plain float32 {plain_loss:.4f}, ours {ours:.4f}")


def ceilings(device: torch.device) -> tuple[float, float]:
    """Return operations a second of a bfloat16 product, and bytes a second of a copy."""
    a, b = (torch.randn(8192, 8192, device=device, dtype=torch.bfloat16) for _ in range(2))
    x = torch.randn(2**28, device=device)
    y = torch.empty_like(x)
    product = median_s(partial(torch.matmul, a, b), 20)
    copy = median_s(partial(y.copy_, x), 20)
    return 2 * 8192**3 / product, 2 * x.numel() * 4 / copy


def median_s(work: Callable[[], object], times: int) -> float:
    work()
    torch.cuda.synchronize()
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            work()
        torch.cuda.synchronize()
        taken.append((time.perf_counter() - began) / times)
    return statistics.median(taken)


def published(device: torch.device) -> Cnn:
    torch.manual_seed(0)
    return Cnn(CnnConfig(), mels=MELS, frames=FRAMES, outputs=OUTPUTS, zero_output=True).to(device)


def plain_rate(device: torch.device, batch: int, *, bf16: bool) -> float:
    network = published(device)
    adam = torch.optim.AdamW(network.parameters(), lr=1e-4, eps=1e-6, fused=True)
    x, y = torch.randn(batch, 1, MELS, FRAMES, device=device), torch.randn(batch, OUTPUTS, device=device)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
            output = plain_cnn(network, x)
        adam.zero_grad()
        functional.mse_loss(output.float(), y).backward()  # type: ignore[no-untyped-call]
        adam.step()

    return batch / median_s(step, 10)


def store(folder: Path, tracks: int) -> PatchSource:
    """Return patches of a store of random numbers on disk; the targets of `final_loss` depend on them."""
    rng = np.random.default_rng(0)
    counts = np.full(tracks, TRACK_FRAMES, np.int64)
    path = folder / "mels.bin"
    with path.open("wb") as file:
        for _ in range(tracks):
            file.write(rng.integers(0, 256, (TRACK_FRAMES, MELS), np.uint8).tobytes())
    encoding = ENCODINGS["standard"]
    frames = map_frames(path, int(counts.sum()), MELS, encoding.dtype)
    ids = IdMap(f"{row:06}" for row in range(tracks))
    return PatchSource(MelStore(ids, np.cumsum(counts) - counts, counts, FRAMES, encoding, (frames,)))


class Targets:
    """A regression's loss without a workspace."""

    def __init__(self, tracks: int, device: torch.device) -> None:
        self.own: nn.Module = nn.Module()
        self._targets = torch.randn(tracks, OUTPUTS, device=device)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[np.ndarray]:
        return shuffled(rng, len(self._targets), batch_size, n_items)

    def loss(self, output: Tensor, items: np.ndarray) -> tuple[Tensor, dict[str, float]]:
        return functional.mse_loss(output, self._targets[to_device(items, output.device)]), {}

    def validate(self, _output: np.ndarray) -> dict[str, float]:
        return {"loss": 0.0, "correlation": 0.0}


def loop_rate(device: torch.device, options: argparse.Namespace, *, compiled: bool) -> float:
    """Return the rate of epochs after the first, from one second-long epoch to the next."""
    per_track = -(-N_STEPS * options.batch // options.tracks)
    n_items = options.tracks * per_track
    stage = replace(
        load_recipe("cnn").stages[0], batch_size=options.batch, patches_per_track=per_track, epochs=options.epochs,
        patience=options.epochs, watch="loss",
    )  # fmt: skip
    forward.COMPILED_FROM = 0 if compiled else sys.maxsize
    torch._dynamo.reset()
    with tempfile.TemporaryDirectory() as folder:
        source = store(Path(folder), options.tracks)
        train = np.arange(options.tracks)
        torch.manual_seed(0)
        network = assemble(stage, source, train[:50], outputs=OUTPUTS).to(device)
        loop = Loop(
            Setup(
                stage=stage, number=1, seed=0, network=network, source=source, train=train, validation=train[:1],
                objective=Targets(options.tracks, device), device=device,
            )
        )  # fmt: skip
        loop.run(save=lambda _loop: None, checkpoint_s=1e9)
        seconds = [epoch["seconds"] for epoch in loop.position.history[2:]]
    return float(n_items / statistics.median(seconds))


def loader_rate(options: argparse.Namespace) -> float:
    with tempfile.TemporaryDirectory() as folder:
        source = store(Path(folder), options.tracks)
        rows, rates = np.arange(options.tracks), []
        for epoch in range(3):
            draw = epoch_rng(0, 1, epoch)
            plan = Epoch.drawn(source, rows, shuffled(draw, len(rows), options.batch, N_STEPS * options.batch), draw)
            began = time.perf_counter()
            n = sum(len(batch.items) for batch in batches(source, rows, plan, device=torch.device("cuda")))
            torch.cuda.synchronize()
            rates.append(n / (time.perf_counter() - began))
    return max(rates)


def final_loss(device: torch.device, steps: int, *, fast: bool) -> float:
    """Train on patches whose targets are random maps of their mean bands; return the mean loss of the last 20 steps."""
    network = published(device)
    adam = torch.optim.AdamW(network.parameters(), lr=1e-4, eps=1e-6, fused=True)
    draw = torch.Generator(device=device).manual_seed(5)
    heard = torch.randn(MELS, OUTPUTS, device=device, generator=draw) / MELS**0.5
    run: Callable[[Tensor], Tensor] = lambda x: plain_cnn(network, x)  # noqa: E731
    if fast:
        run = forward.GraphedForward(network, device, "auto", compiled=True)
    losses = []
    for step in range(steps):
        bands = torch.randn(64, 1, MELS, 1, device=device, generator=draw)
        x = bands + 0.5 * torch.randn(64, 1, MELS, FRAMES, device=device, generator=draw)
        loss = functional.mse_loss(run(x), bands[:, 0, :, 0] @ heard)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        if step >= steps - 20:
            losses.append(loss.item())
    return statistics.mean(losses)


if __name__ == "__main__":
    main()
