"""Ranking metrics as pure functions of arrays; validation, experiments and evaluation all call these.

accuracy.py    recall, nDCG, average precision, reciprocal rank, hit, AUC, overlap
chance.py      what a random ranking is expected to score
diversity.py   coverage, exposure, hubs, popularity and artists of the lists
intervals.py   cluster bootstrap, p-values, Holm's correction
"""
