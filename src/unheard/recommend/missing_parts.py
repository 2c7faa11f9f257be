"""Say in words which parts of a workspace lists lack, although nothing that is there is damaged."""

from __future__ import annotations

from unheard.errors import UserError, quoted
from unheard.features.store import FeatureStore
from unheard.features.table import SCANNED_KINDS
from unheard.inference.predictions import NETWORK_FILE, RANKER_FILE
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.first_plays import estimates_path
from unheard.recommend.models import trained_models, without_part
from unheard.thumbs import damaged_lines
from unheard.workspace import Workspace


def missing_parts(workspace: Workspace, catalogue: Catalogue, model: str) -> list[str]:
    """Return a sentence for each part that is missing or damaged and changes lists: empty if all is there.

    model  the one that makes the lists
    """
    found, root, split = [], workspace.root, catalogue.split.name
    if lines := damaged_lines(workspace):
        found.append(f"{workspace.thumbs_path}: {len(lines)} damaged lines, whose thumbs do not count; correct them.")
    try:
        stored = FeatureStore(workspace.features_dir)
        kinds = [kind for kind in SCANNED_KINDS if (stored.root / kind).is_dir()]  # earlier versions scanned fewer
        have = [stored.track_ids(kind) for kind in kinds]
    except UserError as error:
        return [*found, str(error)]
    expected = [track.track_id for track in catalogue.tracks.items if track.content_hash and not track.gone_since]
    if lost := sum(not all(name in ids for ids in have) for name in expected):
        found.append(
            f"{root}: features of {lost} scanned tracks are missing; run `unheard scan -w {quoted(root)} MUSIC`."
        )
    folder = workspace.model_dir(split, without_part(model))
    trained = without_part(model) in trained_models(workspace, split)
    complete = (folder / RANKER_FILE).is_file() or (folder / NETWORK_FILE).is_file()
    if trained and complete and catalogue.is_live and not estimates_path(workspace, split, folder.name).is_file():
        found.append(f"{folder}: the estimates of first plays are missing; run `unheard train -w {quoted(root)}`.")
    return found
