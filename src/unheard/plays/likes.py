"""Store the tracks with a thumb up as plays, so that factors and models are fitted on them too.

They are the playlist `saved:my-likes`. Other saved playlists are no plays: a person may save a recommended list without
having heard it, and its tracks would no longer count as new.
"""

from __future__ import annotations

from unheard.plays.plays import Play, Plays
from unheard.plays.storage import changing_plays, remove_playlists, replace_playlists
from unheard.saved_playlists import likes_playlist
from unheard.workspace import Workspace


def import_likes(workspace: Workspace) -> int:
    """Make the stored playlist that of the present thumbs; return its number of tracks.

    Nothing is written if the thumbs have not changed.
    """
    with changing_plays(workspace):  # two at once store the later thumbs
        return _import(workspace)


def _import(workspace: Workspace) -> int:
    likes = likes_playlist(workspace)
    if not likes.track_ids:
        remove_playlists(workspace, [likes.playlist_id])
        return 0
    plays = [Play(likes.playlist_id, track_id, position) for position, track_id in enumerate(likes.track_ids)]
    replace_playlists(
        workspace,
        Plays.of(plays),
        names={likes.playlist_id: likes.name},
        origins={likes.playlist_id: str(workspace.thumbs_path.absolute())},
    )
    return len(plays)
