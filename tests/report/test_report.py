"""The stage as a whole: the page, its files, and the messages when something is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders.reported_world import HOSTILE, Reported
from unheard import open as open_session
from unheard.errors import UserError
from unheard.evaluate.result_tables import Table
from unheard.factors.store import load_factors
from unheard.report.report import write_report
from unheard.report.report_data import load_report_data
from unheard.report.sections.networks import MAX_HISTORIES, networks
from unheard.report.sections.quality import word_columns
from unheard.report.trained_networks import History
from unheard.splits import Use
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

LINES = '{{"title": "", "x": [0, 1], "x_label": "", "y_label": "", "lines": {{"a": {}}}, "chance": 0, "oracle": 1}}'


def test_every_figure_of_the_thesis_is_there(reported: Reported) -> None:
    for number in ("3.4", "3.5", "4.1", "4.2", "4.3", "5.2", "6.1", "A.1"):
        assert f"hesis figure {number}" in reported.html, number
    names = {path.name for path in (reported.written.page.parent / "figures").iterdir()}
    assert names >= {
        "spectrogram.png", "windows.png", "input-levels.svg", "factor-distribution.svg", "scalings.png",
        "outputs-cnn.png", "filters-cnn.png", "outputs-cnn1d.png", "filters-cnn1d.png", "history-tiny.svg",
        "history-sliding.svg", "long-tail.svg", "hubs.svg", "artists-recall-at-20.svg", "elbow-trial.svg",
    }  # fmt: skip
    assert len(names) == reported.written.n_figures
    assert len(reported.html) < 5_000_000


def test_nothing_outside_is_named(reported: Reported) -> None:
    """Beside text: every source of a figure is inside the page, every source of a player is a local file."""
    sources = re.findall(r'(?:src|href)="([^"]{0,12})', reported.html)
    assert {source.partition(":")[0] for source in sources if not source.startswith("#")} == {"data", "file"}
    assert "<script>window" not in reported.html
    assert reported.html.count("<script>") == 1


def test_a_demo_says_that_its_listeners_are_simulated(reported: Reported, bare: Workspace, tmp_path: Path) -> None:
    words = "The listeners are simulated."
    assert words in reported.html
    assert words not in write_report(bare, tmp_path / "a").page.read_text(encoding="utf-8")
    assert words in write_report(bare, tmp_path / "b", listeners="simulated").page.read_text(encoding="utf-8")


def test_the_same_workspace_gives_the_same_files(
    world_workspace: Workspace, reported: Reported, tmp_path: Path
) -> None:
    again = write_report(world_workspace, tmp_path / "again", seed_tracks=[reported.seed])
    assert again.page.read_text(encoding="utf-8") == reported.html
    for path in (reported.written.page.parent / "figures").iterdir():
        assert (again.page.parent / "figures" / path.name).read_bytes() == path.read_bytes(), path.name


def test_without_models_and_files_it_says_so(bare: Workspace, tmp_path: Path) -> None:
    html = write_report(bare, tmp_path / "report").page.read_text(encoding="utf-8")
    for words in (
        "No model has been trained yet",
        "No convolutional network has been trained",
        "has not been measured yet",
        "no audio file could be read",
        "only the stored spectrogram is shown",
    ):
        assert words in html, words
    assert "<audio" not in html


def test_experiments_are_shown_as_tables(reported: Reported) -> None:
    assert "Two rows" in reported.html
    assert "What <code>it</code> was." in reported.html
    assert "900 with 16 tones, 300 at the corner of 64, 200 with 256" in reported.html
    assert HOSTILE not in reported.html


def test_many_histories_become_small_panels(world_workspace: Workspace) -> None:
    found = load_report_data(world_workspace)
    sliding = next(item for item in found.histories if item.recipe == "sliding")
    many = tuple(replace(sliding, recipe=f"recipe-{number}") for number in range(MAX_HISTORIES + 1))

    def names(histories: tuple[History, ...]) -> list[str]:
        pictures = networks(replace(found, histories=histories)).pictures
        return [picture.name for picture in pictures if "histor" in picture.name]

    assert names(many) == ["histories"]
    assert names(many[1:]) == [f"history-{item.recipe}" for item in many[1:]]


def test_names_stand_left_and_numbers_right() -> None:
    table = Table(
        "t", ["#", "name", "x", ""], [["", "chance", ".1", ""], ["1", "18 s", "2", ""], ["2", "rnn", "3", "b"]]
    )
    assert word_columns(table) == 2
    assert word_columns(Table("t", ["k", "", "x"], [["16", "", "1"]])) == 1


def test_lists_are_those_of_similar(world_workspace: Workspace, reported: Reported) -> None:
    found = load_report_data(world_workspace, seed_tracks=[reported.seed])
    (seed,) = found.seeds
    assert [column.model for column in seed.lists] == ["oracle", "sliding", "tiny"]
    true = {item.track.track_id for item in seed.lists[0].tracks}
    for column in seed.lists:
        ids, _ = open_session(world_workspace.root, model=column.model).similar(reported.seed, n=10)
        assert [item.track.track_id for item in column.tracks] == ids
        if column.model != "oracle":
            assert {item.track.track_id for item in column.tracks if item.hit} == true & set(ids)
            assert column.hits == len(true & set(ids))


def test_default_seeds_are_well_played_test_tracks_of_two_artists(world_workspace: Workspace) -> None:
    found = load_report_data(world_workspace)
    played = found.library.playlists_per_track
    tests = found.catalogue.use == Use.TEST
    rows = [found.catalogue.track_row(seed.seed.track.track_id) for seed in found.seeds]
    assert len(rows) == 2
    assert tests[rows].all()
    assert played[rows[0]] == played[tests].max()
    assert found.catalogue.main_artist[rows[0]] != found.catalogue.main_artist[rows[1]]


def test_sizes_of_splits_add_up(world_workspace: Workspace) -> None:
    stock = load_report_data(world_workspace).library
    assert {size.name for size in stock.splits} >= {"tracks", "artists"}
    for size in stock.splits:
        assert sum(size.tracks.values()) == stock.counts["tracks"]
    (artists,) = (size for size in stock.splits if size.name == "artists")
    assert sum(artists.artists.values()) == stock.n_artists  # nobody is on two sides
    assert sum(len(failures) for _, failures in stock.failures) == stock.counts["failures"] == 5


def test_hubs_count_every_place_of_every_list(world_workspace: Workspace) -> None:
    hubs = load_report_data(world_workspace).hubs
    assert hubs is not None
    for counts in hubs.counts.values():
        assert counts.sum() == hubs.length * hubs.n_candidates
    assert set(hubs.counts) == {"oracle", "sliding", "tiny", "random"}


def test_levels_are_normalised_as_training_does(bare: Workspace) -> None:
    levels = load_report_data(bare).levels
    assert levels is not None
    assert abs(float(levels.after.mean())) < 0.1
    assert abs(float(levels.after.std()) - 1) < 0.1


def test_models_narrow_the_page(world_workspace: Workspace) -> None:
    found = load_report_data(world_workspace, models=["sliding"])
    part = load_report_data(world_workspace, models=["sliding:factors"])
    assert part.models == ("sliding:factors",)
    assert [one.recipe for one in part.histories] == [one.recipe for one in found.histories]
    assert [history.recipe for history in found.histories] == ["sliding"]
    assert [item.family for item in found.convolutions] == ["cnn1d"]
    assert {column.model for seed in found.seeds for column in seed.lists} == {"oracle", "sliding"}


def test_train_factors_are_the_warm_ones(bare: Workspace) -> None:
    found = load_report_data(bare)
    train = found.catalogue.use == Use.TRAIN
    assert np.array_equal(found.train_factors, load_factors(bare, "artists").tracks[train])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"models": ["magic"]}, "no model 'magic'"),
        ({"seed_tracks": ["nobody"]}, "no track 'nobody'"),
        ({"split": "nothing"}, "no split 'nothing'"),
    ],
)
def test_wrong_names(bare: Workspace, tmp_path: Path, options: dict, says: str) -> None:
    with pytest.raises(UserError, match=says):
        write_report(bare, tmp_path / "report", **options)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("results/artists.json", "[{}]", "unheard evaluate"),
        ("results/artists.json", "{", "unheard evaluate"),
        ("results/artists.json", "7", "unheard evaluate"),
        ("experiments/x.json", "{", "not a JSON file"),
        ("experiments/x.json", '{"title": "", "about": "", "tables": [{}]}', "columns and rows"),
        ("experiments/x.json", '{"title": "", "about": "", "tables": 3}', "columns and rows"),
        (
            "experiments/x.json",
            '{"title": "", "about": "", "tables": [{"title": "t", "columns": ["a"], "rows": [[1, 2]]}]}',
            "expected 1 cells",
        ),
        *(
            (
                "experiments/x.json",
                f'{{"title": "", "about": "", "tables": [], "findings": {findings}}}',
                "an elbow of k",
            )
            for findings in (
                '{"elbow": 3, "corner": 4}',
                '{"elbow": [{"k": 4}], "corner": 4}',
                '{"elbow": [{"k": 4, "distance": 1}], "corner": 5}',
                '{"elbow": [{"k": 0, "distance": 1}], "corner": 0}',
                '{"elbow": [{"k": 4, "distance": 1}]}',
            )
        ),
        *(
            (
                "experiments/x.json",
                f'{{"title": "", "about": "", "tables": [], "curves": {curves}}}',
                "expected curves of x and lines",
            )
            for curves in (
                "3",
                "[{}]",
                f"[{LINES}]".format("[[1, 0, 2]]"),  # one point for two x
                f"[{LINES}]".format("[[1, 0], [1, 0]]"),
            )
        ),
        ("models/artists/x/history.json", "{}", "train the model again"),
        ("models/artists/x/history.json", '{"stages": [{"loss": "Mse", "epochs": [3]}]}', "train the model again"),
    ],
)
def test_damaged_files_are_named(bare: Workspace, tmp_path: Path, name: str, content: str, says: str) -> None:
    copy = Path(shutil.copytree(bare.root, tmp_path / "copy"))
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        write_report(Workspace.open(copy), tmp_path / "report")
    assert name in str(caught.value)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ["torch", "matplotlib", "jinja2", "sklearn", "av", "pyarrow"]
    code = f"import sys, unheard.report.report; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_file_is_no_folder(bare: Workspace, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(UserError, match="is a file"):
        write_report(bare, tmp_path / "report")
