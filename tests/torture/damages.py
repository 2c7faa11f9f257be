"""Damage the files of a workspace in seeded ways, and say what became of the results.

    python -m tests.torture.damages --n 400 --seed 0 --json damages.json

After each damage, what people see is asked for again: lists of known and new tracks by both kinds of model, neighbours,
measured figures, stored figures, the map, and what a person keeps. Each answer is one of

    same      byte for byte that of the undamaged workspace
    refused   a UserError of one line, which the commands print with exit code 2
    said      another answer, with a notice that names the file
    silent    another answer, and not a word (must not occur)
    raised    another exception, a traceback (must not occur)

Then `find_damage`, which `unheard doctor` prints, must find something unless all answers are the same (else: missed).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shlex
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.builders.command_line import run_command
from unheard.cli.damage import find_damage
from unheard.cli.status import describe
from unheard.errors import UserError
from unheard.evaluate.evaluate import measure, prepare
from unheard.play_history import _read, history
from unheard.ratings import read_ratings
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.models import make_recommender
from unheard.refresh.freshness import read_refreshed
from unheard.refresh.list_recipes import read_recipes
from unheard.report.stored_results import read_experiments, read_results
from unheard.saved_playlists import saved_playlists
from unheard.serve.keys import read_keys
from unheard.session import Session
from unheard.thumbs import damaged_lines, rated
from unheard.workspace import Workspace

ROWS = (  # changes of rows in SQLite, which its own checks do not find
    "UPDATE tracks SET title = title || '!' WHERE track_id = (SELECT min(track_id) FROM tracks)",
    "UPDATE tracks SET artists = '[1' WHERE track_id = (SELECT max(track_id) FROM tracks)",
    "UPDATE tracks SET artists = '5' WHERE track_id = (SELECT max(track_id) FROM tracks)",
    "UPDATE tracks SET content_hash = 'f' || substr(content_hash, 2)",
    "UPDATE tracks SET gone_since = '2026-01-01' WHERE track_id = (SELECT max(track_id) FROM tracks)",
    "UPDATE tracks SET track_id = track_id || 'x' WHERE track_id = (SELECT max(track_id) FROM tracks)",
    "UPDATE tracks SET album = 'a', checksum = checksum + 1 WHERE track_id = (SELECT min(track_id) FROM tracks)",
    "DELETE FROM tracks WHERE track_id = (SELECT min(track_id) FROM tracks)",
    "DELETE FROM tracks",
    "UPDATE file_failures SET reason = 'bored'",
    "UPDATE file_failures SET path = path || 'x'",
    "DELETE FROM file_failures",
    "UPDATE digests SET value = value + 1",
    "DROP TABLE tracks",
)
# Files without which a workspace is as if a person had never made them: deleting them is no damage that shows.
OPTIONAL = (
    "thumbs.jsonl", "ratings.json", "played.jsonl", "runs.jsonl", "keys.json", "list-recipes.json", "saved/",
    "refreshed/", "maps/", "results/artists.json", "recordings.safetensors", "mels/0000.lock",
)  # fmt: skip
UNUSED = (".lock", ".writer", "-shm", "-wal")


@dataclass(frozen=True)
class Damage:
    """One damage: which file, of which kind, and what happens to it, `kind` by `seed`."""

    file: str
    kind: str
    seed: int

    @property
    def group(self) -> str:
        """The kind of file, for the table: its folder and suffix."""
        path = Path(self.file)
        return f"{path.parts[0]}/*{path.suffix}" if len(path.parts) > 1 else path.name

    def apply(self, root: Path, other: Path) -> bool:
        """Damage the workspace `root`; `other` is another workspace. False if that changes nothing."""
        path, rng = root / self.file, random.Random(self.seed)
        before = path.read_bytes()
        APPLY[self.kind](path, rng, other / self.file)
        return not path.exists() or path.read_bytes() != before


def _flip(path: Path, rng: random.Random, low: float, high: float) -> None:
    content = bytearray(path.read_bytes())
    at = rng.randrange(int(low * len(content)), max(1, int(high * len(content))))
    content[at] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _zero(path: Path, rng: random.Random, _: Path) -> None:
    content = bytearray(path.read_bytes())
    n = min(len(content), rng.choice((16, 64, 512, 4096)))
    at = rng.randrange(len(content) - n + 1)
    content[at : at + n] = bytes(n)
    path.write_bytes(content)


def _truncate(path: Path, rng: random.Random, _: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.choice((0, len(content) // 2, len(content) - 1, rng.randrange(len(content))))])


def _swap(path: Path, _: random.Random, other: Path) -> None:
    """Take the file of the other workspace, and with a vector file its index, whose names have random parts."""
    if not other.exists():
        found = sorted(other.parent.glob(f"*{path.suffix}")) if other.parent.is_dir() else []
        other = found[0] if found else path
    for suffix in {path.suffix, *((".npy", ".safetensors") if path.parts[-3] == "features" else ())}:
        shutil.copyfile(other.with_suffix(suffix), path.with_suffix(suffix))


def _version(path: Path, rng: random.Random, _: Path) -> None:
    content, new = path.read_bytes(), str(rng.choice((0, 1, 3, 9))).encode()
    for key in (b'"version": ', b"unheard.version"):
        at = content.find(key)
        if at >= 0:
            digit = next(i for i in range(at + len(key), len(content)) if content[i : i + 1].isdigit())
            path.write_bytes(content[:digit] + new + content[digit + 1 :])
            return


def _rows(path: Path, rng: random.Random, _: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(ROWS[rng.randrange(len(ROWS))])


APPLY: dict[str, Callable[[Path, random.Random, Path], None]] = {
    "flip in header": lambda path, rng, _: _flip(path, rng, 0, min(1.0, 256 / max(1, path.stat().st_size))),
    "flip in content": lambda path, rng, _: _flip(path, rng, 0, 1),
    "flip at end": lambda path, rng, _: _flip(path, rng, 0.9, 1),
    "truncated": _truncate,
    "zeros": _zero,
    "deleted": lambda path, _, __: path.unlink(),
    "of another workspace": _swap,
    "version": _version,
    "rows": _rows,
}


def damages(root: Path, n: int, seed: int) -> Iterator[Damage]:
    """Yield at least `n` damages, the same for the same seed: every file in turn, every kind in turn."""
    rng = random.Random(seed)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    files = [file for file in files if not file.endswith(UNUSED)]
    kinds = [kind for kind in APPLY if kind != "rows"]
    found = [(file, kind) for file in files for kind in kinds]
    found += [("library.sqlite", "rows")] * (2 * len(ROWS))
    rng.shuffle(found)
    for number in range(max(n, 1)):
        file, kind = found[number % len(found)]
        yield Damage(file, kind, seed * 1_000_003 + number)


# ------------------------------------------------------------------------------------------------------ questions


def _lists(root: Path, **options: object) -> bytes:
    session = Session(root, split=options.get("split"), model=options.get("model"))  # type: ignore[arg-type]
    updated = session.update_predictions()
    playlist = session.catalogue.playlists[0]
    found: list[object] = [updated, session.notice]
    for candidates in ("cold", "all"):
        recommended = session.recommendations(playlist=playlist, n=10, candidates=candidates)
        found.append(session.as_json(recommended))
    found.append(session.as_json(session.neighbours(session.catalogue.tracks.ids[0], n=5)))
    if options.get("map"):
        found.append(session.track_map().points.tobytes().hex())
    return json.dumps(found).encode()


def _metrics(root: Path) -> bytes:
    workspace = Workspace.open(root)
    catalogue = load_catalogue(workspace, "artists", need_full=True)
    found = measure(prepare(catalogue, seed=0), make_recommender(workspace, catalogue, "tiny"))
    return repr([(figure, one.value) for figure, one in found.items()]).encode()


def _stored(root: Path) -> bytes:
    workspace = Workspace.open(root)
    results, experiments = read_results(workspace, "artists"), read_experiments(workspace)
    return repr((results and results.results, experiments)).encode()


def _status(root: Path) -> bytes:
    """Return the command that `status` names next; one that refuses counts as a traceback."""
    following = str(describe(Workspace.open(root))["next"])
    words = shlex.split(following)[1:]
    if words[0] == "recommend" and run_command(*words).code:
        raise AssertionError(f"status names a command that refuses: {following}")
    return following.encode()


def _personal(root: Path) -> bytes:
    """What a person keeps; one damaged file does not stop the others."""
    workspace = Workspace.open(root)
    _read.clear()  # of the history: a copied file may have the inode of the one before
    listens = history(workspace)
    found: list[object] = [saved_playlists(workspace), rated(workspace, "down"), listens.counts]
    found += [f"thumbs.jsonl: {len(damaged_lines(workspace))} damaged lines"] if damaged_lines(workspace) else []
    found += [f"played.jsonl: {listens.n_damaged} damaged lines"] if listens.n_damaged else []
    for read in (read_ratings, read_keys, read_recipes, lambda workspace: read_refreshed(workspace, "mornings")):
        try:
            found.append(read(workspace))
        except UserError as error:
            found.append(str(error))
    return repr(found).encode()


QUESTIONS: dict[str, Callable[[Path], bytes]] = {
    "lists of rankers": lambda root: _lists(root, map=True),
    "lists of a network": lambda root: _lists(root, split="artists", model="tiny"),
    "lists without training": lambda root: _lists(root, split="artists", model="content-neighbours"),
    "metrics": _metrics,
    "stored figures": _stored,
    "status": _status,
    "personal files": _personal,
}


@dataclass
class Outcome:
    """What became of one damage; `answers` by question, `doctor` what the doctor says first."""

    damage: Damage
    answers: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    doctor: str = ""

    @property
    def verdict(self) -> str:
        """The worst answer, "missed" if it is not "same" and the doctor finds nothing."""
        is_cut = self.damage.kind == "truncated" and self.damage.file.endswith(".jsonl")  # perhaps between two lines
        if (self.damage.kind == "deleted" or is_cut) and self.damage.file.startswith(OPTIONAL):
            return "raised" if "raised" in self.answers.values() else "as never made"
        worst = next((one for one in ("raised", "silent", "refused", "said") if one in self.answers.values()), "same")
        return "missed" if worst in ("refused", "said") and not self.doctor else worst


def answers(root: Path) -> dict[str, bytes]:
    """Return the answer to every question about a sound workspace."""
    return {name: ask(root) for name, ask in QUESTIONS.items()}


def examine(damage: Damage, world: Path, other: Path, expected: dict[str, bytes], folder: Path) -> Outcome | None:
    """Damage a copy of `world` in `folder` and ask everything; None if the damage changes nothing."""
    root = folder / "w"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(world, root)
    if not damage.apply(root, other):
        return None
    outcome = Outcome(damage)
    for name, ask in QUESTIONS.items():
        outcome.answers[name], outcome.details[name] = _answer(ask, root, expected[name], damage.file)
        if (
            name == "status"
            and outcome.answers[name] == "silent"
            and b"unheard doctor" in outcome.details[name].encode()
        ):
            outcome.answers[name] = "said"
    shutil.rmtree(root)
    shutil.copytree(world, root)
    damage.apply(root, other)
    try:
        outcome.doctor = next((one.line() for one in find_damage(Workspace.open(root))), "")
    except UserError as error:
        outcome.doctor = str(error)
    except Exception:  # noqa: BLE001 - that is what this looks for
        outcome.answers["doctor"], outcome.details["doctor"] = "raised", traceback.format_exc()
    return outcome


def _answer(ask: Callable[[Path], bytes], root: Path, expected: bytes, file: str) -> tuple[str, str]:
    try:
        found = ask(root)
    except UserError as error:
        return ("refused" if "\n" not in str(error) else "raised"), str(error)
    except Exception:  # noqa: BLE001 - that is what this looks for
        return "raised", traceback.format_exc()
    if found == expected:
        return "same", ""
    names = [part.encode() for part in (Path(file).name, Path(file).parts[0])]
    said = any(found.count(name) > expected.count(name) for name in [*names, b"damaged ("])
    return ("said" if said else "silent"), found.decode()[:2000]


def copy_in_place(world: Path, folder: Path) -> tuple[Path, dict[str, bytes]]:
    """Return a copy of a world at the path at which damage is examined, and the answers there.

    Answers name paths, so all are asked for at one path.
    """
    root = folder / "w"
    shutil.copytree(world, root)
    answers(root)  # writes caches
    pristine = folder / "pristine"
    shutil.copytree(root, pristine)
    return pristine, answers(root)


def run(world: Path, other: Path, n: int, seed: int, *, limit_s: float = 1e9) -> list[Outcome]:
    """Examine `n` damages, or as many as the time allows."""
    began, found = time.monotonic(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pristine, expected = copy_in_place(world, folder)
        for damage in damages(pristine, n, seed):
            if time.monotonic() - began > limit_s:
                break
            outcome = examine(damage, pristine, other, expected, folder)
            if outcome is not None:
                found.append(outcome)
    return found


def table(outcomes: list[Outcome]) -> list[dict[str, object]]:
    """Return the counts of verdicts by kind of file."""
    groups: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.damage.group, Counter())[outcome.verdict] += 1
    verdicts = ("same", "as never made", "refused", "said", "silent", "missed", "raised")
    return [{"file": group, **{name: counts[name] for name in verdicts}} for group, counts in sorted(groups.items())]


def report(rows: list[dict[str, object]], total: Counter[str], bad: list[Outcome]) -> str:
    """Return the table, and what must not occur in detail."""
    lines = ["".join(f"{name:>15}" if name != "file" else f"{name:32}" for name in rows[0])] if rows else []
    lines += ["".join(f"{one!s:>15}" if name != "file" else f"{one!s:32}" for name, one in row.items()) for row in rows]
    lines.append(", ".join(f"{n} {verdict}" for verdict, n in total.items()))
    for outcome in bad:
        lines.append(f"{outcome.verdict}: {outcome.damage}: {outcome.answers}; doctor: {outcome.doctor or 'nothing'}")
        found = {name: given for name, given in outcome.answers.items() if given in ("silent", "raised")}
        lines += [f"    {name}: {outcome.details[name][-600:]}" for name in found]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run from the command line; exit code 1 if a result changed silently, a doctor missed or a traceback came."""
    from tests.torture.world import build

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--limit-s", type=float, default=1e9, help="stop after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worlds", type=Path, help="folder to keep the two worlds in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        worlds = given.worlds or Path(name)
        for which, number in (("a", 0), ("b", 1)):
            if not (worlds / which / "w").is_dir():
                (worlds / which).mkdir(parents=True, exist_ok=True)
                build(worlds / which, seed=number)
        outcomes = run(worlds / "a" / "w", worlds / "b" / "w", given.n, given.seed, limit_s=given.limit_s)
    rows, total = table(outcomes), Counter(outcome.verdict for outcome in outcomes)
    bad = [outcome for outcome in outcomes if outcome.verdict in ("silent", "missed", "raised")]
    sys.stdout.write(report(rows, total, bad))
    if given.json:
        values = {"n": len(outcomes), "seed": given.seed, "verdicts": dict(total), "files": rows}
        values["bad"] = [asdict(outcome.damage) | {"verdict": outcome.verdict} for outcome in bad]
        given.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    multiprocessing.freeze_support()
    main()
