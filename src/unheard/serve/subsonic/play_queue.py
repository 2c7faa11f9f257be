"""The play queue, which a player saves so that another one can go on: W/play-queue.json."""

from __future__ import annotations

import time

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.saved_playlists import MAX_TRACKS
from unheard.serve import client_ids
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call
from unheard.serve.subsonic.client_entries import songs, time_text


def play_queue(call: Call) -> Answer:
    """Empty if no queue was saved, or if its file is damaged."""
    try:
        stored = read_sealed(call.workspace.play_queue_path)
        track_ids, position_ms = [str(one) for one in stored["tracks"]], int(stored["position_ms"])
        current, changed_s, player = str(stored["current"]), float(stored["changed"]), str(stored["player"])
    except (OSError, ValueError, KeyError, TypeError):
        track_ids, current, position_ms, changed_s, player = [], "", 0, 0.0, ""
    seen = [one for one in track_ids if call.row_or_none(client_ids.of_track(one)) is not None]
    if current not in seen:  # its file is gone
        current, position_ms = next(iter(seen), ""), 0
    rows = [call.music.tracks.ids.row(one) for one in seen]
    return {
        "playQueue": {
            "current": client_ids.of_track(current) if current else None,
            "position": position_ms,
            "username": call.user,
            "changed": time_text(changed_s),
            "changedBy": player,
            "entry": songs(call, rows),
        }
    }


def save_play_queue(call: Call) -> Answer:
    """Without songs, the saved queue is cleared. Unknown songs are passed over."""
    given = call.parameters.every("id")
    rows = [row for one in given[:MAX_TRACKS] if (row := call.row_or_none(one)) is not None]
    if not rows:
        call.workspace.play_queue_path.unlink(missing_ok=True)
        return {}
    track_ids = call.music.tracks.ids
    current = call.row_or_none(call.parameters.text("current"))
    write_json(
        call.workspace.play_queue_path,
        {
            "tracks": [track_ids[row] for row in rows],
            "current": track_ids[rows[0] if current is None else current],
            "position_ms": call.parameters.number("position", 0),
            "changed": time.time(),
            "player": call.parameters.text("c")[:100],
        },
    )
    return {}
