"""Your own encoder beside ours

An encoder is anything that predicts factors from features, such as a regression of scikit-learn. Here partial least
squares compete with `RidgeFactors` and its default penalty. Both are fitted to known tracks, predict the held-out
ones, and rank them for every playlist. Above is the recall@20 of each; their 95 % intervals overlap. Below is the
difference, playlist by playlist. Its interval excludes 0, because both models met the same easy and hard playlists.
The pair was chosen to show this, by its figures on these same tracks: it is no evidence for either method. The world
is generated and its listeners are simulated.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cross_decomposition import PLSRegression

import unheard
from unheard.estimators import RidgeFactors

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
catalogue = unheard.open(workspace).catalogue
warm, cold = catalogue.candidates("warm", new=False), catalogue.candidates("cold", new=False)
hidden = catalogue.plays[:, cold].toarray() > 0  # (playlist, cold track)
asked = hidden.any(axis=1)


def recall(encoder):
    """Return the recall@20 of each playlist that has a hidden track."""
    encoder.fit(catalogue.content.values[warm], catalogue.warm.tracks[warm])
    scores = catalogue.warm.playlists[asked] @ encoder.predict(catalogue.content.values[cold]).T
    first = np.argsort(-scores, axis=1)[:, :20]
    return np.take_along_axis(hidden[asked], first, axis=1).sum(axis=1) / hidden[asked].sum(axis=1)


def draw(axes, values, height, colour):
    """Draw a mean and its 95 % interval over playlists, by the bootstrap."""
    drawn = np.random.default_rng(0).integers(len(values), size=(1000, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    axes.plot([low, high], [height, height], color=colour, linewidth=2)
    axes.plot(values.mean(), height, "o", color=colour)
    axes.annotate(f"{values.mean():.3f}", (values.mean(), height), (0, 7), textcoords="offset points", ha="center")


mine, ours = recall(PLSRegression(n_components=10)), recall(RidgeFactors())
figure, (above, below) = plt.subplots(2, height_ratios=[2, 1], figsize=(5, 4))
draw(above, ours, 0, "C0")
draw(above, mine, 1, "C1")
above.set(ylim=(-0.5, 1.8), xlabel=f"recall@20 (chance: {min(20 / len(cold), 1):.3f})")
above.set_yticks([0, 1], ["RidgeFactors", "your own"])
draw(below, mine - ours, 0, "black")
below.axvline(0, color="grey", linestyle=":")
below.set(ylim=(-0.5, 0.9), xlabel=f"difference, n = {len(mine)} simulated playlists\nof a generated world")
below.set_yticks([0], ["yours - ours"])
figure.suptitle("Compare in pairs", x=0.02, ha="left")
plt.savefig(folder / "own_encoder.png")
