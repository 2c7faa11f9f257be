"""Evaluate: measure models on test tracks, with chance, oracle and confidence intervals."""
