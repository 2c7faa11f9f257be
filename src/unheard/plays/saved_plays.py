"""Import saved playlists as plays, so that factors and models are fitted on them too.

"My likes" is one of them (saved_playlists.py). Each becomes the playlist `saved:<id>`; a later import replaces it.
"""

from __future__ import annotations

from unheard.plays.plays import Play, Plays
from unheard.plays.storage import replace_playlists
from unheard.saved_playlists import saved_playlists
from unheard.workspace import Workspace


def import_saved_playlists(workspace: Workspace) -> int:
    """Store every saved playlist that has tracks as plays; return their number. Unchanged ones change no file."""
    found = [one for one in saved_playlists(workspace)[0] if one.track_ids]
    plays = [
        Play(one.playlist_id, track_id, position) for one in found for position, track_id in enumerate(one.track_ids)
    ]
    paths = [workspace.thumbs_path if one.is_likes else workspace.saved_dir / f"{one.saved_id}.json" for one in found]
    replace_playlists(
        workspace,
        Plays.of(plays),
        names={one.playlist_id: one.name for one in found},
        origins={one.playlist_id: str(path.absolute()) for one, path in zip(found, paths, strict=True)},
    )
    return len(found)
