"""Tests of the command `weights`: the table, a conversion, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.command_line import Run
from tests.models.test_keras_files import random_kernels, write_keras_2


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_weights_are_listed_converted_and_listed(run: Run, tmp_path: Path, cache: Path) -> None:
    before = run("weights")
    assert [line.split()[:2] for line in before.stdout.splitlines()[2:]] == [
        ["xception", "no"],
        ["choi", "no"],
        ["musicnn", "no"],
    ]
    assert "choi: get keras2_model/model_best.hdf5" in before.stderr
    write_keras_2(tmp_path / "model_best.hdf5", random_kernels())
    converted = run("weights", "choi", tmp_path / "model_best.hdf5")
    assert converted.stdout == f"{cache / 'weights' / 'choi.safetensors'}\n"
    after = run("weights")
    assert ["choi", "yes"] in [line.split()[:2] for line in after.stdout.splitlines()]
    assert "choi: get" not in after.stderr
    assert "xception: get Keras" in after.stderr


def test_mistakes(run: Run, tmp_path: Path) -> None:
    assert "expected one of xception, choi, musicnn" in run("weights", "vgg").error
    assert "choi: expected a file" in run("weights", "choi").error
    (tmp_path / "noise.hdf5").write_bytes(b"noise")
    for name in ("xception", "choi", "musicnn"):
        assert "noise.hdf5" in run("weights", name, tmp_path / "noise.hdf5").error
