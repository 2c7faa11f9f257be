"""Extract features of one audio file: the vectors that `scan` and `features` store of it, decoding it once.

scan/audio_extraction.py extracts what a scan stores of a file: the mel spectrogram, two kinds of features, duration and
tags.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unheard.arrays import Floats
from unheard.errors import AudioError, UserError
from unheard.features.extractor import BlockExtractor, FeatureExtractor, MelExtractor, Prepared, checked_vector
from unheard.features.mel_features import vector_of_mel
from unheard.features.streams import Reader, read_together
from unheard.features.table import from_audio, installed, load_extractor
from unheard.ingest.audio import MISSING_SHARE, decode_at_rates
from unheard.ingest.excerpts import decode_excerpts
from unheard.spectrograms.files import encoded_mel
from unheard.workspace import Settings, Workspace

Vectors = dict[str, Floats]


def extract_file(
    path: Path,
    kinds: Collection[str],
    settings: Settings,
    *,
    workspace: Workspace | None = None,
    max_lost: float = MISSING_SHARE,
    quick: bool = False,
) -> Vectors:
    """Return the vectors of one audio file by kind; kinds that are not extracted from audio are left out.

    They are equal, bit for bit, to what a scan of a workspace with these settings and `unheard features` store. The
    file is decoded once, for all sample rates. Networks stay loaded for the next file.

    workspace  has the models of kinds `encoder@<split>@<model>`
    max_lost   share of its sound that a damaged file may lack
    quick      read excerpts of a long file only (ingest/excerpts.py): vectors near those of the whole file

    AudioError if the file cannot be used, MissingStageError if weights are missing in the cache or a network is not
    trained, UserError if an extractor returns another shape or type than it declares.
    """
    extractors = [load_extractor(kind, workspace) for kind in dict.fromkeys(kinds) if from_audio(kind)]
    from_mel = [extractor for extractor in extractors if isinstance(extractor, MelExtractor)]
    readers: list[tuple[int, Reader[Vectors]]] = []
    if from_mel:
        readers.append((settings.sample_rate, partial(_read_mel, from_mel, settings, path)))
    for extractor in extractors:
        if not isinstance(extractor, MelExtractor):
            assert extractor.sample_rate_hz is not None
            readers.append((extractor.sample_rate_hz, partial(_read, extractor)))
    if not readers:
        return {}
    for extractor in extractors:
        if isinstance(extractor, Prepared):
            extractor.prepare()
    rates = list(dict.fromkeys(rate for rate, _ in readers))
    stream: Iterator[Sequence[Floats]] = (
        decode_excerpts(path, sample_rates=rates)
        if quick
        else decode_at_rates(path, sample_rates=rates, max_lost=max_lost)
    )
    found = read_together(stream, [(rates.index(rate), reader) for rate, reader in readers])
    return {kind: vector for vectors in found for kind, vector in vectors.items()}


def _read_mel(extractors: Sequence[MelExtractor], settings: Settings, path: Path, blocks: Iterator[Floats]) -> Vectors:
    mel = encoded_mel(blocks, settings)
    found = {}
    for extractor in extractors:
        assert isinstance(extractor, FeatureExtractor)
        found[extractor.kind] = vector_of_mel(extractor, mel, settings, path)
    return found


def _read(extractor: FeatureExtractor, blocks: Iterator[Floats]) -> Vectors:
    source = installed()[extractor.kind].source
    try:
        if isinstance(extractor, BlockExtractor):
            vector = extractor.extract_blocks(blocks)
        else:
            parts = list(blocks)
            vector = extractor.extract(np.concatenate(parts) if parts else np.zeros(0, np.float32))
    except (AudioError, UserError):
        raise
    except Exception as error:
        raise UserError(
            f"{source}: extract failed ({type(error).__name__}: {error}); report this to the package's authors"
        ) from error
    return {extractor.kind: checked_vector(vector, extractor, source)}
