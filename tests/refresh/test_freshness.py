"""The rule that holds tracks of recent refreshes back: laws over made-up rankings, and a hand-worked example."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.errors import UserError
from unheard.refresh.freshness import (
    MAX_RUNS,
    Refreshed,
    RefreshRun,
    forget_refreshed,
    fresh_list,
    read_refreshed,
    write_refreshed,
)
from unheard.workspace import Settings, Workspace


def ranking(candidates: list[str], n: int) -> Callable[[Collection[str]], list[str]]:
    """Return a function that lists the first n candidates without those held back."""
    return lambda held: [one for one in candidates if one not in held][:n]


def test_by_hand() -> None:
    """Six candidates, lists of 2, the last two lists are held back: each is listed before one returns."""
    candidates = list("abcdef")
    runs: list[list[str]] = []
    for _ in range(5):
        runs.append(fresh_list(ranking(candidates, 2), runs[-2:], 2))
    assert runs == [["a", "b"], ["c", "d"], ["e", "f"], ["a", "b"], ["c", "d"]]


def test_as_few_as_needed_are_released_the_oldest_and_best_first() -> None:
    """Two of five are free (d, e); of the older run b is better than c, and the newer run (a) stays held."""
    assert fresh_list(ranking(list("abcde"), 3), [["b", "c"], ["a"]], 3) == ["b", "d", "e"]
    assert fresh_list(ranking(list("abcde"), 4), [["b", "c"], ["a"]], 4) == ["b", "c", "d", "e"]
    assert fresh_list(ranking(list("abcde"), 9), [["b", "c"], ["a"]], 9) == list("abcde")


def test_a_track_of_two_runs_counts_as_the_newer_one() -> None:
    assert fresh_list(ranking(list("abc"), 1), [["a", "b"], ["c"], ["a"]], 1) == ["b"]


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 4), st.integers(1, 8))
def test_laws(n: int, n_candidates: int, hold_back: int, n_runs: int) -> None:
    candidates = [f"t{number}" for number in range(n_candidates)]
    runs: list[list[str]] = []
    for _ in range(n_runs):
        held = runs[-hold_back:] if hold_back else []
        made = fresh_list(ranking(candidates, n), held, n)
        assert len(made) == len(set(made)) == min(n, n_candidates)
        assert made == sorted(made, key=candidates.index)  # released tracks are ranked as others
        repeated = set(made) & {one for run in held for one in run}
        free = n_candidates - len({one for run in held for one in run})
        assert len(repeated) == max(0, min(n, n_candidates) - free)
        runs.append(made)
    if n_candidates >= n * (hold_back + 1):
        last = [one for run in runs[-hold_back - 1 :] for one in run]
        assert len(last) == len(set(last))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w", Settings())


def test_what_was_refreshed_is_stored(workspace: Workspace) -> None:
    refreshed = Refreshed([RefreshRun("2026-01-01T01:00:00+00:00", ("a", "b"))], {"saved": "mornings"})
    assert read_refreshed(workspace, "mornings") == Refreshed()
    write_refreshed(workspace, "mornings", refreshed)
    assert read_refreshed(workspace, "mornings") == refreshed
    forget_refreshed(workspace, "mornings")
    assert read_refreshed(workspace, "mornings") == Refreshed()


def test_old_runs_are_dropped(workspace: Workspace) -> None:
    runs = [RefreshRun(f"at {number}", (str(number),)) for number in range(MAX_RUNS + 5)]
    write_refreshed(workspace, "a", Refreshed(runs))
    assert read_refreshed(workspace, "a").runs == runs[5:]


@pytest.mark.parametrize("content", ["", "[]", '{"format": "x"}', '{"format": "unheard refreshed list", "version": 9}'])
def test_a_damaged_file_is_refused_and_not_taken_for_a_new_list(workspace: Workspace, content: str) -> None:
    path = workspace.root / "refreshed" / "a.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(UserError, match=r"a\.json: damaged .*; delete it, and the next list may repeat tracks"):
        read_refreshed(workspace, "a")
    assert read_refreshed(workspace, "b") == Refreshed()
