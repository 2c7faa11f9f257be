"""The neighbours of a song that nobody has played

A program composes a new song by a new band. `similar` reads its audio file, predicts its factors, and compares them
with the known tracks. Each dot is a known track and each row a genre; the genre of the new song is in bold, and the
ten nearest tracks have rings. The model has never read a genre: it has the sound of the new song, and sound and
playlists of the known tracks. The world is generated.
"""

import csv
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

import unheard
from unheard.demo.generator import build_world

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
music = unheard.open(workspace)

with TemporaryDirectory() as temporary:
    build_world(Path(temporary), seed=4, n_bands=1, n_tracks=1, n_playlists=1, jobs=1)
    with (Path(temporary) / "tracks.csv").open(encoding="utf-8") as table:
        song = next(csv.DictReader(table))
    ids, cosines = music.similar(str(Path(temporary, song["path"])), candidates="warm", n=1000, max_per_artist=None)

genre_of = {track.track_id: track.genre for track in music.catalogue.tracks.items}
genres = np.array([genre_of[track_id] for track_id in ids])
rows = sorted(set(genres), key=lambda genre: np.median(cosines[genres == genre]))
heights = np.array([rows.index(genre) for genre in genres])
heights = heights + np.random.default_rng(0).uniform(-0.25, 0.25, len(heights))

figure, axes = plt.subplots()
axes.scatter(cosines, heights, s=16, alpha=0.5, linewidths=0, color=np.where(genres == song["genre"], "C1", "C0"))
axes.scatter(cosines[:10], heights[:10], s=60, facecolors="none", edgecolors="black", label="ten nearest")
axes.set_yticks(range(len(rows)), rows)
for tick in axes.get_yticklabels():
    tick.set_fontweight("bold" if tick.get_text() == song["genre"] else "normal")
axes.set_xlabel(f"cosine with the new song\n{len(ids)} known tracks of a generated world")
axes.legend(loc="lower right", handletextpad=0)
figure.suptitle(f"What is near a new {song['genre']} song?", x=0.02, ha="left")
plt.savefig(folder / "new_track.png")
