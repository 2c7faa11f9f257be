"""unheard recommends music nobody has played yet."""
