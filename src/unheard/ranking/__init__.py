"""Exact top-k and exact ranks of score matrices, with seeded random tie-breaking.

ties.py    tie keys: a seeded hash of query and candidate
exact.py   top k, ranks, and blocks of queries that bound the memory
"""

from unheard.ranking.exact import blocks, mid_ranks, ranks_of, top_k, top_k_in_order
from unheard.ranking.ties import mix, tie_keys

__all__ = ["blocks", "mid_ranks", "mix", "ranks_of", "tie_keys", "top_k", "top_k_in_order"]
