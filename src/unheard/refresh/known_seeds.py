"""Refuse a new recipe that names unknown tracks or an unknown playlist, which a refresh would leave out or fail on."""

from __future__ import annotations

from collections.abc import Sequence

from unheard.errors import UserError, quoted
from unheard.library import open_library
from unheard.plays import read_playlists
from unheard.recommend.playlist_names import the_one_called
from unheard.refresh.list_recipes import ListRecipe
from unheard.saved_playlists import PREFIX, read_saved
from unheard.search import did_you_mean, did_you_mean_tracks, near_names
from unheard.workspace import Workspace


def check_known(workspace: Workspace, recipe: ListRecipe) -> None:
    """Raise UserError for the first track or playlist that the workspace does not have.

    Names of playlists are not checked before the first import.
    """
    for option, track_ids in (("--like", recipe.like), ("--exclude", sorted(recipe.options.exclude))):
        if track_ids:
            _check_tracks(workspace, option, track_ids)
    if recipe.playlist:
        _check_playlist(workspace, recipe.playlist)


def _check_tracks(workspace: Workspace, option: str, track_ids: Sequence[str]) -> None:
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    for wrong in (one for one in track_ids if one not in tracks.ids):
        near = did_you_mean_tracks(wrong, tracks)
        advice = f"{near}`unheard tracks -w {quoted(workspace.root)}` lists them"
        raise UserError(f"{option}: no track {wrong!r} among {len(tracks)}; {advice}")


def _check_playlist(workspace: Workspace, name: str) -> None:
    """Check an id or a name, as `resolve_playlist` finds it."""
    stored = read_playlists(workspace)
    ids = [one.playlist_id for one in stored]
    if name in ids:
        return
    if name.startswith(PREFIX):
        if read_saved(workspace, name.removeprefix(PREFIX)) is None:
            raise UserError(f"--playlist: no saved playlist {name!r}; see the page of playlists of `unheard serve`")
        return
    if stored and not the_one_called(name, stored):
        near = did_you_mean([repr(one) for one in near_names(name, ids)])
        command = f"unheard playlists -w {quoted(workspace.root)}"
        raise UserError(f"--playlist: no playlist {name!r} among {len(stored)}; {near}`{command}` lists them")
