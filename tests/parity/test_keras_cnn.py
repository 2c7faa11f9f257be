"""The CNN of the thesis (rows 3 and 4) and one step of its training, against the same network written in Keras.

Keras computes in the thesis' order (convolution, batch norm, ELU, max-pool; channels last); ours pools before the ELU
and never stores the first convolution's output. That both are one function, and learn the same, is shown here.

Adam adds epsilon in different places. With g the first gradient, the first steps from zero moments are
    torch  lr g / (|g| + epsilon)
    Keras  lr g / (|g| + epsilon / sqrt(1 - beta2))       ("epsilon hat" of Kingma & Ba 2015, section 2)
so Keras with epsilon sqrt(1 - beta2) takes exactly the same first step.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import keras
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tests.models.plain import signs_mixed
from unheard.arrays import Floats
from unheard.factors.scaling import Scaling
from unheard.ids import IdMap
from unheard.inference.input_sources import PatchSource
from unheard.inference.module_arrays import load_arrays
from unheard.models.cnn import Cnn, CnnConfig
from unheard.models.inputs import PatchInput
from unheard.models.recipe import Adam, Mse, Stage
from unheard.spectrograms.store import ENCODINGS, MelStore
from unheard.training.dataset import TrainingData
from unheard.training.networks.loop import Loop, Setup
from unheard.training.networks.regressions import Regression

MELS, FRAMES, OUTPUTS = 128, 256, 200
BATCH = 3
MEAN_DB, STD_DB = -40.0, 20.0
ROWS = {"row 3": CnnConfig(batch_norm=False), "row 4": CnnConfig()}  # 64 channels, dense 512
ADAM = Adam()  # of every thesis row: 1e-4, 0.9, 0.999, epsilon 1e-6
FIRST_EPSILON = ADAM.epsilon * math.sqrt(1 - ADAM.beta2)  # for Keras, to take torch's first step
LOSS_TOLERANCE = 1e-5  # of losses around 1, in float32
WEIGHT_TOLERANCE = 1e-5  # a tenth of a step, where a gradient is near epsilon and its rounding counts

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras on NumPy 2
    pytest.mark.slow,
]


def stored_patches() -> NDArray[np.float16]:
    """(patch, frame, mel) as the store of the parity front end keeps them."""
    rng = np.random.default_rng(1)
    return rng.uniform(-80.0, 0.0, (BATCH, FRAMES, MELS)).astype(np.float16)


def targets() -> Floats:
    return np.random.default_rng(2).standard_normal((BATCH, OUTPUTS)).astype(np.float32)


def network(config: CnnConfig) -> nn.Sequential:
    """Ours, with an output layer near zero (at zero it would pass no gradient on) and batch norms of both signs."""
    torch.manual_seed(3)
    cnn = Cnn(config, mels=MELS, frames=FRAMES, outputs=OUTPUTS, zero_output=False)
    signs_mixed(cnn)
    with torch.no_grad():
        cnn.output.weight.mul_(0.1)  # losses around 1, as in training
    for convolution in cnn.convolutions:
        nn.init.uniform_(convolution.bias, -0.5, 0.5)  # type: ignore[arg-type]
    front = PatchInput(torch.full((MELS,), MEAN_DB), torch.full((MELS,), STD_DB), offset_db=0.0, step_db=1.0)
    return nn.Sequential(front, cnn)


def same_in_keras(ours: Cnn) -> Any:
    """The network in Keras' layers and order, with the weights of ours."""
    model = keras.Sequential([keras.Input((MELS, FRAMES, 1))])
    for block, (channels, pool) in enumerate(zip(ours.config.channels, ours.config.pools, strict=True)):
        model.add(keras.layers.Conv2D(channels, 3, padding="same", name=f"convolution{block}"))
        if ours.norms is not None:
            norm = ours.norms[block]
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.momentum is not None
            model.add(
                keras.layers.BatchNormalization(momentum=1 - norm.momentum, epsilon=norm.eps, name=f"norm{block}")
            )
        model.add(keras.layers.ELU(alpha=1.0))
        model.add(keras.layers.MaxPooling2D(pool))
    model.add(keras.layers.Flatten())
    for layer, width in enumerate(ours.config.dense):
        model.add(keras.layers.Dense(width, activation="elu", name=f"dense{layer}"))
    model.add(keras.layers.Dense(OUTPUTS, name="output"))
    for name, arrays in weights_of(ours).items():
        model.get_layer(name).set_weights(arrays)
    return model


def weights_of(ours: Cnn) -> dict[str, list[Floats]]:
    """Our weights in the shapes and the order of Keras' layers."""
    found: dict[str, list[Floats]] = {}
    for block, convolution in enumerate(ours.convolutions):
        assert isinstance(convolution, nn.Conv2d)
        kernel = numbers(convolution.weight).transpose(2, 3, 1, 0)  # (mel, frame, in, out)
        found[f"convolution{block}"] = [kernel, numbers(convolution.bias)]
        if ours.norms is not None:
            norm = ours.norms[block]
            found[f"norm{block}"] = [
                numbers(getattr(norm, name)) for name in ("weight", "bias", "running_mean", "running_var")
            ]
    channels = ours.config.channels[-1]
    mel, frame = (
        size // math.prod(pool[axis] for pool in ours.config.pools) for axis, size in enumerate((MELS, FRAMES))
    )
    for number, layer in enumerate([*ours.hidden, ours.output]):
        assert isinstance(layer, nn.Linear)
        weight = numbers(layer.weight)  # (out, in)
        if number == 0:  # flattened over (channel, mel, frame) by us, over (mel, frame, channel) by Keras
            weight = weight.reshape(-1, channels, mel, frame).transpose(0, 2, 3, 1).reshape(len(weight), -1)
        found[f"dense{number}" if number < len(ours.hidden) else "output"] = [weight.T, numbers(layer.bias)]
    return found


def numbers(tensor: Any) -> Floats:
    array: Floats = tensor.detach().cpu().contiguous().numpy().copy()
    return array


def keras_input() -> Floats:
    """What our input layer makes of the stored patches, (patch, mel, frame, channel)."""
    x: Floats = ((stored_patches().astype(np.float32) - MEAN_DB) / STD_DB).transpose(0, 2, 1)[..., None]
    return x


def one_step(ours: nn.Sequential, config: CnnConfig) -> tuple[float, nn.Sequential]:
    """Our training loop over one epoch of one batch: the loss before the step, and the network behind it."""
    everything, frames = np.arange(BATCH), stored_patches().reshape(-1, MELS)
    lengths = np.full(BATCH, FRAMES)
    ids = IdMap(f"{row:02}" for row in range(BATCH))
    store = MelStore(ids, everything * FRAMES, lengths, FRAMES, ENCODINGS["parity"], (frames,))
    plain = Scaling("standard", np.zeros(OUTPUTS, np.float32), np.ones(OUTPUTS, np.float32))
    device = torch.device("cpu")
    goal = Regression(TrainingData.of_factors(targets(), targets()), plain, device)
    stage = Stage("patches", config, Mse(), adam=ADAM, batch_size=BATCH, epochs=1, precision="float32")
    trained = copy.deepcopy(ours)
    loop = Loop(Setup(stage, 1, 0, trained, PatchSource(store), everything, everything, goal, device))
    saved: list[dict[str, NDArray[Any]]] = []
    loop.run(save=lambda at: saved.append(at.snapshot()[1]), checkpoint_s=math.inf)
    behind = {name.removeprefix("model."): array for name, array in saved[-1].items() if name.startswith("model.")}
    load_arrays(trained, behind)  # whether or not that epoch was the best
    return loop.position.history[1]["train_loss"], trained


def loss_of(ours: nn.Sequential) -> float:
    """In training mode, on a copy that keeps its running statistics to itself."""
    output = copy.deepcopy(ours).train()(torch.from_numpy(stored_patches()))
    return nn.functional.mse_loss(output, torch.from_numpy(targets())).item()


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("training", [False, True])
def test_the_same_function(row: str, *, training: bool) -> None:
    ours = network(ROWS[row]).train(training)
    model = same_in_keras(ours[1])  # type: ignore[arg-type]
    theirs = keras.ops.convert_to_numpy(model(keras_input(), training=training))
    with torch.no_grad():
        np.testing.assert_allclose(numbers(ours(torch.from_numpy(stored_patches()))), theirs, rtol=1e-4, atol=1e-5)
    assert theirs.std() > 0.05


@pytest.mark.parametrize("row", ROWS)
def test_one_step_of_training_is_the_same(row: str) -> None:
    """Losses before and behind it, every weight, and the running statistics."""
    ours = network(ROWS[row])
    before = weights_of(ours[1])  # type: ignore[arg-type]
    model = same_in_keras(ours[1])  # type: ignore[arg-type]
    model.compile(optimizer=keras_adam(FIRST_EPSILON), loss="mse", jit_compile=False)
    their_loss = float(model.train_on_batch(keras_input(), targets()))
    our_loss, trained = one_step(ours, ROWS[row])
    assert our_loss == pytest.approx(their_loss, abs=LOSS_TOLERANCE)
    for name, arrays in weights_of(trained[1]).items():  # type: ignore[arg-type]
        for place, (mine, theirs) in enumerate(zip(arrays, model.get_layer(name).get_weights(), strict=True)):
            old = before[name][place]
            if name.startswith("norm") and place == 3:
                mine = with_biased_variance(mine, old, block=int(name[-1]))
            if not name.startswith("norm") or place < 2:
                assert np.abs(mine - old).max() < 1.001 * ADAM.learning_rate
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=WEIGHT_TOLERANCE, err_msg=f"{name} {place}")
            assert name.startswith("norm") or np.abs(mine - theirs).mean() < WEIGHT_TOLERANCE / 10
    their_next = float(model.train_on_batch(keras_input(), targets()))  # the loss is that before its step
    assert loss_of(trained) == pytest.approx(their_next, abs=LOSS_TOLERANCE)
    assert our_loss - loss_of(trained) > 100 * LOSS_TOLERANCE


def with_biased_variance(ours: Floats, old: Floats, *, block: int) -> Floats:
    """Our running variance had Keras' divisor been used: the mean over n positions, where torch divides by n - 1."""
    pools = CnnConfig().pools[:block]
    n = BATCH * MELS * FRAMES // math.prod(mel * frame for mel, frame in pools)
    return (0.9 * old + (ours - 0.9 * old) * (n - 1) / n).astype(np.float32)


def keras_adam(epsilon: float) -> Any:
    return keras.optimizers.Adam(ADAM.learning_rate, beta_1=ADAM.beta1, beta_2=ADAM.beta2, epsilon=epsilon)


@pytest.mark.parametrize("step", [1, 2, 50])
def test_where_adam_puts_epsilon(step: int) -> None:
    """After t steps of one gradient, g: torch moves by lr g / (|g| + e) a step, Keras by that of e / sqrt(1 - b2^t)."""
    gradient = np.array([1.0, -1e-2, 1e-4, -1e-6, 1e-8], np.float32)
    weight = torch.zeros(5, requires_grad=True)
    beta = (ADAM.beta1, ADAM.beta2)
    ours = torch.optim.AdamW(
        [weight], ADAM.learning_rate, beta, ADAM.epsilon, weight_decay=0.0, fused=True
    )  # the loop's
    theirs, variable = keras_adam(ADAM.epsilon), keras.Variable(np.zeros(5, np.float32))
    expected = np.zeros((2, 5))
    for t in range(1, step + 1):
        weight.grad = torch.from_numpy(gradient)
        ours.step()
        theirs.apply([torch.from_numpy(gradient)], [variable])
        for row, epsilon in enumerate((ADAM.epsilon, ADAM.epsilon / math.sqrt(1 - ADAM.beta2**t))):
            expected[row] -= ADAM.learning_rate * gradient / (np.abs(gradient) + epsilon)
    np.testing.assert_allclose(numbers(weight), expected[0], rtol=1e-4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected[1], rtol=1e-4)
