"""Train networks that predict factors from audio."""
