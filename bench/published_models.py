"""Train models of other projects on an exported split, and measure them under our contract beside ours.

    python bench/published_models.py DATA [--split S0] [--seeds 3] [--epochs 10,40] [--models vbpr,bpr]

DATA is a folder with tracks.csv, playlists.csv, splits.json and vectors.npz. The split is exported by `unheard export
--to recbole`; the other projects read the exported files and nothing else:

    vbpr   VBPR (He and McAuley 2016) of cornac 3: factors, and a projection of the features, which ranks new tracks too
    bpr    BPR-MF (Rendle et al. 2009) of RecBole 1.2: factors alone, so new tracks keep the random ones that they begin
           with

Their packages are no dependence of ours and are imported by name, in an environment of its own:
pip install cornac==3.0.1 recbole==1.2.1 tensorboard. They are trained with 64 factors, the default rates of their
packages, and features scaled to variance 1; every number of epochs is a row, so none is chosen on test tracks. Every
test track is ranked for every playlist; intervals (95 %) are over playlists; a model with several seeds shows their
mean. `--markdown FILE` writes the table."""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from unheard.errors import UserError
from unheard.evaluate.evaluate import measure, prepare
from unheard.evaluate.exports.layouts import export_split
from unheard.evaluate.measure import Figure
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.models.ranker_recipe import load_any_recipe
from unheard.plays import import_playlists
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import make_recommender
from unheard.scan.scan import scan
from unheard.splits import load_split, prepare_splits
from unheard.training.train import train
from unheard.workspace import Workspace

REFERENCE = AlsConfig(dim=64, alpha=20.0, regularization=0.05, iterations=20)
OURS = ("random", "artist-mean", "content-neighbours", "ridge", "blend", "oracle")
FIGURES = {
    f"{metric}{f'@{k}' if k else ''}": Figure("recommend", "cold", metric, k)
    for metric, k in (("recall", 20), ("ndcg", 20), ("auc", None))
}


@dataclass(frozen=True)
class Exported:
    """What the atomic files say: names of users and items, rows of the train plays, features of all items."""

    users: list[str]
    items: list[str]
    plays: np.ndarray  # (k, 2) rows of user and item
    features: np.ndarray  # (item, f), scaled to mean 0 and variance 1


@dataclass(frozen=True)
class Scored:
    """A recommender of another project: scores of all its users and items, in the rows of the catalogue."""

    name: str
    values: np.ndarray  # (playlist, track) float32

    def scores(self, playlists: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return np.asarray(self.values[np.ix_(playlists, candidates)], np.float32)

    def similarities(self, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return np.zeros((len(queries), len(candidates)), np.float32)


def read_exported(folder: Path) -> Exported:
    """Read the atomic files, as a program would that knows nothing of unheard."""

    def rows(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

    users = [row["user_id:token"] for row in rows(folder / f"{folder.name}.user")]
    table = rows(folder / f"{folder.name}.item")
    items = [row["item_id:token"] for row in table]
    row_of_user, row_of_item = ({name: row for row, name in enumerate(names)} for names in (users, items))
    train = rows(folder / f"{folder.name}.train.inter")
    plays = np.array([(row_of_user[row["user_id:token"]], row_of_item[row["item_id:token"]]) for row in train])
    features = np.array([row["vector:float_seq"].split(" ") for row in table], np.float32)
    features = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-6)
    return Exported(users, items, plays, features)


def vbpr(folder: Path, *, epochs: int, seed: int) -> np.ndarray:
    """Return scores (user, item) by VBPR of cornac; a new track has its features alone."""
    Dataset, ImageModality = (getattr(import_module("cornac.data"), name) for name in ("Dataset", "ImageModality"))
    VBPR = import_module("cornac.models").VBPR
    data = read_exported(folder)
    warm = np.unique(data.plays[:, 1])
    order = np.concatenate([warm, np.setdiff1d(np.arange(len(data.items)), warm)])  # train items first, as cornac wants
    number = np.argsort(order)
    ids = {data.items[row]: at for at, row in enumerate(order.tolist())}
    plays = (data.plays[:, 0], number[data.plays[:, 1]], np.ones(len(data.plays)))
    train_set = Dataset(
        num_users=len(data.users),
        num_items=len(warm),
        uid_map={name: row for row, name in enumerate(data.users)},
        iid_map=ids,
        uir_tuple=plays,
        seed=seed,
    )
    modality = ImageModality(features=data.features[order], ids=[data.items[row] for row in order.tolist()])
    modality.build(id_map=ids)
    train_set.add_modalities(item_image=modality)
    model = VBPR(k=32, k2=32, n_epochs=epochs, seed=seed, verbose=False)
    model.fit(train_set)
    gamma, beta = model.gamma_item.copy(), model.beta_item.copy()
    gamma[len(warm) :], beta[len(warm) :] = 0, 0  # never trained
    scores = model.gamma_user @ gamma.T + model.theta_user @ model.theta_item.T + beta + model.visual_bias
    return np.asarray(scores[:, number], np.float32)


def bpr(folder: Path, *, epochs: int, seed: int) -> np.ndarray:
    """Return scores (user, item) by BPR of RecBole, which reads the files itself."""
    for name, kind in (("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
        vars(np).setdefault(name, kind)  # RecBole asks for names of NumPy 1
    Config, Trainer = import_module("recbole.config").Config, import_module("recbole.trainer").Trainer
    BPR, data = import_module("recbole.model.general_recommender").BPR, import_module("recbole.data")
    settings = {
        "data_path": str(folder.parent),
        "epochs": epochs,
        "embedding_size": 64,
        "seed": seed,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "checkpoint_dir": str(folder.parent / "saved"),
        "eval_args": {"order": "RO", "group_by": "user", "mode": "full"},
    }
    words, sys.argv = sys.argv, sys.argv[:1]  # RecBole reads the command line
    config = Config("BPR", folder.name, [str(folder / f"{folder.name}.yaml")], settings)
    sys.argv = words
    import_module("recbole.utils").init_seed(seed, True)  # noqa: FBT003 - its second argument
    dataset = data.create_dataset(config)
    train_data, _, _ = data.data_preparation(config, dataset)
    model = BPR(config, train_data.dataset)
    Trainer(config, model).fit(train_data, valid_data=None, saved=False, show_progress=False)
    users, items = (weight.weight.detach().numpy() for weight in (model.user_embedding, model.item_embedding))
    exported = read_exported(folder)
    tokens = dataset.field2token_id
    rows = [np.array([tokens[field].get(name, 0) for name in names]) for field, names in
            (("user_id", exported.users), ("item_id", exported.items))]  # fmt: skip
    return np.asarray(users[rows[0]] @ items[rows[1]].T, np.float32)


THEIRS: dict[str, Callable[..., np.ndarray]] = {"vbpr": vbpr, "bpr": bpr}


def prepared(data: Path, split: str, folder: Path, models: tuple[str, ...], seeds: int) -> tuple[Workspace, Catalogue]:
    """Return a workspace with the data, its factors and our trained models."""
    workspace = Workspace.init(folder / "w")
    scan(workspace, [data / "tracks.csv", data / "vectors.npz"], jobs=1)
    import_playlists(workspace, [data / "playlists.csv"])
    prepare_splits(workspace, file=data / "splits.json")
    compute_factors(workspace, split, REFERENCE)
    for seed in range(seeds if "blend" in models else 0):
        train(workspace, load_any_recipe("blend"), load_split(workspace, split), seed=seed)
    return workspace, load_catalogue(workspace, split, need_full=True)


def main() -> None:
    given = parse()
    lines = [f"| model | {' | '.join(FIGURES)} |", f"|---|{'---:|' * len(FIGURES)}"]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        workspace, catalogue = prepared(given.data, given.split, folder, given.ours, given.seeds)
        export_split(workspace, folder / "exported", "recbole", split=given.split)
        tasks = prepare(catalogue, seed=0)

        def add(name: str, recommenders: list[object]) -> None:
            found = [measure(tasks, one) for one in recommenders]  # type: ignore[arg-type]
            cells = []
            for figure in FIGURES.values():
                values = [one[figure] for one in found]
                replicates = [one.replicates for one in values if one.replicates is not None]
                resampled = np.mean(replicates, axis=0)  # of playlists, the same resamples for all
                low, high = np.percentile(resampled, [2.5, 97.5])
                cells.append(f"{np.mean([one.value for one in values]):.3f} [{low:.3f}, {high:.3f}]")
            lines.append(f"| {name} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)

        print("\n".join(lines))
        for name in given.ours:
            trained = [name if not seed else f"{name}@{seed}" for seed in range(given.seeds)]
            names = trained if name == "blend" else [name]
            add(name, [make_recommender(workspace, catalogue, one) for one in names])
        for name, epochs in itertools.product(given.models, given.epochs):
            runs = [THEIRS[name](folder / "exported", epochs=epochs, seed=seed) for seed in range(given.seeds)]
            add(f"{name}, {epochs} epochs", [Scored(name, values) for values in runs])
    if given.markdown:
        given.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    def names(text: str) -> tuple[str, ...]:
        return tuple(name for name in text.split(",") if name)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="S0")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=lambda text: [int(one) for one in text.split(",")], default=[10, 40])
    parser.add_argument("--models", type=names, default=tuple(THEIRS))
    parser.add_argument("--ours", type=names, default=OURS)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error
