"""Make seeds of lists from names: ids and files of the library, and other audio files, which a model encodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.features.recording_prints import FINGERPRINT, SIGNATURE, ids_of_recording
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.models import ORACLE, UNTRAINED, without_part
from unheard.recommend.seeds import NewTrack, Seed
from unheard.recommend.sound import SOUND
from unheard.search import did_you_mean_tracks
from unheard.spectrograms.same_recording import Prints
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.inference.network_encoder import NetworkEncoder
    from unheard.inference.ranker_encoder import RankerEncoder

STATISTICS = "statistics"


class FileSeeds:
    """The seeds of one catalogue and one model. Only files outside the library import torch."""

    def __init__(self, workspace: Workspace, catalogue: Catalogue, model: str) -> None:
        self.workspace, self.catalogue, self.model = workspace, catalogue, model

    def seed_of(self, name: str, *, quick: bool = False) -> Seed:
        """Return a seed from a track id or a file; a file outside the library is encoded (`quick`: as in `encode`)."""
        from unheard.ingest.audio import try_to_decode

        row = self.known_row(name)
        if row is not None:
            return row
        if not Path(name).is_file():
            near = did_you_mean_tracks(name, self.catalogue.tracks)
            raise UserError(
                f"{name!r}: expected a track id of the library or an audio file; {near}`unheard tracks` lists the ids"
            )
        if not quick:
            try_to_decode(Path(name))  # in a process that a damaged file may end
        return self.encode(Path(name), quick=quick)

    def known_row(self, name: str) -> int | None:
        """Return the row of a track given by id, or by the path of a file of the library; None if unknown."""
        if name in self.catalogue.tracks.ids:
            return self.catalogue.tracks.ids.row(name)
        return self._row_of_path.get(str(Path(name).absolute()))

    def embed(self, files: Sequence[str | PathLike[str]], *, quick: bool = False) -> NDArray[np.float32]:
        """Return predicted factors of audio files, (len(files), dim); AudioError for a file that cannot be used."""
        return self._encoder.from_files([Path(file) for file in files], quick=quick)

    def encode(self, file: Path, *, quick: bool = False) -> NewTrack:
        """Return an audio file as a seed; raise AudioError if it cannot be used.

        quick  read excerpts only; the same recording in the library is then known by its audio hash and tags alone
        """
        from unheard.ingest.audio_hash import audio_hash
        from unheard.ingest.tags import read_tags

        if self.model == SOUND:
            features: Mapping[str, NDArray[np.float32]] = self._features_of(file, quick=quick)
            vector = features[STATISTICS]
        else:
            vector, features = self._encoder.encode_file(file, quick=quick)
        track = replace(read_tags(file), path=str(file.absolute()), audio_hash=audio_hash(file))
        if quick:
            return NewTrack(track, vector, features.get(STATISTICS), frozenset())
        prints = Prints(features[FINGERPRINT], features[SIGNATURE])
        same = frozenset(ids_of_recording(self.workspace, self.catalogue.tracks, prints))
        return NewTrack(track, vector, features.get(STATISTICS), same)

    def statistics_of(self, new: NewTrack) -> NDArray[np.float32] | None:
        """Return the statistics (d,) of an encoded file; None if the library's features are the user's own vectors."""
        if not self._content_is_statistics:
            return None
        return self._features_of(Path(new.track.path))[STATISTICS] if new.statistics is None else new.statistics

    @property
    def _content_is_statistics(self) -> bool:
        """Whether the features of the catalogue are computed from audio, as opposed to the user's own vectors."""
        from unheard.spectrograms.statistics import N_STATISTICS

        return int(self.catalogue.content.values.shape[1]) == N_STATISTICS

    def _features_of(self, file: Path, *, quick: bool = False) -> dict[str, NDArray[np.float32]]:
        """Return the features that a scan stores, of an audio file, by kind; AudioError if it cannot be used."""
        from unheard.features.mel_features import vectors_of
        from unheard.spectrograms.files import mel_of_file

        if not self._content_is_statistics:
            raise UserError(
                f"{file}: the library's features are vectors that were imported; scan the file with its vector"
            )
        settings = self.workspace.settings
        vectors = vectors_of(mel_of_file(file, settings, quick=quick), settings, file)
        return dict(zip((STATISTICS, SIGNATURE, FINGERPRINT), vectors, strict=True))

    @cached_property
    def _encoder(self) -> NetworkEncoder | RankerEncoder:
        from unheard.inference.load import load_encoder

        if self.model in (*UNTRAINED, ORACLE):
            raise UserError(
                f"{self.model} ranks only tracks of the library; scan the file, or name a trained model with --model"
            )
        return load_encoder(self.workspace, self.catalogue.split.name, without_part(self.model))

    @cached_property
    def _row_of_path(self) -> dict[str, int]:
        return {track.path: row for row, track in enumerate(self.catalogue.tracks.items) if track.path}
