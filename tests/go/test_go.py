"""`unheard go` on a small world of audible songs: with playlists, without, again, and after changes."""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from unheard.library import open_library
from unheard.play_history import Listen, add_listens
from unheard.plays import read_playlists, read_plays
from unheard.plays.listened import PLAYLIST_ID
from unheard.plays.storage import remove_playlists
from unheard.ratings import star
from unheard.session import Session
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace

SIMULATED = 3  # playlists


@pytest.fixture(scope="module")
def home(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A music folder, folders of 3 and of 60 M3U files, and one more audio file beside them."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(audio_world / "audio", home / "music")
    with (audio_world / "tracks.csv").open(encoding="utf-8", newline="") as file:
        path_of = {row["track_id"]: Path(row["path"]).relative_to("audio") for row in csv.DictReader(file)}
    late = sorted(path_of.values())[20]  # one that has no copy among the others
    (home / "music" / late).rename(home / "late.audio")
    (home / "late").write_text(str(late))
    lists: defaultdict[str, list[Path]] = defaultdict(list)
    with (audio_world / "playlists.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if path_of[row["track_id"]] != late:
                lists[row["playlist_id"]].append(path_of[row["track_id"]])
    write_lists(home / "few", dict(list(lists.items())[:SIMULATED]))
    write_lists(home / "many", dict(list(lists.items())[:60]))
    return home


def write_lists(folder: Path, lists: dict[str, list[Path]]) -> None:
    folder.mkdir()
    for name, paths in lists.items():
        lines = ["#EXTM3U", *(f"../music/{path.as_posix()}" for path in paths)]
        (folder / f"{name}.m3u8").write_text("\n".join(lines) + "\n", encoding="utf-8")


def go(home: Path, *words: object) -> dict[str, object]:
    """Run `go` and return what it prints as JSON."""
    ran = run_command("go", home / "music", *words, "-j", 1, "--json")
    assert ran.code == 0, ran
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def tracks_of(file: Path) -> list[Path]:
    """Return the files that a list names; they have to exist."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    paths = [(file.parent / line).resolve() for line in lines]
    assert all(path.is_file() for path in paths), paths
    return paths


def test_without_playlists_there_are_radio_lists(home: Path, tmp_path: Path) -> None:
    done = go(home, "-w", tmp_path / "w", "-o", tmp_path / "out", "-n", 8)
    files = [Path(str(file)) for file in done["files"]]  # type: ignore[attr-defined]
    assert (done["model"], done["playlists"], done["unplayed"]) == ("sound", 0, done["tracks"])
    assert len(files) == 3  # one for 12 tracks
    assert all(file.stem.startswith("Radio ") for file in files)
    for file in files:
        listed = tracks_of(file)
        assert len(set(listed)) == len(listed) > 1
    assert "no playlists" in str(done["trust"])


def test_lists_for_a_few_playlists_then_changes(home: Path, tmp_path: Path) -> None:
    """One test, because each step goes on with the workspace of the step before."""
    w, out = tmp_path / "w", tmp_path / "out"
    first = go(home, home / "few", "-w", w, "-o", out, "-n", 8)
    assert (first["model"], first["playlists"], first["changed"]) == ("sound", SIMULATED, True)
    names = {file.name for file in out.iterdir()}
    assert names == {"New for you.m3u8", *(f"New for {file.stem}.m3u8" for file in (home / "few").iterdir())}
    played = {path for file in (home / "few").iterdir() for path in tracks_of(file)}
    for file in out.iterdir():
        listed = tracks_of(file)
        assert 1 <= len(listed) <= 8
        assert not played & set(listed)
    before = {file: file.stat().st_mtime_ns for file in (*out.iterdir(), *(w / "factors").iterdir())}

    again = go(home, home / "few", "-w", w, "-o", out, "-n", 8)  # nothing changed
    assert again["changed"] is False
    assert again["trust"] == first["trust"]
    assert {file: file.stat().st_mtime_ns for file in before} == before

    (out / "New for you.m3u8").unlink()  # a list that a person deleted is made again
    assert go(home, home / "few", "-w", w, "-o", out, "-n", 8)["changed"] is True

    late = home / "music" / (home / "late").read_text()  # a new file is offered; nothing is fitted again
    shutil.copyfile(home / "late.audio", late)
    try:
        done = go(home, home / "few", "-w", w, "-o", out, "-n", 21)
    finally:
        late.unlink()
    assert (done["tracks"], done["changed"]) == (int(str(first["tracks"])) + 1, True)
    assert late.resolve() in {path for file in out.iterdir() for path in map(Path.resolve, _paths(file))}
    assert all((w / "factors" / file.name).stat().st_mtime_ns == before[file] for file in (w / "factors").iterdir())

    shutil.rmtree(out)
    shutil.copytree(home / "few", tmp_path / "fewer")  # a list with more tracks: factors are fitted again
    longer = min((tmp_path / "fewer").iterdir())
    new = next(path for path in sorted((home / "music").rglob("*.*")) if path.resolve() not in played)
    longer.write_text(longer.read_text(encoding="utf-8").replace("../music", str(home / "music")) + f"{new}\n")
    shutil.copyfile(longer, home / "few" / longer.name)
    changed = go(home, home / "few", "-w", w, "-o", out, "-n", 8)
    assert changed["changed"] is True
    assert new.resolve() not in {path for file in out.iterdir() for path in tracks_of(file)}


def _paths(file: Path) -> list[Path]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [file.parent / line for line in lines if line and not line.startswith("#")]


@pytest.mark.slow
def test_many_playlists_train_the_default_model(home: Path, tmp_path: Path) -> None:
    w, out = tmp_path / "w", tmp_path / "out"
    done = go(home, home / "many", "-w", w, "-o", out, "-n", 5, "--max-minutes", 0.01)
    assert done["model"] == "blend"
    assert 40 < len(list(out.iterdir())) <= 61  # a playlist of almost everything has no list
    assert go(home, home / "many", "-w", w, "-o", out, "-n", 5, "--max-minutes", 0.01)["changed"] is False


@pytest.mark.slow
def test_a_few_changed_playlists_change_the_lists_without_a_training(home: Path, tmp_path: Path) -> None:
    w, out, lists = tmp_path / "w", tmp_path / "out", tmp_path / "lists"
    shutil.copytree(home / "many", lists)
    for file in lists.iterdir():
        file.write_text(file.read_text(encoding="utf-8").replace("../music", str(home / "music")), encoding="utf-8")
    words = (lists, "-w", w, "-o", out, "-n", 5, "--max-minutes", 0.01)
    assert go(home, *words)["model"] == "blend"
    made = [*(w / "factors").iterdir(), *(w / "models" / "live" / "blend").iterdir()]
    first = {file: file.stat().st_mtime_ns for file in made}
    before = {file.name: tracks_of(file) for file in out.iterdir()}
    longer = max(lists / name.removeprefix("New for ") for name in before if name != "New for you.m3u8")
    new = before[f"New for {longer.name}"][0]
    longer.write_text(longer.read_text(encoding="utf-8") + f"{new}\n", encoding="utf-8")
    ran = run_command("go", home / "music", *words, "-j", 1)
    assert ran.code == 0
    assert "1 of 60 playlists changed since the last training" in ran.stderr
    assert {file: file.stat().st_mtime_ns for file in first} == first
    assert new not in tracks_of(out / f"New for {longer.name}")
    assert before != {file.name: tracks_of(file) for file in out.iterdir()}
    for file in sorted(lists.iterdir())[:4]:  # more than a twentieth: factors and model are fitted again
        file.write_text(file.read_text(encoding="utf-8") + f"{new}\n", encoding="utf-8")
    assert go(home, *words)["changed"] is True
    changed = {file.name for file in first if file.stat().st_mtime_ns != first[file]}
    assert changed >= {"live.safetensors", "ranker.safetensors", "estimates.safetensors"}


def test_the_summary_says_how_far_to_trust_it(home: Path, tmp_path: Path) -> None:
    ran = run_command("go", home / "music", home / "few", "-w", tmp_path / "w", "-o", tmp_path / "out", "-j", 1)
    assert ran.code == 0
    assert "3 playlists are too few to learn from" in ran.stderr
    assert f"unheard serve -w {tmp_path / 'w'}" in ran.stderr
    ids = read_plays(Workspace.open(tmp_path / "w")).playlist_ids
    shown = run_command("recommend", "-w", tmp_path / "w", "--playlist", ids[0], "-n", 3)
    assert shown.code == 0
    assert "3 playlists are too few to learn from" in shown.stderr


def test_a_path_that_does_not_exist_is_one_line(home: Path, tmp_path: Path) -> None:
    missing = tmp_path / "nothing"
    assert str(missing) in run_command("go", missing, "-w", tmp_path / "w").error
    assert str(missing) in run_command("go", home / "music", missing, "-w", tmp_path / "w").error


def test_a_folder_without_playlists_is_no_reason_to_stop(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = run_command("go", home / "music", tmp_path / "empty", "-w", tmp_path / "w", "-o", tmp_path / "out", "-j", 1)
    assert ran.code == 0
    assert "no playlists imported" in ran.stderr
    assert list((tmp_path / "out").iterdir())


def test_the_default_workspace_is_found_by_other_commands(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("UNHEARD_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run_command("go", home / "music", "-j", 1).code == 0
    with open_library(tmp_path / "unheard" / "library.sqlite") as library:
        assert len(library.tracks()) > 30
    assert run_command("status").code == 0
    assert (tmp_path / "unheard-playlists").is_dir()


def test_its_own_lists_are_not_imported(home: Path, tmp_path: Path) -> None:
    """A person keeps the lists in the folder of playlists, where the player finds them."""
    shutil.copytree(home / "few", tmp_path / "lists")
    for file in (tmp_path / "lists").iterdir():
        file.write_text(file.read_text(encoding="utf-8").replace("../music", str(home / "music")), encoding="utf-8")
    for _ in range(2):
        done = go(home, tmp_path / "lists", "-w", tmp_path / "w", "-o", tmp_path / "lists")
        assert done["playlists"] == SIMULATED


def test_a_list_of_a_person_is_not_replaced_and_thumbs_count(home: Path, tmp_path: Path) -> None:
    w, out = tmp_path / "w", tmp_path / "out"
    out.mkdir()
    (out / "New for you.m3u8").write_text("#EXTM3U\nmine.mp3\n")
    go(home, home / "few", "-w", w, "-o", out)
    assert (out / "New for you.m3u8").read_text() == "#EXTM3U\nmine.mp3\n"
    first = tracks_of(out / "New for you (unheard).m3u8")
    with open_library(w / "library.sqlite") as library:
        disliked = next(track.track_id for track in library.tracks().items if Path(track.path).resolve() == first[0])
    set_thumb(Workspace.open(w), disliked, "down")
    assert go(home, home / "few", "-w", w, "-o", out)["changed"] is True
    assert not any(first[0] in tracks_of(file) for file in out.iterdir() if file.name != "New for you.m3u8")


def test_what_was_played_in_players_makes_lists(home: Path, tmp_path: Path) -> None:
    """Plays and stars of players alone, without any playlist file: what was played is not new any more."""
    w, out = tmp_path / "w", tmp_path / "out"
    go(home, "-w", w, "-o", out)
    workspace = Workspace.open(w)
    with open_library(w / "library.sqlite") as library:
        ids = [track.track_id for track in library.tracks().items]
    add_listens(workspace, [Listen(track_id, 1e9 + at, "play", "phone/x") for at, track_id in enumerate(ids[:5])])
    star(workspace, [f"track:{ids[6]}"], starred=True)
    done = go(home, "-w", w, "-o", out)
    assert (done["playlists"], done["changed"]) == (2, True)
    assert {"New for My plays.m3u8", "New for My likes.m3u8"} <= {file.name for file in out.iterdir()}
    session = Session(w)
    known = {*ids[:5], ids[6]}
    assert set(session.catalogue.tracks.ids.take(session.catalogue.candidates("warm", new=True))) == known
    found, _ = session.recommend(playlist=PLAYLIST_ID, n=5)
    assert known.isdisjoint(found)
    add_listens(workspace, [Listen(ids[8], 2e9, "play", "phone/x")])
    assert go(home, "-w", w, "-o", out)["changed"] is True


def test_a_model_of_earlier_factors_does_not_stop_it(home: Path, tmp_path: Path) -> None:
    """Fifty playlists become three: the model stays behind, the lists are ranked by sound."""
    w, out = tmp_path / "w", tmp_path / "out"
    go(home, home / "many", "-w", w, "-o", out, "--max-minutes", 0.01)
    opened = Workspace.open(w)
    remove_playlists(opened, [one.playlist_id for one in read_playlists(opened)][3:])
    done = go(home, "-w", w, "-o", out, "-n", 5)
    assert (done["model"], done["playlists"], done["changed"]) == ("sound", 3, True)
    assert len(list(out.iterdir())) <= 4  # lists of playlists that are gone are removed
    remove_playlists(opened, [one.playlist_id for one in read_playlists(opened)])
    assert go(home, "-w", w, "-o", out)["playlists"] == 0


def test_a_folder_that_cannot_be_made_is_one_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "name another folder with -w" in run_command("go", home / "music", "-w", tmp_path / "file" / "w").error
    words = ("go", home / "music", "-w", tmp_path / "w", "-o", tmp_path / "file" / "lists")
    assert "name others with -w and -o" in run_command(*words).error
    assert "cannot be made" in run_command("init", "-w", tmp_path / "file" / "w").error
    assert "cannot be made" in run_command("serve", "-w", tmp_path / "file" / "w", "--port", 18_999).error


@pytest.mark.parametrize(
    ("words", "says"), [(("--json", "--serve"), "leave out --serve"), (("--exclude", "*.wav"), "name the folder MUSIC")]
)
def test_options_that_do_nothing_are_refused(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    assert says in run_command("go", "-w", tmp_path / "w", "-o", tmp_path / "lists", *words).error
    assert not (tmp_path / "w").exists()
