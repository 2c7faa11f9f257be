"""Parameters that several routes of the API share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from unheard.serve.schema import Shown
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import ServerState, current_snapshot, server_state


async def _current_server(request: Request) -> ServerState:
    return server_state(request)


CurrentServer = Annotated[ServerState, Depends(_current_server)]
CurrentSnapshot = Annotated[Snapshot, Depends(current_snapshot)]
TrackId = Annotated[str, Path(min_length=1, max_length=1000)]
PlaylistId = Annotated[str, Path(min_length=1, max_length=1000)]
SearchText = Annotated[str, Query(alias="q", max_length=200, description="Words that must all match, in any order.")]
Kinds = Annotated[Shown, Query(description="all, or the tracks of one `kind` or `status`, see `TrackOut`.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="Number of items to skip.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Maximum number of items.")]
