"""One file a ranker: how it is fitted. What it needs is `Evidence`, what it gives is a `Ranker`."""
