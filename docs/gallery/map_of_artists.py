"""A map of artists by predicted factors

`directions` are unit vectors of all tracks, predicted from audio: with a high cosine, two tracks are predicted to
have the same listeners. Each point is the mean of one band, and t-SNE lays the bands out so that near bands stay
near. Dots are the bands that the model learned from. Rings are held-out bands, of which it read no plays; most of
them are beside the bands of their genre. Genres only give the colours. The world is generated.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.manifold import TSNE

import unheard

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
music = unheard.open(workspace)

warm, cold = (music.catalogue.candidates(which, new=False) for which in ("warm", "cold"))
rows = np.concatenate([warm, cold])
tracks = [music.catalogue.tracks[int(row)] for row in rows]
names = np.array([track.artists[0] for track in tracks])
artists, first = np.unique(names, return_index=True)
genres, is_known = np.array([tracks[row].genre for row in first]), first < len(warm)
means = np.stack([music.directions[rows[names == artist]].mean(axis=0) for artist in artists])
layout = TSNE(perplexity=min(15, len(artists) / 4), metric="cosine", init="random", random_state=1).fit_transform(means)

style = {"weight": "bold", "zorder": 0}
figure, axes = plt.subplots(figsize=(5, 5))
for number, genre in enumerate(sorted(set(genres))):
    colour, mine = plt.colormaps["tab10"](number), genres == genre
    axes.scatter(*layout[mine & is_known].T, s=40, color=colour)
    axes.scatter(*layout[mine & ~is_known].T, s=70, facecolors="none", edgecolors=colour, linewidths=2)
    above = np.median(layout[mine, 0]), np.quantile(layout[mine, 1], 0.9)
    axes.annotate(genre, above, (0, 10), textcoords="offset points", ha="center", **style, color=colour)
axes.margins(0.12)
axes.set(xticks=[], yticks=[], xlabel=f"dots: {is_known.sum()} known bands; rings: {(~is_known).sum()} held-out bands")
figure.suptitle("Bands of a generated world, by predicted factors", x=0.02, ha="left")
plt.savefig(folder / "map_of_artists.png")
