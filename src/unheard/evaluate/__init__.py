"""Evaluate: ranking figures with chance, ceiling and intervals."""
