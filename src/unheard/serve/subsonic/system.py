"""Endpoints about the server and the user."""

from __future__ import annotations

from unheard.errors import UserError
from unheard.serve.jobs.record import State
from unheard.serve.state import ServerState
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call
from unheard.serve.subsonic.errors import Code, SubsonicError

EXTENSIONS = ("apiKeyAuthentication", "formPost", "songLyrics", "topSongsByArtistId")
SONIC = "sonicSimilarity"
ROLES = {
    "scrobblingEnabled": True,
    "adminRole": False,
    "settingsRole": False,
    "downloadRole": True,
    "uploadRole": False,
    "playlistRole": True,
    "coverArtRole": False,
    "commentRole": False,
    "podcastRole": False,
    "streamRole": True,
    "jukeboxRole": False,
    "shareRole": False,
    "videoConversionRole": False,
}


def ping(_: Call) -> Answer:
    return {}


def license_(_: Call) -> Answer:
    return {"license": {"valid": True}}


def extensions(server: ServerState) -> Answer:
    """Needs no key. Sonic similarity is there as soon as a model has vectors of tracks."""
    names = (*EXTENSIONS, SONIC) if _has_vectors(server) else EXTENSIONS
    return {"openSubsonicExtensions": [{"name": name, "versions": [1]} for name in names]}


def _has_vectors(server: ServerState) -> bool:
    try:
        session = server.snapshot().default
        return session.has_space and len(session.catalogue) > 0
    except UserError:
        return False


def user(call: Call) -> Answer:
    """Users know of themselves only."""
    name = call.parameters.text("username", call.user)
    if name != call.user:
        raise SubsonicError(Code.NOT_ALLOWED, f"{call.user} may not ask about other users")
    roles = {role: has and call.may_listen for role, has in ROLES.items()}
    roles["coverArtRole"] = True
    return {"user": {"username": call.user, **roles, "folder": [1]}}


def token_info(call: Call) -> Answer:
    return {"tokenInfo": {"username": call.user}}


def scan_status(call: Call) -> Answer:
    scanning = any(job.verb == "scan" and job.state == State.RUNNING for job in call.server.jobs.all())
    return {"scanStatus": {"scanning": scanning, "count": len(call.music.albums.rows)}}
