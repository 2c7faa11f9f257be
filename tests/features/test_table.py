"""Test extractors of packages: found through real entry points, checked, and read by recipes like built-in ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.features.stored import get_features
from tests.ingest.sounds import song, write
from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.features.extraction import extract_file
from unheard.features.extractor import BlockExtractor, FeatureExtractor, MelExtractor, Tagger
from unheard.features.table import BUILT_IN, installed, load_extractor, recipe_kinds
from unheard.features.update import update_features
from unheard.inference.load import load_encoder
from unheard.inference.predictions import can_encode_files, load_predictions
from unheard.ingest.audio import decode_blocks
from unheard.library import open_library
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.plays import Play, Plays, replace_playlists
from unheard.scan.scan import scan
from unheard.spectrograms.statistics import MFCC_STATISTICS
from unheard.splits import Split, write_splits
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Settings, Workspace

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs" / "extractors.md"


def package(folder: Path, name: str, code: str, *points: str) -> Path:
    """Write a distribution as pip installs it: a module, and metadata with entry points."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code)
    metadata = folder / f"{name}-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text("\n".join(["[unheard.features]", *points]) + "\n")
    return folder


def documented() -> str:
    """Return the example of docs/extractors.md."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


@pytest.fixture
def crossings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the documented package for this process and its workers."""
    folder = package(tmp_path / "site", "crossings_pkg", documented(), "crossings = crossings_pkg:Crossings")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    return folder


def simple(kind: str, *, dim: str = "2", rate: str = "16_000", result: str = "np.ones(2)", version: str = "'1'") -> str:
    return (
        "import numpy as np\n\n\nclass Simple:\n"
        f"    kind, dim, version, sample_rate_hz = {kind!r}, {dim}, {version}, {rate}\n\n"
        f"    def extract(self, samples):\n        return {result}\n"
    )


@pytest.mark.parametrize("kind", BUILT_IN)
def test_built_in_extractors_implement_the_protocol(kind: str) -> None:
    extractor = load_extractor(kind)
    assert isinstance(extractor, FeatureExtractor)
    assert extractor is load_extractor(kind)
    if kind in {"statistics", "mfcc", "signature", "acoustic-fingerprint", "chroma"}:
        samples = next(iter([song(1, 2.0, rate=22_050).mean(axis=1)])).astype(np.float32)
        assert extractor.extract(samples).shape == (extractor.dim,)
    assert isinstance(extractor, MelExtractor) == (kind in {"statistics", "mfcc", "signature", "acoustic-fingerprint"})
    assert isinstance(extractor, BlockExtractor) == isinstance(extractor, Tagger) == kind.startswith("musicnn")


def test_mfcc_are_a_part_of_the_statistics_and_scans_do_not_extract_them(tmp_path: Path) -> None:
    for n in range(3):
        write(tmp_path / "music" / f"{n}.wav", song(n, 1.5))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [tmp_path / "music"], jobs=1)
    assert not len(get_features(workspace, "mfcc").ids)
    (report,) = update_features(workspace, ["mfcc"])
    assert (report.extracted, report.failures) == (3, ())
    found = get_features(workspace, "mfcc").values
    np.testing.assert_array_equal(found, get_features(workspace, "statistics").values[:, MFCC_STATISTICS])
    assert found.shape == (3, load_extractor("mfcc").dim)


def test_looking_at_the_table_loads_no_torch() -> None:
    code = (
        "import sys; from unheard.features.table import installed, load_extractor\n"
        "[load_extractor(kind) for kind in installed()]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_extractor_of_a_package_runs_and_the_default_recipe_reads_it(crossings: Path, tmp_path: Path) -> None:
    assert installed()["crossings"].package == "crossings_pkg 1.2"
    assert recipe_kinds() == ["statistics", "vectors", "musicnn", "musicnn-mtt", "chroma", "crossings"]
    for n in range(24):
        write(tmp_path / "music" / f"{n:02d}.wav", song(n, 1.5))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [tmp_path / "music"], jobs=1)
    (report,) = update_features(workspace, ["crossings"], jobs=2)
    assert (report.extracted, report.unchanged, report.failures) == (24, 0, ())
    (report,) = update_features(workspace, ["crossings"])
    assert (report.extracted, report.unchanged) == (0, 24)

    found = get_features(workspace, "crossings")
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    rng = np.random.default_rng(0)
    plays = [
        Play(f"p{playlist:02d}", tracks.ids[int(row)], at)
        for playlist in range(30)
        for at, row in enumerate(rng.permutation(len(tracks))[:6])
    ]
    replace_playlists(workspace, Plays.of(plays))
    first = Path(tracks[0].path)
    samples = np.concatenate(list(decode_blocks(first, sample_rate=16_000)))
    crossed = np.diff(np.signbit(samples).astype(np.int8)) != 0
    assert found.values[0, 0] == pytest.approx(crossed.mean(), rel=0.1)
    np.testing.assert_array_equal(
        extract_file(first, ["crossings", "statistics"], Settings())["crossings"], found.values[0]
    )

    split = Split(
        "tracks",
        {name: row % 5 for row, name in enumerate(tracks.ids)},
        {"train": (0, 1, 2), "val": (3,), "test": (4,)},
    )
    write_splits(workspace.splits_path, {"tracks": split})
    compute_factors(workspace, "tracks", AlsConfig(dim=4, iterations=2))
    blend = load_any_recipe("blend")
    assert isinstance(blend, RankerRecipe)
    path = fit_rankers(workspace, replace(blend, features=("statistics", "crossings")), split)
    assert json.loads(path.with_name("fit.json").read_text())["descriptions"] == ["statistics", "crossings"]
    predictions = load_predictions(workspace, "tracks", "blend")
    assert len(predictions.ids) == 24
    assert can_encode_files(workspace, "tracks", "blend")
    test = Path(tracks[4].path)
    again = load_encoder(workspace, "tracks", "blend").from_files([test])
    np.testing.assert_allclose(again[0], predictions.factors[4], atol=1e-4)


def test_another_version_of_the_extractor_makes_its_vectors_again(tmp_path: Path) -> None:
    """Each version runs in its own process, as after an update of the package."""
    write(tmp_path / "music" / "a.wav", song(1, 1.5))
    scan(Workspace.init(tmp_path / "w"), [tmp_path / "music"], jobs=1)
    for version, result in (("'1'", "np.ones(2)"), ("'2'", "np.zeros(2)")):
        folder = tmp_path / f"site{version[1]}"
        package(folder, "pkg", simple("foreign", version=version, result=result), "foreign = pkg:Simple")
        ran = command(folder, "features", "-w", tmp_path / "w", "--kind", "foreign", "-j", 1)
        assert "foreign: 1 tracks extracted, 0 unchanged" in ran.stderr, ran
        listed = json.loads(command(folder, "features", "-w", tmp_path / "w", "--list", "--json").stdout)
        assert listed[-1] == {"kind": "foreign", "dim": 2, "version": version[1], "tracks": 1, "package": "pkg 1.2"}


def command(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run an `unheard` command that also finds packages in `folder`."""
    from os import environ, pathsep

    path = pathsep.join([str(folder), *filter(None, [environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "unheard", *map(str, words)],
        capture_output=True,
        text=True,
        env={**environ, "PYTHONPATH": path, "COLUMNS": "200"},
        check=False,
    )


@pytest.mark.parametrize(
    ("code", "point", "message"),
    [
        (
            simple("odd"),
            "statistics = bad:Simple",
            "package bad 1.2: features 'statistics' are defined by",
        ),
        (simple("odd"), "patches = bad:Simple", "package bad 1.2, entry point 'patches': expected lower-case letters"),
        (simple("odd"), "Odd_ = bad:Simple", "package bad 1.2, entry point 'Odd_': expected lower-case letters"),
        (simple("odd"), "odd = bad:Nothing", "package bad 1.2, features 'odd' .*cannot be loaded .*Nothing"),
        ("import no_such_module", "odd = bad:Simple", "package bad 1.2, .*cannot be loaded .*no_such_module"),
        (simple("even"), "odd = bad:Simple", "package bad 1.2, .*its kind is 'even', expected 'odd'"),
        ("class Simple: kind = 'odd'", "odd = bad:Simple", "package bad 1.2, .*Simple has no dim"),
        (simple("odd", dim="0"), "odd = bad:Simple", "package bad 1.2, .*dim is 0"),
        (simple("odd", rate="44.1"), "odd = bad:Simple", "package bad 1.2, .*sample_rate_hz is 44.1"),
        (simple("odd", version="2"), "odd = bad:Simple", "package bad 1.2, .*version is 2"),
        (simple("odd", result="np.ones(3)"), "odd = bad:Simple", r"package bad 1.2, .*shape \(3,\), expected \(2,\)"),
        (simple("odd", result="np.full(2, np.nan)"), "odd = bad:Simple", "package bad 1.2, .*NaN or infinity"),
        (simple("odd", result="samples[10**9]"), "odd = bad:Simple", "package bad 1.2, .*extract failed .IndexError"),
    ],
)
def test_a_broken_package_is_named(
    code: str, point: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(package(tmp_path / "site", "bad", code, point))
    monkeypatch.delitem(sys.modules, "bad", raising=False)
    path = write(tmp_path / "a.wav", song(0, 1.5))
    with pytest.raises(UserError, match=message) as caught:
        extract_file(path, ["odd"], Settings())
    assert "\n" not in str(caught.value)


def test_two_packages_with_one_kind_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        package(tmp_path / "site", name, simple("odd"), f"odd = {name}:Simple")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(UserError, match=r"package two 1.2: features 'odd' are defined by package one 1.2 already"):
        installed()


def test_a_breaking_extractor_ends_the_run_with_its_name(tmp_path: Path) -> None:
    """An error in a worker process is one line with exit code 2, too."""
    write(tmp_path / "music" / "a.wav", song(1, 1.5))
    scan(Workspace.init(tmp_path / "w"), [tmp_path / "music"], jobs=1)
    folder = package(tmp_path / "site", "bad", simple("odd", result="np.ones(5)"), "odd = bad:Simple")
    ran = command(folder, "features", "-w", tmp_path / "w", "--kind", "odd", "-j", 1)
    assert ran.returncode == 2
    assert "error: package bad 1.2, features 'odd' (bad:Simple): extract returned float64 of shape (5,)" in ran.stderr
