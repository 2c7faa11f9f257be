"""Metrics of rankings as pure functions of arrays, for validation, experiments and evaluation.

accuracy.py              recall, nDCG, average precision, reciprocal rank, hit, AUC, overlap
chance.py                expectations for a random ranking
diversity.py             coverage, exposure, hubs, popularity and artists of the lists
intervals.py             cluster bootstrap, p-values, Holm's correction
recall_by_popularity.py  recall within popularity bands, and by inverse plays
"""
