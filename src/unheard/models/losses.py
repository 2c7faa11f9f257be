"""Losses beside the thesis' as data: tables of a recipe. What each computes is in training/, under the same name.

Importing this module is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Contrastive:
    """InfoNCE between tracks that share playlists (van den Oord, Li & Vinyals 2018; Alonso-Jimenez et al. 2023).

    temperature    cosines are divided by it
    weight         a track's positive is drawn in proportion to "count": the playlists that hold both; "ppmi": the
                   positive pointwise mutual information of that
    partners       among so many tracks with the largest weight
    other_artists  positives are by another main artist
    log_q          take the log of how often a candidate is drawn from its logit (Yi et al. 2019): else the frequent
                   ones, which are the popular ones, are pushed away
    memory         so many embeddings of earlier steps are candidates too (Wang et al. 2020, cross-batch memory)
    """

    temperature: float = 0.1
    weight: Literal["count", "ppmi"] = "ppmi"
    partners: int = 50
    other_artists: bool = False
    log_q: bool = True
    memory: int = 0


@dataclass(frozen=True)
class ContrastivePlaylists:
    """InfoNCE between a track and a playlist that holds it, both ways; a playlist is its warm factor times a learned
    matrix (CLCRec, Wei et al. 2021, learns the places of listeners as well).

    negatives      playlists that are drawn beside those of the batch
    temperature, log_q, memory   as in `Contrastive`
    """

    temperature: float = 0.1
    negatives: int = 256
    log_q: bool = True
    memory: int = 0


@dataclass(frozen=True)
class MultiSimilarity:
    """Wang et al. 2019, eq. 10, with its pair mining: pairs count the more, the more they are out of order.

    alpha, beta, base  sharpness for positives and for negatives, and the cosine that both are measured from
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
    """1 - cosine of centred factors, plus `length` times the squared error, which alone says how long a factor is."""

    length: float = 0.1


@dataclass(frozen=True)
class Score:
    """(y' - y)^T X^T X (y' - y): squared error of the scores that all playlists X give (van den Oord et al. 2013)."""
