"""What a cap per artist changes

Each column is the list of ten new tracks for one playlist, best first, under another `max_per_artist`. A tile is a
track, its colour is the band, and its number is the rank that the track has without a cap. The default, 2, replaces
the third and every further track of a band by the tracks that come next. With 1, every track is by another band, and
the list reaches further down the ranking. The world is generated.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import unheard

workspace, folder = map(Path, sys.argv[1:])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
music = unheard.open(workspace)
caps = {"no cap": None, "3": 3, "2 (default)": 2, "1": 1}

playlist = music.catalogue.playlists[0]
ranking, _ = music.recommend(playlist=playlist, n=1000, max_per_artist=None)
artist_of = {track.track_id: track.artists[0] for track in music.catalogue.tracks.items}
artists = list(dict.fromkeys(artist_of[track_id] for track_id in ranking))
colours = plt.colormaps["Set3"]

figure, axes = plt.subplots(figsize=(5, 4.6))
for column, cap in enumerate(caps.values()):
    ids, _ = music.recommend(playlist=playlist, n=10, max_per_artist=cap)
    for height, track_id in enumerate(ids):
        colour = colours(artists.index(artist_of[track_id]) % 12)
        axes.add_patch(plt.Rectangle((column - 0.45, height - 0.45), 0.9, 0.9, color=colour))
        axes.text(column, height, ranking.index(track_id) + 1, ha="center", va="center")
axes.set(xlim=(-0.5, len(caps) - 0.5), ylim=(9.5, -0.5), yticks=range(10), yticklabels=range(1, 11))
axes.set_xticks(range(len(caps)), caps)
axes.set(xlabel="max_per_artist", ylabel="rank in the list")
figure.suptitle(f"New tracks for playlist {playlist}, coloured by band", x=0.02, ha="left")
plt.savefig(folder / "artist_caps.png")
