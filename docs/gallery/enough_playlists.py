"""How many playlists are enough?

From more and more playlists, ALS learns 16 factors of each known track, and `RidgeFactors` learns to predict them
from sound. Each time, the held-out tracks are ranked for the same 400 other playlists. Recall@20 is the share of a
playlist's hidden tracks that are among the first 20, averaged over five draws of the playlists to learn from; the
shaded range is its 95 % interval over the 400 playlists. The dashed line is what one has without other playlists:
ranking by how similar a track sounds to those of the playlist. Here learning overtakes it near 100 playlists, and
gains little after 200. The world is generated and its listeners are simulated, so expect other numbers for your own.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler, normalize

import unheard
from unheard.estimators import RidgeFactors
from unheard.factors.als import AlsConfig, fit_als, fold_in

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
catalogue, rng, config = unheard.open(workspace).catalogue, np.random.default_rng(0), AlsConfig(dim=16)
warm, cold = catalogue.candidates("warm", new=False), catalogue.candidates("cold", new=False)
known, hidden = catalogue.plays[:, warm], catalogue.plays[:, cold].toarray() > 0
features = catalogue.content.values
order = rng.permutation(np.flatnonzero(hidden.any(axis=1)))
tested, others = np.split(order, [min(400, len(order) // 2)])


def recall(scores):
    """Return the recall@20 of each tested playlist, from scores (playlist, cold track)."""
    first = np.argsort(-scores, axis=1)[:, :20]
    return np.take_along_axis(hidden[tested], first, axis=1).sum(axis=1) / hidden[tested].sum(axis=1)


def learn(playlists):
    """Return the recall@20 of each tested playlist after learning from some others."""
    _, factors = fit_als(known[playlists], config)
    played = factors.any(axis=1)
    regression = RidgeFactors().fit(features[warm][played], factors[played])
    return recall(fold_in(factors, known[tested], config) @ regression.predict(features[cold]).T)


sizes = [size for size in (10, 20, 50, 100, 200, 500, 1000, 2000) if size <= len(others)]
recalls = [np.mean([learn(rng.permutation(others)[:size]) for _ in range(5)], axis=0) for size in sizes]
means, errors = np.mean(recalls, axis=1), 1.96 * np.std(recalls, axis=1) / np.sqrt(len(tested))
sound = StandardScaler().fit(features[warm])
by_sound = (
    (known[tested] > 0) @ normalize(sound.transform(features[warm])) @ normalize(sound.transform(features[cold])).T
)

figure, axes = plt.subplots()
axes.plot(sizes, means, "o-")
axes.fill_between(sizes, means - errors, means + errors, alpha=0.2, linewidth=0)
axes.axhline(recall(by_sound).mean(), color="C1", linestyle="--", label="similar sound, nothing learned")
axes.axhline(min(20 / len(cold), 1), color="grey", linestyle=":", label="chance")
axes.set(xscale="log", xticks=sizes, xticklabels=sizes, ylim=(0, None), ylabel="recall@20")
axes.set_xlabel(f"playlists to learn from (tested: n = {len(tested)} others)\nsimulated listeners of a generated world")
axes.legend(loc="lower right")
figure.suptitle("How many playlists are enough?", x=0.02, ha="left")
plt.savefig(folder / "enough_playlists.png")
