"""Results that several threads ask for are computed once; errors are nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from unheard.serve.cache import Cache


def in_thread(run: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_thread_waits_for_what_another_one_computes() -> None:
    cache, computed, found, threads = Cache(), [], [], list[threading.Thread]()

    def second() -> object:
        computed.append("second")
        return object()

    def first() -> object:
        computed.append("first")
        threads.append(in_thread(lambda: found.append(cache.get("key", second))))
        threads[0].join(timeout=0.3)
        assert threads[0].is_alive()  # it waits
        assert cache.get("another key", lambda: 7) == 7
        return object()

    result = cache.get("key", first)
    threads[0].join(timeout=30)
    assert computed == ["first"]
    assert found == [result]


def test_after_an_error_the_waiting_thread_computes() -> None:
    cache, found, threads = Cache(), [], list[threading.Thread]()

    def fails() -> object:
        threads.append(in_thread(lambda: found.append(cache.get("key", lambda: "second"))))
        threads[0].join(timeout=0.3)
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        cache.get("key", fails)
    threads[0].join(timeout=30)
    assert found == ["second"]
    assert cache.get("key", fails) == "second"


def test_old_results_go_when_there_is_too_much_unless_sizes_do_not_count() -> None:
    bounded, unbounded = Cache(max_bytes=1_000), Cache(max_bytes=None)
    for cache in (bounded, unbounded):
        for number in range(3):
            cache.get(number, lambda: bytes(900))
    assert len(bounded) == 1
    assert len(unbounded) == 3
