"""Fit a ranker recipe in a workspace: descriptions, plays, split and factors in; one artefact and predictions out.

    models/<split>/<name>/fitting.safetensors      while it is fitted: the members that are finished
    models/<split>/<name>/ranker.safetensors       when all are
    models/<split>/<name>/fit.json                 figures of every member, and the weights of the blend
    models/<split>/<name>/predictions.safetensors  places and warm factors of every described track

Every member places tracks in a space of its own, and a playlist's score of a track is a dot product there. A weighted
sum of dot products is the dot product of the places set side by side, so a blend ranks as fast as a single model.

Teams that serve factors already want vectors in that space. The members that predict the warm factors (or a ridge, if
there is none) do that together: their mean, weighted so that validation tracks' factors are met best.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import csr_matrix

from unheard.artefacts import write_json
from unheard.errors import UserError
from unheard.factors.store import Factors, load_split_factors
from unheard.ids import IdMap
from unheard.inference.artists import artist_names, artist_table
from unheard.inference.device import pick_device
from unheard.inference.predictions import RANKER_FILE
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.ranker_encoder import places_of, write_places
from unheard.inference.ranker_features import read_blocks, side_by_side, standard_of
from unheard.library import Library, open_library
from unheard.models.ranker_recipe import Member, RankerRecipe, kind_of
from unheard.models.rankers.ridge import Ridge
from unheard.progress import Progress, silent
from unheard.splits import Split, Use
from unheard.training.dataset import Evidence
from unheard.training.networks.loop import arrays_of
from unheard.training.rankers.blend import blend_weights, score_deviation
from unheard.training.rankers.table import FITS
from unheard.training.rankers.validation import judges, ndcg, ndcg_of_scores
from unheard.workspace import Workspace

LEAST_TRAIN_TRACKS = 4
MOST_JUDGED = 4_000_000  # scores (playlist x validation track) of a member that the weights are learned from
HEAD_ALONE = -1  # the place of a ranker that predicts warm factors and takes no part in the blend
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def fit(
    workspace: Workspace,
    recipe: RankerRecipe,
    split: Split,
    *,
    seed: int = 0,
    device: str = "auto",
    max_minutes: float | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Fit, or go on with a fit that was killed, and place every track. Returns the artefact's path.

    max_minutes  after that, no further member is begun; a later call without it fits the rest
    force        fit again although nothing has changed

    A finished fit is not repeated unless recipe, seed, split, plays, factors or descriptions changed.
    """
    if seed < 0:
        raise UserError(f"seed: expected 0 or more, found {seed}")
    chosen = pick_device(device)
    folder = workspace.model_dir(split.name, recipe.name if seed == 0 else f"{recipe.name}@{seed}")
    final, running = folder / RANKER_FILE, folder / "fitting.safetensors"
    with open_library(workspace.library_path) as library:
        ground = Ground(workspace, library, recipe, split)
        mark = ground.fingerprint(recipe, split, seed)
        found = None if force else _same(final, mark)
        if found is not None and (found.config.get("complete", True) or max_minutes is not None):
            progress("fitted already, nothing has changed", 1, 1)
            write_places(workspace, library, found, chosen, progress)
            return final
        began = None if force else _same(running, mark)
        began = began or ground.begin(running, recipe, split, seed, mark)
        fitted = _fit_members(ground, recipe, seed, began, chosen, max_minutes, progress)
        done = finish(ground, fitted, final)
        done.save()
        if done.config["complete"]:
            running.unlink(missing_ok=True)
        else:
            progress("stopped before the last member; the same command without --max-minutes goes on", 1, 1)
        write_places(workspace, library, done, chosen, progress)
    return final


class Ground:
    """What is read of the workspace, once for all members. Rows are those of `ids`, the described tracks."""

    def __init__(self, workspace: Workspace, library: Library, recipe: RankerRecipe, split: Split) -> None:
        self.ids, self.blocks = read_blocks(workspace, library, recipe.descriptions)
        factors = load_split_factors(workspace, split)
        self.factors_config, self.playlist_ids = factors.config, factors.playlist_ids
        uses = split.uses(self.ids)
        self.train = _with_factor(self.ids, uses == Use.TRAIN, factors)
        self.val = _with_factor(self.ids, uses == Use.VAL, factors)
        if len(self.train) < LEAST_TRAIN_TRACKS:
            raise UserError(
                f"{workspace.root}: split {split.name!r} has {len(self.train)} train tracks with both sound and plays, "
                f"expected at least {LEAST_TRAIN_TRACKS}; import more playlists of these tracks"
            )
        self.tracks = _factors_of(self.ids, self.train, factors)
        self.val_tracks = _factors_of(self.ids, self.val, factors)
        self.playlists = factors.playlists
        plays = _aligned(*library.plays(self.ids, before=split.cutoff_timestamp), self.playlist_ids)
        self.plays, self.tuning = _ones(plays[:, self.train]), _ones(plays[:, self.val])
        self.names = artist_names(library, self.ids)
        alone = [name or f"\0{row}" for row, name in enumerate(self.names)]
        self.artist = np.unique(alone, return_inverse=True)[1].reshape(-1).astype(np.int32)
        self.standards = [standard_of(block, self.train) for block in self.blocks]
        self.sound = side_by_side({block.kind: (block.values, block.known) for block in self.blocks}, self.standards)
        centred = self.tracks - self.tracks.mean(axis=0)
        trained = [self.names[row] for row in self.train]
        self.artists = artist_table(centred, trained)
        self.of_artist = self.artists.columns(self.names)  # (n, d + 1)
        self.of_artist[self.train] = self.artists.columns_without_self(trained, centred)

    def evidence(self, *, artist: bool) -> Evidence:
        inputs = np.concatenate([self.sound, self.of_artist], axis=1) if artist else self.sound
        return Evidence(
            inputs=inputs,
            n_sound=self.sound.shape[1],
            artist=self.artist,
            train=self.train,
            val=self.val,
            plays=self.plays,
            tuning=self.tuning,
            tracks=self.tracks,
            playlists=self.playlists,
            artist_scale=self.artists.scale,
        )

    def fingerprint(self, recipe: RankerRecipe, split: Split, seed: int) -> str:
        """A hash of everything that decides the result."""
        digest = hashlib.sha256()
        described = {key: value for key, value in recipe.as_dict().items() if key != "about"}
        plain = [described, split.name, seed, [block.kind for block in self.blocks]]
        digest.update(json.dumps(plain, sort_keys=True).encode())
        for rows in (self.train, self.val):
            digest.update("\0".join(self.ids.take(rows)).encode() + b"\1")
            digest.update("\0".join(self.names[row] for row in rows).encode() + b"\1")
            digest.update(self.sound[rows].tobytes())
        for array in (self.tracks, self.val_tracks, self.playlists):
            digest.update(np.ascontiguousarray(array).tobytes())
        for matrix in (self.plays, self.tuning):
            digest.update(matrix.indptr.tobytes() + matrix.indices.tobytes())
        return digest.hexdigest()

    def begin(self, path: Path, recipe: RankerRecipe, split: Split, seed: int, mark: str) -> RankerCheckpoint:
        """The state before the first member."""
        arrays: dict[str, NDArray[Any]] = {}
        for standard in self.standards:
            arrays[f"standard.{standard.kind}.mean"] = standard.mean
            arrays[f"standard.{standard.kind}.deviation"] = standard.deviation
        arrays |= self.artists.arrays
        config = {
            "recipe": recipe.as_dict(),
            "seed": seed,
            "split": split.name,
            "fingerprint": mark,
            "dim": int(self.tracks.shape[1]),
            "factors": self.factors_config,
            "descriptions": [standard.kind for standard in self.standards],
            "members": [],
            "targets": "warm",
        }
        ids = {"artist": self.artists.names, "playlist": self.playlist_ids, "train": IdMap(self.ids.take(self.train))}
        return RankerCheckpoint(path, config, arrays, ids)


def _fit_members(
    ground: Ground,
    recipe: RankerRecipe,
    seed: int,
    at: RankerCheckpoint,
    device: torch.device,
    max_minutes: float | None,
    progress: Progress,
) -> RankerCheckpoint:
    """Fit what is not fitted yet, one after the other, keeping each; a ridge for the head if nobody else makes it."""
    started = time.monotonic()
    todo = [(place, member, again) for place, member in enumerate(recipe.members) for again in range(member.times)]
    at = replace(at, config={**at.config, "complete": False})
    for number, (place, member, again) in enumerate(todo):
        late = max_minutes is not None and time.monotonic() - started > 60 * max_minutes
        if number < len(at.config["members"]) or (late and number):
            continue
        own = seed * 1000 + 10 * place + again
        at = _with_member(at, place, member, ground, own, device, progress)
        at.save()
    at = replace(at, config={**at.config, "complete": len(at.config["members"]) == len(todo)})
    return with_head(at, ground, device, progress)


def with_head(
    at: RankerCheckpoint, ground: Ground, device: torch.device, progress: Progress = silent
) -> RankerCheckpoint:
    """With a ridge that predicts the warm factors, if no member does."""
    if any(note["warm"] for note in at.config["members"]):
        return at
    told, seed = any(member.artist for member in at.recipe.members), int(at.config["seed"])
    return _with_member(at, HEAD_ALONE, Member(Ridge(), artist=told), ground, seed, device, progress)


def _with_member(
    at: RankerCheckpoint,
    place: int,
    member: Member,
    ground: Ground,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> RankerCheckpoint:
    """Fit one ranker and keep it."""
    evidence = ground.evidence(artist=member.artist)
    ranker = FITS[type(member.ranker)](evidence, member.ranker, seed=seed, device=device, progress=progress)
    asked, judged = judges(evidence), evidence.val if len(evidence.val) else evidence.train
    towers = places_of(ranker.tower, evidence.inputs[judged])
    # A ranker in the space of the warm factors leaves the playlists where they are.
    warm = np.array_equal(ranker.playlists, evidence.playlists)
    note = {
        "member": place,
        "kind": kind_of(member.ranker),
        "config": json.loads(json.dumps(asdict(member.ranker))),
        "artist": member.artist,
        "inputs": int(evidence.inputs.shape[1]),
        "n_artist": int(evidence.inputs.shape[1]) - evidence.n_sound,
        "outputs": int(ranker.playlists.shape[1]),
        "warm": warm,
        "deviation": score_deviation(ranker.playlists[asked] if len(asked) else ranker.playlists, towers) or 1.0,
        "ndcg": ndcg(ranker.playlists, towers, evidence, asked) if len(evidence.val) else None,
        "history": list(ranker.history),
    }
    prefix = f"member{len(at.config['members'])}."
    arrays = {f"{prefix}tower.{name}": array for name, array in arrays_of(ranker.tower).items()}
    arrays[f"{prefix}playlists"] = ranker.playlists
    of_train = evidence.tracks if warm else ranker.tracks
    if of_train is None and member.artist:  # as it was fitted: without a track's own factor in its artist's mean
        of_train = places_of(ranker.tower, evidence.inputs[evidence.train])
    if of_train is not None:
        arrays[f"{prefix}tracks"] = of_train
    config = {**at.config, "members": [*at.config["members"], note]}
    return replace(at, config=config, arrays={**at.arrays, **arrays})


def finish(ground: Ground, at: RankerCheckpoint, final: Path) -> RankerCheckpoint:
    """Learn the weights of the blend and of the head, and note them in fit.json beside `final`."""
    evidences = {artist: ground.evidence(artist=artist) for artist in (False, True)}
    evidence, notes = evidences[False], at.config["members"]
    asked = judges(evidence)
    asked = asked[:: max(1, len(asked) * len(evidence.val) // MOST_JUDGED)]
    val = [places_of(at.tower(i), evidences[note["artist"]].inputs[evidence.val]) for i, note in enumerate(notes)]
    scores = [
        at.arrays[f"member{i}.playlists"][asked] @ val[i].T / np.float32(note["deviation"])
        for i, note in enumerate(notes)
    ]
    weights = _weights(notes, scores, evidence, asked)
    head = _head([places if note["warm"] else None for note, places in zip(notes, val, strict=True)], ground.val_tracks)
    members = [
        {**note, "weight": weight, "head": share} for note, weight, share in zip(notes, weights, head, strict=True)
    ]
    blended = np.tensordot(np.array(weights, np.float32), np.stack(scores), axes=1)  # (asked, val)
    quality = ndcg_of_scores(blended, evidence, asked) if len(asked) and len(evidence.val) else None
    told = ("kind", "artist", "weight", "head", "ndcg", "history")
    plain = [{key: member[key] for key in told} for member in members]
    note = "ndcg@20 of validation tracks; weight: share of the standardised scores; head: share of the warm factors"
    write_json(
        final.with_name("fit.json"),
        {
            "recipe": at.recipe.name,
            "note": note,
            "ndcg": quality,
            "descriptions": at.config["descriptions"],
            "members": plain,
        },
        indent=1,
    )
    return RankerCheckpoint(final, {**at.config, "members": members, "ndcg": quality}, at.arrays, at.ids)


def _weights(
    notes: Sequence[Mapping[str, Any]], scores: Sequence[Floats], evidence: Evidence, asked: Rows
) -> list[float]:
    """Of each fitted ranker. Those of one member share its weight; a head alone has none."""
    places = sorted({note["member"] for note in notes} - {HEAD_ALONE})
    of_place = {place: [i for i, note in enumerate(notes) if note["member"] == place] for place in places}
    means = [np.stack([scores[i] for i in of_place[place]]).mean(axis=0) for place in places]
    found = dict(zip(places, blend_weights(means, evidence, asked), strict=True))
    return [float(found[place] / len(of_place[place])) if (place := note["member"]) in found else 0.0 for note in notes]


def _head(predicted: Sequence[Floats | None], true: Floats) -> list[float]:
    """Shares (summing to 1) of the predictions (val, d) in the mean that meets the true factors (val, d) best."""
    those = {i: some.ravel().astype(np.float64) for i, some in enumerate(predicted) if some is not None}
    shares = np.full(len(those), 1 / len(those))
    if len(true) and len(those) > 1:
        found, _ = nnls(np.stack(list(those.values()), axis=1), true.ravel())
        shares = found / found.sum() if found.sum() > 0 else shares
    out = np.zeros(len(predicted))
    out[list(those)] = shares
    return [float(share) for share in out]


def _same(path: Path, mark: str) -> RankerCheckpoint | None:
    """The artefact at `path` if it is one and was made from the same inputs."""
    if not path.is_file():
        return None
    try:
        found = load_ranker(path)
    except UserError:
        return None  # half a file from another program, or another format: fit afresh over it
    return found if found.config["fingerprint"] == mark else None


def _with_factor(ids: IdMap, wanted: NDArray[np.bool_], factors: Factors) -> Rows:
    """Rows of `ids` that are wanted and have a factor."""
    rows = factors.track_ids.rows(ids, missing=-1)
    return np.flatnonzero(wanted & (rows >= 0) & factors.known[rows])


def _factors_of(ids: IdMap, rows: Rows, factors: Factors) -> Floats:
    return factors.tracks[factors.track_ids.rows(ids.take(rows))]


def _aligned(playlist_ids: IdMap, plays: csr_matrix, wanted: IdMap) -> csr_matrix:
    """Rows of `plays` in the order of `wanted`; playlists that came since are left out, and unknown ones empty."""
    rows = playlist_ids.rows(wanted, missing=-1)
    there = rows >= 0
    select = csr_matrix(
        (np.ones(there.sum()), (np.flatnonzero(there), rows[there])), shape=(len(wanted), plays.shape[0])
    )
    return (select @ plays).tocsr()


def _ones(plays: csr_matrix) -> csr_matrix:
    """Binary plays: who has a track, not how often."""
    plays = csr_matrix(plays, dtype=np.float32)
    plays.data[:] = plays.data > 0
    plays.eliminate_zeros()
    plays.sort_indices()
    return plays
