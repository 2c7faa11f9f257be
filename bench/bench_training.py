"""Measure training of the published CNN: a plain implementation, and ours in float32 and in bfloat16.

    python bench/bench_training.py [rounds]

Prints training patches per second (forward, backward, Adam; batch 32) of three implementations, each in a separate
process with the same weights and patches. They are measured alternately, so that a busy machine slows them alike. The
last line has the patches per second that the loader reads from a mel store. Before the measurement, the outputs of the
fast network are asserted to equal those of the plain one.

    plain    convolution -> batch norm -> ELU -> max-pool in float32, NCHW, torch's defaults
    float32  the same function: first block without its large output, pool before ELU, channels last, large pages,
             fused Adam
    bf16     the same under bfloat16 autocast (weights, statistics and Adam stay float32)
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH = 32
STEPS = 3
IMPLEMENTATIONS = ("plain", "float32", "bf16")


def run_implementation(name: str) -> None:
    """Train `STEPS` steps for every line on standard input; print the seconds that they took."""
    import torch
    from tests.models.plain import plain_cnn

    from unheard.models.cnn import Cnn, CnnConfig

    torch.manual_seed(0)
    network = Cnn(CnnConfig(), mels=128, frames=256, outputs=200, zero_output=True)
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, eps=1e-6, fused=None if name == "plain" else True)
    x, y = torch.randn(BATCH, 1, 128, 256), torch.randn(BATCH, 200)
    if name == "float32":
        check_equal(network)

    def step() -> None:
        adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=name == "bf16"):
            output = plain_cnn(network, x) if name == "plain" else network(x)
        torch.nn.functional.mse_loss(output.float(), y).backward()  # type: ignore[no-untyped-call]
        adam.step()

    step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        print(time.perf_counter() - start, flush=True)


def check_equal(trained: object) -> None:
    """Assert that the plain and the fast network have equal outputs to 1e-4, in training and in evaluation."""
    import torch
    from tests.models.plain import plain_cnn, signs_mixed

    from unheard.models.cnn import Cnn, CnnConfig

    assert isinstance(trained, Cnn)
    networks = []
    for _ in range(2):
        torch.manual_seed(1)
        network = Cnn(CnnConfig(), mels=128, frames=256, outputs=200, zero_output=False)
        signs_mixed(network)
        networks.append(network)
    x = torch.randn(4, 1, 128, 256)
    with torch.no_grad():
        for training in (True, False):
            fast, plain = (network.train(training) for network in networks)
            torch.testing.assert_close(fast(x), plain_cnn(plain, x), atol=1e-4, rtol=0.0)


def start(name: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--implementation", name]
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def one_round(process: subprocess.Popen[str]) -> float:
    """Return the seconds of `STEPS` steps."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def training_table(rounds: int) -> None:
    processes = {name: start(name) for name in IMPLEMENTATIONS}
    seconds: dict[str, list[float]] = {name: [] for name in IMPLEMENTATIONS}
    for _ in range(rounds):
        for name, process in processes.items():
            seconds[name].append(one_round(process))
    for process in processes.values():
        process.communicate()
    print(f"{'training':10} {'patches/s, best':>16} {'median':>8} {'ratio, best':>12} {'median of rounds':>17}")
    for name in IMPLEMENTATIONS:
        rate = [BATCH * STEPS / taken for taken in seconds[name]]
        ratio = min(seconds["plain"]) / min(seconds[name])
        each = statistics.median(plain / own for plain, own in zip(seconds["plain"], seconds[name], strict=True))
        print(f"{name:10} {max(rate):16.1f} {statistics.median(rate):8.1f} {ratio:12.2f} {each:17.2f}")


def loader_table(rounds: int) -> None:
    """Print patches per second from a store of 200 tracks of three minutes, drawn as in training."""
    from unheard.ids import IdMap
    from unheard.inference.input_sources import PatchSource
    from unheard.spectrograms.shards import map_frames
    from unheard.spectrograms.store import ENCODINGS, MelStore
    from unheard.training.networks.batches import Epoch, batches, epoch_rng, shuffled

    rng = np.random.default_rng(0)
    counts = np.full(200, 7752, np.int64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mels.bin"
        path.write_bytes(rng.integers(0, 256, (int(counts.sum()), 128), np.uint8).tobytes())
        encoding = ENCODINGS["standard"]
        frames = map_frames(path, int(counts.sum()), 128, encoding.dtype)
        ids = IdMap(str(row) for row in range(len(counts)))
        source = PatchSource(MelStore(ids, np.cumsum(counts) - counts, counts, 256, encoding, (frames,)))
        rates = []
        for epoch in range(rounds):
            draw = epoch_rng(0, 1, epoch)
            rows, begun = np.arange(len(counts)), time.perf_counter()
            plan = Epoch.drawn(source, rows, shuffled(draw, len(counts), BATCH, 16 * len(counts)), draw)
            n = sum(len(batch.items) for batch in batches(source, rows, plan))
            rates.append(n / (time.perf_counter() - begun))
        del frames, source
    print(f"{'loader':10} {max(rates):16.0f} {statistics.median(rates):8.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--implementation"]:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        if sys.argv[2] != "plain":
            import unheard.inference.device  # noqa: F401 - asks torch for large pages before it allocates
        run_implementation(sys.argv[2])
    else:
        n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
        training_table(n_rounds)
        loader_table(n_rounds)
