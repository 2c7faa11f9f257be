"""Buckets of tries: hand-worked, with a clock that stands still."""

from __future__ import annotations

import pytest

from unheard.serve import attempts
from unheard.serve.attempts import Attempts, address_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_and_then_one_in_every_interval(clock: Clock) -> None:
    tries = Attempts(3, 10.0, clock=clock)
    assert [tries.take("a") for _ in range(5)] == [0, 0, 0, 10, 10]
    assert tries.take("b") == 0
    clock.now = 4.0
    assert tries.wait_s("a") == 6
    clock.now = 10.0
    assert [tries.take("a") for _ in range(2)] == [0, 10]
    clock.now = 1000.0
    assert [tries.take("a") for _ in range(4)] == [0, 0, 0, 10]  # never more than the burst


def test_a_wrong_secret_counts_once(clock: Clock) -> None:
    tries = Attempts(2, 10.0, clock=clock)
    for _ in range(5):
        tries.failed("a", "old token")
    assert tries.wait_s("a") == 0
    tries.failed("a", "another")
    assert tries.wait_s("a") == 10
    assert tries.wait_s("b") == 0


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_ADDRESSES", 10)
    tries = Attempts(1, 10.0, clock=clock)
    for number in range(1000):
        tries.take(f"{number}")
    assert len(tries._buckets) == 10
    for number in range(1000):
        tries.failed("a", str(number))
    assert len(tries._buckets["a"].wrong) == attempts.MAX_WRONG


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 1), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 1), "::ffff:192.0.2.7"),
        (("unix", 0), "unknown"),
        (("x" * 60_000, 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_whom_a_request_is_counted_for(client: tuple[str, int] | None, expected: str) -> None:
    assert address_of({"type": "http", "client": client}) == expected
