"""How good are lists of new tracks?

For each playlist, all tracks of held-out bands are ranked. Recall@20 is the share of a playlist's hidden tracks that
are among the first 20. Look at chance and at the oracle first: any model is between them. The oracle ranks by the
factors that the hidden plays would give. Artist mean is at chance, because all artists are new. Bars are 95 %
intervals over playlists; some are shorter than the dots. The world is generated and its listeners are simulated, so
the figures do not apply to real listeners.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import unheard
from unheard.evaluate.evaluate import evaluate

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
music = unheard.open(workspace)

models = ["random", "artist-mean", "content-neighbours", "ridge", music.model, "oracle"]
results = evaluate(music.workspace, music.catalogue.split.name, models=models)
wanted = {"task": "recommend", "candidates": "cold", "metric": "recall", "k": 20}
rows = {row["model"]: row for row in results.rows if wanted.items() <= row.items()}

values = np.array([rows[model]["value"] for model in models])
intervals = np.array([(rows[model]["low"], rows[model]["high"]) for model in models])
chance, n = rows["random"]["chance"], rows["random"]["n"]

figure, axes = plt.subplots(figsize=(5, 4))
axes.axvline(chance, color="grey", linestyle=":")
axes.text(chance, len(models) - 0.4, f" chance {chance:.3f}", color="grey")
axes.errorbar(values, range(len(models)), xerr=np.abs(intervals.T - values), fmt="o", capsize=3)
for height, value in enumerate(values):
    axes.annotate(f"{value:.3f}", (value, height), (0, 7), textcoords="offset points", ha="center")
axes.set_yticks(range(len(models)), models)
axes.set(xlim=(0, 1), ylim=(-0.5, len(models) + 0.1))
axes.set_xlabel(f"recall@20, n = {n} simulated playlists\nof a generated world")
figure.suptitle("Lists of tracks by bands that no model has met", x=0.02, ha="left")
plt.savefig(folder / "cold_start.png")
