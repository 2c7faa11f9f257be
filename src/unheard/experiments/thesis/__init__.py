"""Experiments on the 22 models of the thesis (B. Pohl, QMUL 2019): replication, leakage, bag of tones."""
