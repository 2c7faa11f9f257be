"""Our dropout for CPUs: the law of `functional.dropout`."""

from __future__ import annotations

import pytest
import torch

from unheard.models.rankers.tower import dropout


@pytest.mark.parametrize("probability", [0.2, 0.3, 0.5])
def test_values_are_dropped_at_the_rate_and_the_mean_is_kept(probability: float) -> None:
    torch.manual_seed(0)
    x = torch.full((1001, 333), 2.0, requires_grad=True)
    y = dropout(x, probability, training=True)
    assert float((y == 0).float().mean()) == pytest.approx(probability, abs=0.004)
    assert float(y.detach().mean()) == pytest.approx(2, abs=0.01)
    assert float((y == 0).float().mean(dim=0).std()) == pytest.approx(
        (probability * (1 - probability) / 1001) ** 0.5, rel=0.1
    )
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad * 2, y.detach())


def test_nothing_is_dropped_when_it_ranks_or_at_rate_0_and_all_at_rate_1() -> None:
    x = torch.randn(5, 3)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0, training=True) is x
    assert not dropout(x, 1.0, training=True).any()


def test_the_same_seed_drops_the_same() -> None:
    x = torch.ones(50, 7)
    torch.manual_seed(3)
    once = dropout(x, 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(once, dropout(x, 0.5, training=True))
