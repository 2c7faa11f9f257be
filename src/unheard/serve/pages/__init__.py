"""The pages: server-rendered HTML over the same answers as the API."""

from fastapi import APIRouter

router = APIRouter()

__all__ = ["router"]
