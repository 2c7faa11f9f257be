"""Your own factors, and how well sound predicts them

The vectors that you serve need not come from unheard. Here a singular value decomposition of the playlists gives 20
factors of each known track. Which of them are in the sound? `RidgeFactors` predicts them from audio features, for
bands that it was not fitted to (five folds of whole bands). A bar is the correlation of predicted and true factors: 1
is perfect. By chance, about 95 % of the bars would end in the grey range, whose width counts each band once. The
first factor follows popularity, which is not in the sound. The next nine tell the ten genres of this generated world
apart, and they are. The others are not. `unheard factors --import` takes such vectors: [your own
factors](how-to/own-factors.md).
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import normalize

import unheard
from unheard.estimators import RidgeFactors

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
catalogue = unheard.open(workspace).catalogue
known = catalogue.candidates("warm", new=False)
features, bands = catalogue.content.values[known], catalogue.main_artist[known]

plays = (catalogue.plays[:, known] > 0).T.astype(float)  # (track, playlist)
factors = TruncatedSVD(min(20, len(known) - 1), random_state=0).fit_transform(normalize(plays))
predicted = cross_val_predict(RidgeFactors(), features, factors, groups=bands, cv=GroupKFold(5))
correlations = [np.corrcoef(*pair)[0, 1] for pair in zip(predicted.T, factors.T, strict=True)]
chance = 1.96 / np.sqrt(len(set(bands)))

figure, axes = plt.subplots(figsize=(5, 4))
axes.axhspan(-chance, chance, color="0.9")
axes.axhline(0, color="black", linewidth=0.8)
axes.bar(range(1, len(correlations) + 1), correlations)
popularity = np.corrcoef(np.ravel(plays.sum(axis=1)), factors[:, 0])[0, 1]
axes.text(1, -0.45, f"factor 1 and popularity: r = {popularity:.2f}")
axes.set_xlabel(f"factor (n = {len(known)} known tracks of a generated world)")
axes.set(ylabel="correlation for bands held out", ylim=(-0.5, 1), xticks=range(2, len(correlations) + 1, 2))
figure.suptitle("Which factors are in the sound?", x=0.02, ha="left")
plt.savefig(folder / "own_factors.png")
