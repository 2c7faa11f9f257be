"""Draw audio: waveform and spectrogram (thesis figure 3.4), two window lengths (3.5), input levels (4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unheard.arrays import Reals
from unheard.report.figures.canvas import BLUE, SEQUENTIAL, SOFT, VERMILION, drawn, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 900  # of an image; more are not visible
TICKS_HZ = (125, 500, 2000, 8000)


@drawn
def waveform_and_spectrogram(
    samples: Reals | None, mel_db: Reals, *, band_hz: Reals, start_s: float, seconds: float
) -> Figure:
    """Draw the same seconds as a waveform (samples,) and as a mel spectrogram (frame, mel), or only the latter.

    band_hz   centre of each mel band, (mel,)
    start_s   start of the excerpt in the track
    """
    end_s = start_s + seconds
    if samples is None:
        figure, (below,) = panels(1, 1, 2.2)
    else:
        figure, (above, below) = panels(2, 1, 3.4, sharex=True, height_ratios=[1, 1.9])
        low, high = envelope(samples, COLUMNS)
        above.fill_between(np.linspace(start_s, end_s, len(low)), low, high, color=BLUE, linewidth=0)
        above.set(ylabel="amplitude", title="Waveform")
        above.margins(x=0)
    picture = below.imshow(
        thinned(mel_db, COLUMNS).T, origin="lower", aspect="auto", cmap=SEQUENTIAL, interpolation="nearest",
        extent=(start_s, end_s, -0.5, len(band_hz) - 0.5), vmin=float(np.percentile(mel_db, 2)),
    )  # fmt: skip
    hertz_ticks(below, band_hz)
    below.set(xlabel="seconds into the track", title="Mel spectrogram")
    figure.colorbar(picture, ax=below, label="dB", pad=0.01, aspect=16)
    return figure


@drawn
def two_windows(short_db: Reals, long_db: Reals, *, seconds: float, top_hz: float, labels: tuple[str, str]) -> Figure:
    """Draw spectra (bin, frame) of about one second with a short and with a long window, from 0 Hz to `top_hz`."""
    figure, axes = panels(2, 1, 3.7, sharex=True)
    for ax, spectrum, label in zip(axes, (short_db, long_db), labels, strict=True):
        top = spectrum.max()
        ax.imshow(
            thinned(spectrum.T, COLUMNS).T, origin="lower", aspect="auto", cmap=SEQUENTIAL, interpolation="nearest",
            extent=(0, seconds, 0, top_hz / 1000), vmin=top - 60, vmax=top,
        )  # fmt: skip
        ax.set(title=label, ylabel="kHz")
    axes[1].set_xlabel("seconds")
    return figure


@drawn
def levels(before_db: Reals, after: Reals) -> Figure:
    """Draw histograms of stored decibels and of the outputs of the input layer; both (values,)."""
    figure, (left, right) = panels(1, 2, 1.9)
    left.hist(before_db, bins=60, color=SOFT)
    left.set(title="as stored", xlabel="dB")
    right.hist(after, bins=60, color=BLUE)
    right.set(title="behind the input layer", xlabel="standard deviations from the band mean")
    for edge in (-1, 1):
        right.axvline(edge, color=VERMILION, linewidth=0.8, linestyle="--")
    for ax in (left, right):
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    return figure


def envelope(samples: Reals, columns: int) -> tuple[Reals, Reals]:
    """Return the lowest and the highest sample of each of at most `columns` equal parts."""
    step = max(1, -(-len(samples) // columns))
    whole = np.pad(samples, (0, -len(samples) % step), mode="edge").reshape(-1, step)
    return whole.min(axis=1), whole.max(axis=1)


def thinned(frames: Reals, columns: int) -> Reals:
    """Return (frame, band) with neighbouring frames merged to their maximum, at most `columns` of them."""
    step = max(1, -(-len(frames) // columns))
    return np.maximum.reduceat(frames, np.arange(0, len(frames), step), axis=0)


def hertz_ticks(ax: Axes, band_hz: Reals) -> None:
    """Label an axis of mel bands in Hz."""
    shown = [hz for hz in TICKS_HZ if band_hz[0] <= hz <= band_hz[-1]]
    ax.set_yticks(np.interp(shown, band_hz, np.arange(len(band_hz))), [f"{hz:,}" for hz in shown])
    ax.set_ylabel("Hz")
