"""Evaluate: metrics of models with chance, oracle and intervals."""
