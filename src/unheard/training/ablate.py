"""A fitted blend without one of its members: the others stay as they were fitted, their weights are learned again.

What a member adds is then what the blend loses without it, and no training is repeated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unheard.errors import UserError
from unheard.inference.device import pick_device
from unheard.inference.predictions import RANKER_FILE
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.ranker_encoder import write_places
from unheard.library import open_library
from unheard.models.ranker_recipe import Member, RankerRecipe, kind_of
from unheard.splits import load_split
from unheard.training.rankers.fit import HEAD_ALONE, Ground, finish, with_head
from unheard.workspace import Workspace


def label_of(member: Member) -> str:
    """What a member is called beside the others of its recipe."""
    return f"{kind_of(member.ranker)}-artist" if member.artist else kind_of(member.ranker)


def without_member(workspace: Workspace, split: str, model: str, place: int, *, device: str = "auto") -> str:
    """Write the model that `model` is without the member at `place` of its recipe; returns its name.

    UserError for a recipe of one member, or a model that was fitted to other tracks, plays or factors than there are.
    """
    chosen = pick_device(device)
    found = load_ranker(workspace.model_dir(split, model) / RANKER_FILE)
    recipe = found.recipe
    if len(recipe.members) < 2:
        raise UserError(f"{model!r} has one member; an ablation needs a recipe with several, such as blend")
    left = tuple(member for number, member in enumerate(recipe.members) if number != place)
    suffix = model.removeprefix(recipe.name)
    rest = replace(recipe, name=f"{recipe.name}-without-{label_of(recipe.members[place])}", members=left)
    final = workspace.model_dir(split, f"{rest.name}{suffix}") / RANKER_FILE
    with open_library(workspace.library_path) as library:
        under = load_split(workspace, split)
        ground = Ground(workspace, library, recipe, under)
        if ground.fingerprint(recipe, under, int(found.config["seed"])) != found.config["fingerprint"]:
            raise UserError(f"{model!r} was fitted to other tracks, plays or factors; train it again")
        at = with_head(_reduced(found, rest, place), ground, chosen)
        done = finish(ground, replace(at, path=final), final)
        done.save()
        write_places(workspace, library, done, chosen)
    return final.parent.name


def _reduced(found: RankerCheckpoint, recipe: RankerRecipe, place: int) -> RankerCheckpoint:
    """The fitted members but those of one place, numbered anew, without weights."""
    arrays = {name: array for name, array in found.arrays.items() if not name.startswith("member")}
    notes: list[dict[str, Any]] = []
    for number, note in enumerate(found.config["members"]):
        if note["member"] in (place, HEAD_ALONE):
            continue
        arrays |= {f"member{len(notes)}.{name}": array for name, array in found.below(f"member{number}.").items()}
        plain = {key: value for key, value in note.items() if key not in ("weight", "head")}
        notes.append({**plain, "member": note["member"] - (note["member"] > place)})
    config = {
        **found.config,
        "recipe": recipe.as_dict(),
        "members": notes,
        "fingerprint": f"{found.config['fingerprint']} without {place}",
    }
    return RankerCheckpoint(found.path, config, arrays, found.ids)
