"""What a server holds in memory: the catalogue and one session a model, read again when their files change."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from fastapi import Request

from unheard.recommend.build import BASELINES, ORACLE, trained_models
from unheard.recommend.catalogue import Catalogue
from unheard.serve.config import ServeConfig
from unheard.session import Session
from unheard.workspace import Workspace

Stamp = tuple[tuple[str, int, int], ...]


@dataclass
class Loaded:
    """One reading of a workspace. Everything in it stays as it is; a change of the files makes a new one.

    default  the session of the model that is used when none is named
    """

    default: Session
    _sessions: dict[str, Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def catalogue(self) -> Catalogue:
        return self.default.catalogue

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Every model that may be named: trained ones first, then baselines and the oracle."""
        trained = trained_models(self.default.workspace, self.catalogue.split.name)
        oracle = (ORACLE,) if self.catalogue.full is not None else ()
        return (*trained, *oracle, *BASELINES)

    def session(self, model: str | None = None) -> Session:
        """The session of a model (None: the default), made when it is first asked for."""
        if model is None or model == self.default.model:
            return self.default
        with self._lock:
            if model not in self._sessions:
                self._sessions[model] = Session(
                    self.default.workspace.root, split=self.catalogue.split.name, model=model
                )
            return self._sessions[model]


class Served:
    """The workspace of a server; may be used from many threads."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.workspace = Workspace.open(config.workspace)
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None

    def loaded(self) -> Loaded:
        """The current reading; MissingStageError names the command that a young workspace still needs."""
        with self._lock:
            if self._loaded is None:
                self._loaded = Loaded(Session(self.workspace.root, split=self.config.split, model=self.config.model))
            return self._loaded


def served(request: Request) -> Served:
    """The `Served` of the running application, for `Depends`."""
    return cast("Served", request.app.state.served)
