"""The HTTP API: one module a subject, all under /api."""

from fastapi import APIRouter

from unheard.serve.api import health

router = APIRouter(prefix="/api")
router.include_router(health.router)

__all__ = ["router"]
