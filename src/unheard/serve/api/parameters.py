"""Parts of addresses that several subjects share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from unheard.serve.schema import Which
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import ServerState, current_snapshot, server_state


async def _there(request: Request) -> ServerState:
    return server_state(request)


CurrentServer = Annotated[ServerState, Depends(_there)]
CurrentSnapshot = Annotated[Snapshot, Depends(current_snapshot)]
TrackId = Annotated[str, Path(min_length=1, max_length=1000)]
PlaylistId = Annotated[str, Path(min_length=1, max_length=1000)]
Wanted = Annotated[str, Query(alias="q", max_length=200, description="Words that must all be server.")]
Kinds = Annotated[Which, Query(description="cold: nobody has played them; warm: with plays; all.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="How many to pass over.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
