"""Parts of addresses that several subjects share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from unheard.serve.schema import Which
from unheard.serve.state import Loaded, Served, current, served


async def _there(request: Request) -> Served:
    return served(request)


There = Annotated[Served, Depends(_there)]
Now = Annotated[Loaded, Depends(current)]
TrackId = Annotated[str, Path(min_length=1, max_length=1000)]
PlaylistId = Annotated[str, Path(min_length=1, max_length=1000)]
Wanted = Annotated[str, Query(alias="q", max_length=200, description="Words that must all be there.")]
Kinds = Annotated[Which, Query(description="cold: nobody has played them; warm: with plays; all.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="How many to pass over.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
