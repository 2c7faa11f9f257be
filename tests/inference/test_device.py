"""UNHEARD_BF16 decides the precision, whatever the processor has."""

from __future__ import annotations

import pytest
import torch

from unheard.errors import UserError
from unheard.inference.device import autocast, native_bf16, uses_bf16

CPU = torch.device("cpu")


@pytest.mark.parametrize(("choice", "expected"), [("on", torch.bfloat16), ("off", torch.float32)])
def test_the_switch_overrides_the_processor(
    monkeypatch: pytest.MonkeyPatch, choice: str, expected: torch.dtype
) -> None:
    monkeypatch.setenv("UNHEARD_BF16", choice)
    matrix = torch.ones(4, 4)
    with autocast(CPU, "auto"):
        assert (matrix @ matrix).dtype == expected
    with autocast(CPU, "float32"):
        assert (matrix @ matrix).dtype == torch.float32


@pytest.mark.parametrize("choice", [None, "auto"])
def test_without_the_switch_the_processor_decides(monkeypatch: pytest.MonkeyPatch, choice: str | None) -> None:
    monkeypatch.delenv("UNHEARD_BF16", raising=False)
    if choice is not None:
        monkeypatch.setenv("UNHEARD_BF16", choice)
    assert uses_bf16(CPU) == native_bf16(CPU)


def test_another_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_BF16", "yes")
    with pytest.raises(UserError, match="UNHEARD_BF16: expected auto, on or off, found 'yes'"):
        uses_bf16(CPU)
