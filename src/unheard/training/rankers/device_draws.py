"""Draw the steps of a ranker on the device, where the host would take ten times as long as CUDA takes for a step.

Nothing here waits for the device. The numbers drawn are not those of the host, so a fit on CUDA differs from one on a
CPU as one with another seed does.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from unheard.arrays import Rows
from unheard.training.dataset import TrainingData

MAX_ENTRIES = 2**25  # of the playlists of a step, padded to the longest playlist


def draws_on(device: torch.device, data: TrainingData, n_playlists: int) -> DeviceDraws | None:
    """Return draws of steps of so many playlists on CUDA; None on a CPU, and where memory does not allow it."""
    if device.type != "cuda":
        return None
    draws = DeviceDraws(data.train.plays, data.train.artists, device)
    return draws if draws.fits(n_playlists) else None


class DeviceDraws:
    """Plays (playlist, track) on a device, and the number of each track's artist."""

    def __init__(self, plays: csr_matrix, artists: Rows, device: torch.device) -> None:
        self._begin = torch.from_numpy(plays.indptr.astype(np.int64)).to(device)  # (playlist + 1,)
        self._tracks = torch.from_numpy(plays.indices.astype(np.int64)).to(device)  # (play,)
        numbers = np.unique(artists, return_inverse=True)[1].reshape(-1).astype(np.int64)
        self._artists = torch.from_numpy(numbers).to(device)  # (track,)
        self._shape = plays.shape
        self._n_artists = int(numbers.max()) + 1
        self._longest = int(np.diff(plays.indptr).max(initial=0))

    def fits(self, n_playlists: int) -> bool:
        """Return whether so many playlists fit into memory, padded to the longest one."""
        return 0 < n_playlists * self._longest <= MAX_ENTRIES

    def tracks(self, n: int) -> Tensor:
        """Draw at most n of all tracks, ascending: (n,)."""
        n_tracks = self._shape[1]
        device = self._tracks.device
        if n_tracks <= n:
            return torch.arange(n_tracks, device=device)
        return torch.randperm(n_tracks, device=device)[:n].sort().values

    def tracks_of(self, playlists: Tensor, n: int) -> Tensor:
        """Draw at most n tracks, first those that the playlists hold, then others, ascending: (n,)."""
        n_tracks = self._shape[1]
        order = torch.rand(n_tracks + 1, device=playlists.device)
        order[self._entries(playlists)] -= 1
        return torch.topk(order[:n_tracks], min(n, n_tracks), largest=False).indices.sort().values

    def playlists(self, n: int) -> Tensor:
        """Draw n playlists with repetition: (n,)."""
        return torch.randint(self._shape[0], (n,), device=self._tracks.device)

    def listed(self, playlists: Tensor, tracks: Tensor) -> Tensor:
        """Return which tracks each playlist holds, (playlist, track) bool."""
        n = len(tracks)
        index = torch.full((self._shape[1],), n, device=tracks.device)
        index[tracks] = torch.arange(n, device=tracks.device)
        column = torch.cat([index, index.new_full((1,), n)])[self._entries(playlists)]
        found = torch.zeros(len(playlists), n + 1, dtype=torch.bool, device=tracks.device)
        return found.scatter_(1, column, value=True)[:, :n]

    def _entries(self, playlists: Tensor) -> Tensor:
        """Return the tracks of playlists, (playlist, longest); behind the end of each, a number that is no track's."""
        at = self._begin[playlists, None] + torch.arange(self._longest, device=playlists.device)
        found = self._tracks[at.clamp(max=len(self._tracks) - 1)]
        return torch.where(at < self._begin[playlists + 1, None], found, self._shape[1])

    def hidden(self, n_playlists: int, tracks: Tensor, share: float, *, across_artists: bool) -> Tensor:
        """Draw which tracks are hidden in each playlist, a share of them or of their artists: (playlist, track)."""
        if not across_artists:
            return torch.rand(n_playlists, len(tracks), device=tracks.device) < share
        drawn = torch.rand(n_playlists, self._n_artists, device=tracks.device) < share
        return drawn[:, self._artists[tracks]]
