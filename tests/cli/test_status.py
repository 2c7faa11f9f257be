"""`unheard status` names the next command that works, from an empty workspace to recommendations and to figures."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.builders.command_line import RECIPE, Ran, Run
from unheard.cli.status import AUDIO, PLAYLISTS
from unheard.demo.generator import build_world
from unheard.errors import quoted

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """21 audio files, their tracks.csv and playlists.csv, in a folder whose name a shell has to quote."""
    out = tmp_path_factory.mktemp("status") / "a world"
    build_world(out, n_bands=7, n_tracks=21, n_playlists=60, seconds=3.0, jobs=1)
    return out


def walk(world: Path, workspace: Path, run: Run) -> list[str]:
    """Do what `status` says until it says the same again; return the commands' names."""
    done: list[str] = []
    while len(done) < 9:
        printed = json.loads(run("status", "-w", workspace, "--json").stdout)["next"]
        program, *words = shlex.split(printed)
        assert program == "unheard"
        own = {AUDIO: world / "tracks.csv", PLAYLISTS: world / "playlists.csv"}
        ran: Ran = run(*(own.get(word, word) for word in words))
        assert ran.code == 0, (printed, ran)
        if done and words[0] == done[-1]:
            return done
        done.append(words[0])
    raise AssertionError(done)


def test_status_leads_from_nothing_to_recommendations_and_to_figures(small_world: Path, run: Run) -> None:
    w = small_world / "w"
    assert run("init", "-w", w).code == 0
    assert walk(small_world, w, run) == ["scan", "import", "split", "factors", "train", "recommend"]
    state = json.loads(run("status", "-w", w, "--json").stdout)
    assert list(state["models"]) == ["live"]
    recommended = run(*shlex.split(state["next"])[1:], "--json")
    assert json.loads(recommended.stdout)

    printed = run("evaluate", "-w", w)  # nothing but baselines: it says so, and how to train what may be measured
    command = f"unheard train -w '{w}' --split artists"
    assert (
        f"no model is trained on split 'artists', only on 'live': blend; to evaluate one, run `{command}`"
        in printed.stderr
    )
    assert "blend" not in printed.stdout
    named = run("evaluate", "-w", w, "--model", "blend").error
    assert "model 'blend' is not trained on split 'artists', only on 'live': blend; run `unheard train" in named
    assert state["evaluation"] == command
    (small_world / "tiny.toml").write_text(RECIPE)  # quicker than the default model
    assert run(*shlex.split(command)[1:], small_world / "tiny.toml").code == 0
    figures = run(*shlex.split(json.loads(run("status", "-w", w, "--json").stdout)["evaluation"])[1:])
    assert "tiny" in figures.stdout
    assert "only baselines" not in figures.stderr


def test_after_a_kill_between_two_stages_status_names_the_one_that_is_missing(small_world: Path, run: Run) -> None:
    """A model is older than its factors, or factors older than their split; lists from them are refused."""
    w = small_world / "w"
    assert run("factors", "-w", w, "--dim", 5, "--iterations", 2).code == 0
    refused = run("recommend", "-w", w, "--playlist", "p01")
    assert f"run `unheard train -w {quoted(w)} --split live blend`" in refused.error
    assert json.loads(run("status", "-w", w, "--json").stdout)["next"] == f"unheard train -w '{w}' --split live blend"
    assert walk(small_world, w, run) == ["train", "recommend"]
    assert run("split", "-w", w, "--seed", 3, "--force").code == 0
    assert walk(small_world, w, run)[0] == "factors"
