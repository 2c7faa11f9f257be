"""One request: its parameters, who sent it, and what it is answered from. Ids of clients become rows here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fastapi import Request

from unheard.play_history import NEVER, ListenCounts, PlayHistory, history
from unheard.ratings import Feedback, read_ratings
from unheard.serve import client_ids
from unheard.serve.album_index import Album
from unheard.serve.player_tables import Artist
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import ServerState
from unheard.serve.subsonic.errors import Code, SubsonicError
from unheard.serve.subsonic.music import Music, music_of
from unheard.serve.subsonic.parameters import Parameters
from unheard.session import Session
from unheard.workspace import Workspace

NO_FEEDBACK = Feedback()


@dataclass
class Call:
    """A request whose sender is known; `user` is the name of the sender's key, `may_listen` whether it may do more
    than read."""

    server: ServerState
    request: Request
    parameters: Parameters
    user: str
    may_listen: bool

    @property
    def workspace(self) -> Workspace:
        return self.server.workspace

    @cached_property
    def snapshot(self) -> Snapshot:
        """The snapshot from which this whole request is answered."""
        return self.server.snapshot()

    @property
    def session(self) -> Session:
        return self.snapshot.default

    @cached_property
    def music(self) -> Music:
        return music_of(self.snapshot)

    @cached_property
    def history(self) -> PlayHistory:
        return history(self.workspace)

    @cached_property
    def feedback_of_items(self) -> Mapping[str, Feedback]:
        """Stars and ratings by item."""
        return read_ratings(self.workspace)

    @property
    def player(self) -> str:
        """The name of the player: the user's, and that of the program."""
        return f"{self.user}/{self.parameters.text('c')[:100]}"

    def feedback(self, item: str) -> Feedback:
        return self.feedback_of_items.get(item, NO_FEEDBACK)

    def counts(self, row: int) -> ListenCounts:
        """Return how often a track was played."""
        return self.history.counts.get(self.music.tracks.ids[row], NEVER)

    # ---------------------------------------------------------------------------------------------------- what is meant

    def row(self, given: str) -> int:
        """Return the row of the track that a client means; NOT_FOUND if there is none with a file."""
        row = self.row_or_none(given)
        if row is None:
            raise not_found("song", given)
        return row

    def row_or_none(self, given: str) -> int | None:
        """Return the row of the track that a client means; None if there is none with a file."""
        track_id = client_ids.track_of(given)
        if track_id is None or track_id not in self.music.tracks.ids:
            return None
        row = self.music.tracks.ids.row(track_id)
        return row if self.music.has_file(row) else None

    def album(self, given: str) -> Album:
        """Return the album that a client means."""
        found = self.music.album(given)
        if found is None:
            raise not_found("album", given)
        return found

    def artist(self, given: str) -> Artist:
        """Return the artist that a client means."""
        found = self.music.artist(given)
        if found is None:
            raise not_found("artist", given)
        return found

    def rows_of(self, given: str) -> tuple[int, ...]:
        """Return the rows of a track, of an album or of an artist."""
        if given.startswith(client_ids.ALBUM):
            return self.album(given).rows
        if given.startswith(client_ids.ARTIST):
            artist = self.artist(given)
            return artist.rows or tuple(row for album in artist.albums for row in album.rows)
        return (self.row(given),)


def not_found(what: str, given: str) -> SubsonicError:
    """Return the error for an id that means nothing."""
    return SubsonicError(Code.NOT_FOUND, f"{what} not found: {given[:80]!r}")
