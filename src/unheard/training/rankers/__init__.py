"""Fit rankers: one file for each, from `TrainingData` to a `Ranker`."""
