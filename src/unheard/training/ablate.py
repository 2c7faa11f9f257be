"""Remove one member from a fitted blend: the other members stay as they were fitted, their weights are learned again.

What a member contributes is what the blend loses without it; no member is fitted again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unheard.errors import UserError
from unheard.inference.device import pick_device
from unheard.inference.predictions import RANKER_FILE
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.ranker_encoder import write_embeddings
from unheard.library import open_library
from unheard.models.ranker_recipe import Member, RankerRecipe, kind_of
from unheard.splits import load_split
from unheard.training.dataset import load_ranker_data
from unheard.training.fingerprint import ranker_fingerprint
from unheard.training.rankers.member import HEAD_ALONE, with_factor_head
from unheard.training.rankers.member_weights import with_weights
from unheard.workspace import Workspace


def label_of(member: Member) -> str:
    """Return the name of a member among the others of its recipe."""
    return f"{kind_of(member.ranker)}-artist" if member.artist else kind_of(member.ranker)


def without_member(workspace: Workspace, split: str, model: str, index: int, *, device: str = "auto") -> str:
    """Write the model that `model` is without the member at `index` of its recipe; return its name.

    UserError for a recipe of one member, or if tracks, plays or factors changed since the model was fitted.
    """
    chosen = pick_device(device)
    found = load_ranker(workspace.model_dir(split, model) / RANKER_FILE)
    recipe = found.recipe
    if len(recipe.members) < 2:
        raise UserError(f"{model!r} has one member; an ablation needs a recipe with several, such as blend")
    kept = tuple(member for number, member in enumerate(recipe.members) if number != index)
    suffix = model.removeprefix(recipe.name)
    rest = replace(recipe, name=f"{recipe.name}-without-{label_of(recipe.members[index])}", members=kept)
    final = workspace.model_dir(split, f"{rest.name}{suffix}") / RANKER_FILE
    with open_library(workspace.library_path) as library:
        of_split = load_split(workspace, split)
        data = load_ranker_data(workspace, library, recipe, of_split)
        if ranker_fingerprint(data, recipe, of_split, int(found.config["seed"])) != found.config["fingerprint"]:
            raise UserError(f"{model!r} was fitted to other tracks, plays or factors; train it again")
        reduced = with_factor_head(_reduced(found, rest, index), data, chosen)
        finished = with_weights(replace(reduced, path=final), data, final)
        finished.save()
        write_embeddings(workspace, library, finished, chosen)
    return final.parent.name


def _reduced(found: RankerCheckpoint, recipe: RankerRecipe, index: int) -> RankerCheckpoint:
    """Return the fitted members but those at `index` of the recipe, renumbered, without weights."""
    arrays = {name: array for name, array in found.arrays.items() if not name.startswith("member")}
    notes: list[dict[str, Any]] = []
    for number, note in enumerate(found.config["members"]):
        if note["member"] in (index, HEAD_ALONE):
            continue
        arrays |= {f"member{len(notes)}.{name}": array for name, array in found.below(f"member{number}.").items()}
        plain = {key: value for key, value in note.items() if key not in ("weight", "head")}
        notes.append({**plain, "member": note["member"] - (note["member"] > index)})
    config = {
        **found.config,
        "recipe": recipe.as_dict(),
        "members": notes,
        "fingerprint": f"{found.config['fingerprint']} without {index}",
    }
    return RankerCheckpoint(found.path, config, arrays, found.ids)
