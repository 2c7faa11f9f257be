"""What the sound tells: which features find new tracks?

A track's features describe its loudness, pitch, rhythm, spectrum and timbre. From each group alone, a ridge
regression predicts the factors of held-out tracks, which are then ranked for every playlist. Recall@20 is the share
of a playlist's hidden tracks that are among the first 20; bars are 95 % intervals over playlists. Beside each name is
the number of features. Seven numbers of loudness find more than 36 of pitch, and timbre alone nearly as much as
everything. The world is generated and its listeners are simulated: they choose by style, tempo, brightness and mode.
Real listeners may value other features.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import unheard
from unheard.features.extraction import extract_file
from unheard.spectrograms.statistics import STATISTICS

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
music = unheard.open(workspace)
statistics, settings = music.catalogue.content.values, music.workspace.settings
warm, cold = music.catalogue.candidates("warm", new=False), music.catalogue.candidates("cold", new=False)
hidden = music.catalogue.plays[:, cold].toarray() > 0  # (playlist, cold track)
asked = hidden.any(axis=1)


def block(*prefixes):
    """Return the statistics of all tracks whose names begin with a prefix."""
    return np.hstack([statistics[:, part] for name, part in STATISTICS.items() if name.startswith(prefixes)])


chroma = np.zeros((len(statistics), 36))
for row in [*warm, *cold]:
    chroma[row] = extract_file(Path(music.catalogue.tracks[int(row)].path), ["chroma"], settings)["chroma"]
groups = {
    "loudness": block("loudness"),
    "pitch (chroma)": chroma,
    "rhythm": block("flux", "modulation", "tempo"),
    "spectrum (mel)": block("mel"),
    "timbre (MFCC)": block("mfcc"),
    "all": np.hstack([statistics, chroma]),
}
profiles = music.catalogue.warm.playlists[asked]

figure, axes = plt.subplots(figsize=(5, 4))
chance = min(20 / len(cold), 1)
axes.axvline(chance, color="grey", linestyle=":")
axes.text(chance, len(groups) - 0.5, f" chance {chance:.3f}", color="grey")
for height, features in enumerate(groups.values()):
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(1, 1e6, 13)))
    predicted = ridge.fit(features[warm], music.catalogue.warm.tracks[warm]).predict(features[cold])
    first = np.argsort(-profiles @ predicted.T, axis=1)[:, :20]
    recalls = np.take_along_axis(hidden[asked], first, axis=1).sum(axis=1) / hidden[asked].sum(axis=1)
    axes.errorbar(
        recalls.mean(), height, xerr=1.96 * recalls.std() / np.sqrt(len(recalls)), fmt="o", capsize=3, color="C0"
    )
axes.set_ylim(-0.5, len(groups))
axes.set_yticks(range(len(groups)), [f"{name} ({values.shape[1]})" for name, values in groups.items()])
axes.set_xlabel(f"recall@20, n = {len(recalls)} simulated playlists\nof a generated world")
figure.suptitle("Which features find new tracks?", x=0.02, ha="left")
plt.savefig(folder / "what_sound_tells.png")
