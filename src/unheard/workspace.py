"""Define the paths and settings of a workspace, the folder with all data about one music collection.

W/
  workspace.json                 format version, random id, front end and its settings, checksum
  library.sqlite                 tracks, failures (see library.py)
  plays/                         plays, playlists, dislikes: Parquet (see plays/storage.py)
  features/<kind>/               one extractor's vectors of every track (see features/store.py)
  mels/                          every track's mel spectrogram, in shards (see spectrograms/shards.py)
  splits.json                    every split, in the exchange format
  factors/full.safetensors       factors fitted on all plays (the reference of the neighbour tasks)
  factors/<split>.safetensors    warm factors: fitted on train plays, with other tracks folded in
  models/<split>/<name>/         checkpoint.safetensors, predictions.safetensors, history.json, scale.json,
                                 estimates.safetensors (see recommend/first_plays.py)
  results/<split>.json           figures of `evaluate`
  experiments/<name>.json        figures of `experiment`
  listening-tests/<name>/        a study, its clips and its answers (see listening_test/study.py)
  maps/<split>/<model>.safetensors  position of each track on the map of the catalogue (see recommend/track_map.py)
  runs.jsonl                     a line for every `train` and `evaluate`: settings, versions, figures (run_records.py)
  indexes/<split>/<model>/<name>.safetensors  indexes for lists of large catalogues (see recommend/index_files.py)
  snapshots/<split>/<model>.safetensors  what a server of a large catalogue opens (see serve/stored_snapshot.py)
  go.json                        what `unheard go` has made from what (see go/all_stages.py)
  lists/                         lists of `unheard go` that a server started
  jobs/                          jobs of a server and their output (see serve/jobs/)
  locks/                         held by commands that may run once at a time (see locks.py)
  uploads/                       playlists that were uploaded in a browser
  saved/<id>.json                playlists that a person saved (see saved_playlists.py)
  list-recipes.json              recipes of lists that are made anew in place (see refresh/list_recipes.py)
  refreshed/<recipe>.json        what refreshes of a recipe have listed and written (see refresh/freshness.py)
  listens/                       listens of ListenBrainz users (see listenbrainz/listen_history.py)
  thumbs.jsonl                   thumbs up and down of tracks (see thumbs.py)
  ratings.json                   stars and ratings that players gave (see ratings.py)
  played.jsonl                   what was played in players (see play_history.py)
  play-queue.json, keys.json     of players: the play queue, and their keys (see serve/subsonic/, serve/keys.py)
  cookie.secret                  what the cookies of browsers are made with (see serve/cookies.py)
  backup-format-1/               what `unheard migrate` has kept of format 1 (see migration/migrate.py)
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from unheard.atomic_files import write_json
from unheard.checksums import BY_HAND, MARKER, MARKER_KEYS, read_sealed
from unheard.errors import MissingStageError, UserError, quoted
from unheard.system_errors import explain_write, is_of_disk

FORMAT_VERSION = 2  # what changed and why: docs/decisions/0012-workspace-format-2.md
FrontEndName = Literal["standard", "parity"]
MAX_SETTING = 2**20  # far above any useful number; keeps a damaged one from asking for all memory


@dataclass(frozen=True)
class Settings:
    """Settings that are fixed when a workspace is made, because stored spectrograms depend on them."""

    front_end: FrontEndName = "standard"
    sample_rate: int = 22_050
    n_fft: int = 1024
    hop_length: int = 512
    n_mels: int = 128
    patch_frames: int = 256


@dataclass(frozen=True)
class Workspace:
    """Paths and settings of a workspace; opens no other file."""

    root: Path
    settings: Settings

    @staticmethod
    def init(root: Path, settings: Settings | None = None) -> Workspace:
        """Make a workspace, or open an existing one; raise UserError if `root` holds something else."""
        if (root / MARKER).exists():
            found = Workspace.open(root)
            if settings is not None and settings != found.settings:
                raise UserError(f"{root}: is a workspace with other settings ({found.settings}); choose another folder")
            return found
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UserError(f"{root}: expected a new or empty folder for the workspace; choose another with -w")
        settings = settings or Settings()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if is_of_disk(error):
                raise explain_write(error, root) or error from error
            raise UserError(f"{root}: cannot be made ({error.strerror}); name another folder with -w") from error
        write_marker(root, settings)
        return Workspace(root, settings)

    @staticmethod
    def open(root: Path) -> Workspace:
        """Open an existing workspace; MissingStageError if there is none, UserError if it is of another format."""
        version, settings = read_marker(root)
        if version < FORMAT_VERSION:
            raise UserError(
                f"{root}: a workspace of format {version}; run `unheard migrate -w {quoted(root)}` (keeps a backup)"
            )
        return Workspace(root, settings)

    @property
    def library_path(self) -> Path:
        return self.root / "library.sqlite"

    @property
    def plays_dir(self) -> Path:
        return self.root / "plays"

    @property
    def mels_path(self) -> Path:
        return self.root / "mels"

    @property
    def features_dir(self) -> Path:
        return self.root / "features"

    @property
    def splits_path(self) -> Path:
        return self.root / "splits.json"

    def factors_path(self, split: str) -> Path:
        """Return the path of the factors of a split, or of all plays for "full"."""
        return self.root / "factors" / f"{split}.safetensors"

    def model_dir(self, split: str, model: str) -> Path:
        return self.root / "models" / split / model

    def results_path(self, split: str) -> Path:
        return self.root / "results" / f"{split}.json"

    def experiment_path(self, name: str) -> Path:
        return self.root / "experiments" / f"{name}.json"

    def map_path(self, split: str, model: str) -> Path:
        return self.root / "maps" / split / f"{model.replace(':', '=')}.safetensors"  # Windows allows no ":"

    def index_path(self, split: str, model: str, name: str) -> Path:
        return self.root / "indexes" / split / model.replace(":", "=") / f"{name}.safetensors"

    def snapshot_path(self, split: str | None, model: str | None) -> Path:
        """Return the path of a stored snapshot; None: the default split or model, whichever that is."""
        name = "_" if model is None else model.replace(":", "=")
        return self.root / "snapshots" / (split or "_") / f"{name}.safetensors"

    @property
    def saved_dir(self) -> Path:
        return self.root / "saved"

    @property
    def thumbs_path(self) -> Path:
        return self.root / "thumbs.jsonl"

    @property
    def runs_path(self) -> Path:
        return self.root / "runs.jsonl"

    @property
    def ratings_path(self) -> Path:
        return self.root / "ratings.json"

    @property
    def played_path(self) -> Path:
        return self.root / "played.jsonl"

    @property
    def play_queue_path(self) -> Path:
        return self.root / "play-queue.json"

    @property
    def cookie_secret_path(self) -> Path:
        """What the cookies of browsers are made with (serve/cookies.py)."""
        return self.root / "cookie.secret"

    @property
    def keys_path(self) -> Path:
        return self.root / "keys.json"

    @property
    def is_demo(self) -> bool:
        """Whether `unheard demo` made the workspace, so its playlists are simulated."""
        try:
            plan = json.loads((self.root.resolve().parent / "world.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(plan, dict) and plan.get("world") == "unheard demo"


def read_marker(root: Path) -> tuple[int, Settings]:
    """Return format version and settings of a workspace; UserError if they are damaged or of a newer format."""
    marker = root / MARKER
    if not marker.is_file():
        raise MissingStageError(f"{root}: no workspace here", f"unheard init -w {quoted(root)}")
    try:
        values = read_sealed(marker)
        version, _ = values["version"], values["format"]
        settings = Settings(**{key: value for key, value in values.items() if key not in MARKER_KEYS})
        _check(settings)
        if type(version) is not int or version < 1:
            raise ValueError(f"version is {version!r}, expected a whole number above 0")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).removesuffix(f"; {BY_HAND}")
        raise UserError(
            f"{marker}: damaged ({reason}); restore it from a copy: what was scanned is of no use under other settings"
        ) from error
    if version > FORMAT_VERSION:
        raise UserError(f"{marker}: format version {version} is newer than {FORMAT_VERSION}; update unheard")
    return version, settings


def workspace_id(root: Path) -> str:
    """Return the id of a workspace whose marker can be read; "" if it was made before workspaces had one."""
    return str(read_sealed(root / MARKER).get("id", ""))


def write_marker(root: Path, settings: Settings, identity: str = "") -> None:
    """Write workspace.json of the present format, atomically; without `identity`, with a new random id."""
    about = {"format": "unheard workspace", "version": FORMAT_VERSION, "id": identity or secrets.token_hex(8)}
    write_json(root / MARKER, about | asdict(settings), indent=2)


def _check(settings: Settings) -> None:
    """Raise ValueError unless the front end is known and every number is a whole number from 1 to MAX_SETTING."""
    if settings.front_end not in get_args(FrontEndName):
        raise ValueError(f"front_end is {settings.front_end!r}, expected one of {', '.join(get_args(FrontEndName))}")
    for name, value in asdict(settings).items():
        if name != "front_end" and (type(value) is not int or not 1 <= value <= MAX_SETTING):
            raise ValueError(f"{name} is {value!r}, expected a whole number from 1 to {MAX_SETTING:,}")
