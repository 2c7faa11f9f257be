"""A path from one track to another

`path` finds tracks that lead from one to another in short steps. Each row is a track, from top to bottom, with its
genre. Its two points are its cosines with the first and with the last track of the path: on the whole, one falls and
the other rises. These two genres are near each other; between distant ones, the step from genre to genre is longer.
Genres come from the tags; the model does not read them. The world is generated.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import unheard

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
music = unheard.open(workspace)

start = sorted(music.catalogue.warm_track_ids)[18]
ranking, _ = music.similar(start, candidates="warm", n=1000, max_per_artist=None)
steps = music.path(start, ranking[len(ranking) // 2], n=9)  # to a track that is neither near nor far

vectors = music.directions[[step.row for step in steps]]  # unit vectors: their products are cosines
figure, axes = plt.subplots()
axes.plot(vectors @ vectors[0], range(len(steps)), "o-", label="first")
axes.plot(vectors @ vectors[-1], range(len(steps)), "s-", label="last")
axes.set_yticks(range(len(steps)), [music.catalogue.tracks[step.row].genre for step in steps])
axes.invert_yaxis()
shortest = min(step.similarity for step in steps[1:])
axes.set_xlabel(f"cosine with the first and the last track\n(between neighbours at least {shortest:.2f})")
axes.legend(loc="lower center")
figure.suptitle("From one track to another in eight steps", x=0.02, ha="left")
plt.savefig(folder / "path.png")
