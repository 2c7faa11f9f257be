"""Export a split, and lists of models, in the layouts of other projects, so that their code runs on the same data."""
