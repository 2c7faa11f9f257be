"""Configuration of the losses that are not in the thesis: tables of a recipe. training/ computes them.

Importing this module is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Contrastive:
    """InfoNCE between tracks that share playlists (van den Oord, Li & Vinyals 2018; Alonso-Jimenez et al. 2023).

    temperature    cosines are divided by it
    weight         a track's positive is drawn in proportion to "count": the number of playlists with both; "ppmi": the
                   positive pointwise mutual information of both
    partners       number of tracks with the largest weight among which a positive is drawn
    other_artists  positives have another main artist
    log_q          subtract the log of a candidate's sampling probability from its logit (Yi et al. 2019); without it
                   frequently drawn, that is popular, candidates get lower scores
    memory         number of embeddings of earlier steps that are candidates too (Wang et al. 2020, cross-batch memory)
    """

    temperature: float = 0.1
    weight: Literal["count", "ppmi"] = "ppmi"
    partners: int = 50
    other_artists: bool = False
    log_q: bool = True
    memory: int = 0


@dataclass(frozen=True)
class ContrastivePlaylists:
    """InfoNCE between a track and a playlist that contains it, in both directions.

    A playlist's embedding is its warm factor times a learned matrix (CLCRec, Wei et al. 2021, learns embeddings of
    listeners as well).

    negatives      number of playlists that are drawn in addition to those of the batch
    temperature, log_q, memory   as in `Contrastive`
    """

    temperature: float = 0.1
    negatives: int = 256
    log_q: bool = True
    memory: int = 0


@dataclass(frozen=True)
class MultiSimilarity:
    """Wang et al. 2019, eq. 10, with its pair mining: the weight of a pair grows with its violation of the order.

    alpha, beta, base  sharpness for positives and for negatives, and the cosine from which both are measured
    epsilon            a pair is used if it is within this of the hardest pair of the other kind
    nearest, buffer, group   which tracks are positives and how a batch is drawn, as in `TripletSemiHard`
    """

    alpha: float = 2.0
    beta: float = 50.0
    base: float = 0.5
    epsilon: float = 0.1
    nearest: int = 20
    buffer: int = 20
    group: int = 4


@dataclass(frozen=True)
class Cosine:
    """1 - cosine of centred factors, plus `length` times the squared error, which determines the length of factors."""

    length: float = 0.1


@dataclass(frozen=True)
class Score:
    """(y' - y)^T X^T X (y' - y): squared error of the scores for all playlists X (van den Oord et al. 2013)."""
