"""The LSTM network against the equations of Hochreiter & Schmidhuber, frame by frame in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

from tests.models.plain import plain_rnn
from unheard.arrays import Doubles
from unheard.models.rnn import Rnn, RnnConfig


def _sigmoid(x: Doubles) -> Doubles:
    out: Doubles = 1 / (1 + np.exp(-x))
    return out


def _lstm(x: Doubles, w_x: Doubles, w_h: Doubles, bias: Doubles) -> Doubles:
    """(frame, in) -> (frame, units); gates stand in the order input, forget, cell, output."""
    units = len(w_h) // 4
    h, c, out = np.zeros(units), np.zeros(units), []
    for frame in x:
        i, f, g, o = np.split(w_x @ frame + w_h @ h + bias, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.stack(out)


@pytest.mark.parametrize("summary", ["flatten", "moments"])
def test_forward_is_the_published_recurrence(summary: str) -> None:
    config = RnnConfig(layers=(5, 3), dense=(4,), summary="flatten" if summary == "flatten" else "moments")
    torch.manual_seed(0)
    network = Rnn(config, mels=6, frames=7, outputs=2, zero_output=False).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.uniform_(0.5, 2.0)
    x = torch.randn(3, 1, 6, 7)
    weights = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}

    def norm(name: str, values: Doubles) -> Doubles:
        spread = np.sqrt(weights[f"{name}.running_var"] + 1e-5)
        scaled = (values - weights[f"{name}.running_mean"]) / spread * weights[f"{name}.weight"]
        out: Doubles = scaled + weights[f"{name}.bias"]
        return out

    for patch, output in zip(x.double().numpy(), network(x).detach().numpy(), strict=True):
        frames = norm("channel_norm", patch[0].T)  # (frame, mel)
        for layer in range(2):
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            w_x, w_h, b_x, b_h = (weights[f"recurrent.{layer}.{name}"] for name in names)
            frames = norm(f"norms.{layer}", _lstm(frames, w_x, w_h, b_x + b_h))
        flat = frames.ravel()
        if summary == "moments":
            flat = np.concatenate([frames.mean(0), np.sqrt(frames.var(0) + 1e-5), frames.max(0)])
        hidden = weights["hidden.0.weight"] @ flat + weights["hidden.0.bias"]
        hidden = np.where(hidden > 0, hidden, np.expm1(hidden))
        expected = weights["output.weight"] @ hidden + weights["output.bias"]
        np.testing.assert_allclose(output, expected, atol=1e-5)


def test_with_moments_any_length_has_the_same_weights() -> None:
    config = RnnConfig(layers=(4,), dense=(3,), summary="moments")
    network = Rnn(config, mels=6, frames=7, outputs=2, zero_output=False).eval()
    assert network(torch.zeros(1, 1, 6, 500)).shape == (1, 2)


def test_a_training_step_is_that_of_the_plain_order() -> None:
    """Outputs, gradients and running statistics."""
    found = []
    for forward in (plain_rnn, Rnn.__call__):
        torch.manual_seed(0)
        network = Rnn(RnnConfig(layers=(5, 3), dense=(4,)), mels=6, frames=7, outputs=2, zero_output=False)
        output = forward(network, torch.randn(8, 1, 6, 7))
        mse_loss(output, torch.randn(8, 2)).backward()
        buffers = {name: value for name, value in network.named_buffers() if "running" in name}
        found.append({name: weight.grad for name, weight in network.named_parameters()} | buffers | {"output": output})
    torch.testing.assert_close(found[1], found[0], atol=1e-6, rtol=1e-4)
