"""Store what was played in music players as plays, so that factors and models are fitted on it too.

It is the playlist `played:my-plays`. The weight of a track is its number of plays less that of its skips
(play_history.py); a track that was skipped as often as it was played is not in it.
"""

from __future__ import annotations

from unheard.play_history import history
from unheard.plays.plays import Play, Plays
from unheard.plays.storage import changing_plays, remove_playlists, replace_playlists
from unheard.workspace import Workspace

PLAYLIST_ID, NAME = "played:my-plays", "My plays"


def import_listened(workspace: Workspace) -> int:
    """Make the stored playlist that of the present history; return its number of tracks.

    Nothing is written if the history has not changed.
    """
    with changing_plays(workspace):  # two at once store the longer history
        return _import(workspace)


def _import(workspace: Workspace) -> int:
    counts = history(workspace).counts
    liked = sorted((one.first, track_id) for track_id, one in counts.items() if one.plays > one.skips)
    if not liked:
        remove_playlists(workspace, [PLAYLIST_ID])
        return 0
    plays = [
        Play(PLAYLIST_ID, track_id, position, counts[track_id].plays - counts[track_id].skips, first)
        for position, (first, track_id) in enumerate(liked)
    ]
    origins = {PLAYLIST_ID: str(workspace.played_path.absolute())}
    replace_playlists(workspace, Plays.of(plays), names={PLAYLIST_ID: NAME}, origins=origins)
    return len(plays)
