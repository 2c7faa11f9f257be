"""The commands of `unheard cluster`, on the session of the other tests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.dataset as pads
import pytest

from tests.builders.command_line import RECIPE, run_command
from tests.cluster.standalone import Cluster
from unheard.cluster.spark import over_ranges, spark_session
from unheard.errors import UnheardError, UserError
from unheard.library import open_library
from unheard.run_records import read_runs
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_one_command_after_another(
    spark: SparkSession, two_workers: Cluster, workspace: Workspace, audio_world: Path, tmp_path: Path
) -> None:
    w, master, out = workspace.root, ("--master", two_workers.master), tmp_path / "lists.parquet"
    scanned = run_command("cluster", "scan", "-w", w, audio_world / "tracks.csv", *master)
    assert (scanned.code, "42 unchanged" in scanned.stderr) == (0, True), scanned
    embedded = run_command("cluster", "embed", "-w", w, "--model", "small", "--split", "artists", *master)
    assert (embedded.code, "nothing has changed" in embedded.stderr) == (0, True), embedded
    lists = ("--model", "small", "--split", "artists", "--out", out, "-k", 3)
    listed = run_command("cluster", "recommend", "-w", w, *lists, *master)
    assert (listed.code, "rows" in listed.stderr) == (0, True), listed
    assert pads.dataset(out, format="parquet").count_rows() > 0
    with open_library(workspace.library_path) as library:
        set_thumb(workspace, library.tracks().ids[0], "up")
    fitted = run_command("cluster", "factors", "-w", w, "--split", "artists", "--dim", 4, "--iterations", 2, *master)
    assert (fitted.code, "artists: 4 factors" in fitted.stderr) == (0, True), fitted
    assert "My likes: 1 tracks" in fitted.stderr  # as `unheard factors` does
    stale = run_command("cluster", "recommend", "-w", w, *lists, *master)
    assert "were computed again" in stale.error


def test_a_training_is_recorded_and_calibrated_as_a_local_one(
    spark: SparkSession, two_workers: Cluster, workspace: Workspace, tmp_path: Path
) -> None:
    recipe = tmp_path / "parallel.toml"
    recipe.write_text(RECIPE.replace("tiny", "parallel"))
    here = Workspace.open(Path(shutil.copytree(workspace.root, tmp_path / "here")))
    local = run_command("train", "-w", here.root, recipe, "--split", "live")
    words = ("-w", workspace.root, recipe, "--split", "live", "--master", two_workers.master)
    trained = run_command("cluster", "train", *words)
    assert (local.code, trained.code) == (0, 0), (local, trained)
    theirs, ours = ({path.name for path in one.model_dir("live", "parallel").iterdir()} for one in (here, workspace))
    assert theirs == ours
    calibration = [line for line in local.stderr.splitlines() if "calibrated" in line]
    assert [line for line in trained.stderr.splitlines() if "calibrated" in line] == calibration
    assert "estimates.safetensors" in ours  # which ranks known and new tracks under `live`
    line = read_runs(workspace)[-1]
    assert (line["command"], line["settings"]["processes"], line["settings"]["split"]) == ("cluster train", 2, "live")
    assert line["figures"]


def test_without_java_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UserError, match="apt-get install openjdk-17-jre-headless"), spark_session("local[1]"):
        pass


def refuse(numbers: object, shared: object) -> list[dict[str, object]]:
    raise UserError("the disk is not mounted here")


def test_an_error_of_an_executor_is_one_line(spark: SparkSession, two_workers: Cluster) -> None:
    import pyarrow as pa

    schema = pa.schema({"n": pa.int64()})
    with pytest.raises(UnheardError, match=r"UserError: the disk is not mounted here\); run the same") as raised:  # noqa: SIM117
        with spark_session(two_workers.master) as session:
            over_ranges(session, 1, per_task=1, function=refuse, shared=None, schema=schema).collect()
    assert "\n" not in str(raised.value)
