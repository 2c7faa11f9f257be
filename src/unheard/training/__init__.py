"""Training: one loop for every recipe, checkpoints, and prediction of factors from sound."""
