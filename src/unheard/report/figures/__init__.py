"""Figures: pure functions from arrays to a matplotlib figure. Matplotlib is imported when a figure is drawn."""
