"""Are only hits recommended?

For every playlist the model makes a list of twenty held-out tracks. Each dot is such a track: to the right, more
playlists really have it, which the model was not shown; upwards, it is in more of the lists. The dotted line is the
mean. The model lists every track hundreds of times, a hit hardly more often than a rarity, because popularity is not
in the sound of this world. The oracle (rings) ranks by the factors that the hidden plays would give, so it prefers
hits. The world is generated and its listeners are simulated.
"""

import csv
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

import unheard

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
catalogue = unheard.open(workspace).catalogue
cold = catalogue.candidates("cold", new=False)
have = np.asarray((catalogue.plays[:, cold] > 0).sum(axis=0)).ravel()  # playlists that have each cold track


def listed(model):
    """Return in how many lists of twenty each cold track is."""
    with TemporaryDirectory() as temporary:
        path = Path(temporary, "lists.csv")
        unheard.open(workspace, model=model).write_recommendation_lists(path, candidates="cold", n=20)
        with path.open(encoding="utf-8") as table:
            found = Counter(row["track_id"] for row in csv.DictReader(table))
    return np.array([found[catalogue.tracks[int(row)].track_id] for row in cold])


model = unheard.open(workspace).model
by_model, by_oracle = listed(model), listed("oracle")
n = len(catalogue.playlists)
figure, axes = plt.subplots()
axes.scatter(have, by_oracle, facecolors="none", edgecolors="C1", label="oracle")
axes.scatter(have, by_model, color="C0", label=model)
axes.axhline(by_model.mean(), color="grey", linestyle=":", label="mean")
ticks = [50, 100, 200, 500, 1000]
axes.set(xscale="log", xticks=ticks, xticklabels=ticks, ylim=(0, None), ylabel="lists that have the track")
axes.set_xlabel(f"playlists that really have it (of {n}, simulated)\n{len(cold)} held-out tracks of a generated world")
axes.legend(loc="upper left")
figure.suptitle("Are hits recommended more often?", x=0.02, ha="left")
plt.savefig(folder / "reach.png")
