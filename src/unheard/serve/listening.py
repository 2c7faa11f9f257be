"""The rater's pages of a listening test."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
