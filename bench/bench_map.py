"""Measure dragging, zooming and pointing on the map of the catalogue in a browser, with and without WebGL.

    python bench/bench_map.py --tracks 100000

makes a workspace of simulated tracks (as bench_serve.py does). For each way of drawing it starts `unheard serve`,
opens /map in headless Chromium as soon as the server is ready, drags and zooms by mouse events, and points at tracks.
The map is the quick one (PCA), computed when the page first requests it: a dense cloud, the worst case for drawing.
The time of pointing counts from the last movement of the pointer until the page has drawn the lines (the browser
displays them with its next frame), with a pause between tracks. The neighbours on the page are compared with cosines
of all factors. Ways of drawing:

    chosen     WebGL is available, and the page decides whether it is fast enough
    webgl      WebGL is available, and the page always finds it fast enough
    canvas     WebGL is disabled

Needs Chromium and the `dev` requirements.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import FloatRect, Page, Playwright, sync_playwright

import unheard
from bench_serve import MODEL, SPLIT, simulate, start
from unheard.inference.predictions import predictions_path
from unheard.session import Session
from unheard.workspace import Workspace

WIDTH, HEIGHT = 1440, 900
SOFTWARE, NONE = ["--enable-unsafe-swiftshader"], ["--disable-gpu", "--disable-3d-apis"]
# The page reads a pixel to measure the time of a drawing; without that it finds any WebGL fast enough.
NO_TIMING = "WebGLRenderingContext.prototype.readPixels = () => {};"
WAYS = {"chosen": (SOFTWARE, ""), "webgl": (SOFTWARE, NO_TIMING), "canvas": (NONE, "")}  # flags, script
STEPS_A_DRAG, WHEELS_A_ZOOM, WHEEL_PIXELS = 30, 12, 120
PAUSE_S = 0.2, 0.6  # before the next track is pointed at
SHARE = 0.92  # of the box that the square fills
SETTLE_S = 1.0  # after which earlier movements cause no drawing
LIMIT_MS = 30_000
TOLERANCE = 2e-3  # of a cosine that is sent with three digits
PAINTED = "() => Number(document.getElementById('map').dataset.painted) > 0"

# Times of frames; and from the pointer's last move to the drawing of another track's neighbours.
WATCH = """() => {
  window.frames_ms = [];
  window.hovers_ms = [];
  const frame = (now) => { frames_ms.push(now); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const box = document.getElementById("map"), row = () => document.getElementById("near")?.dataset.row;
  let moved_ms = 0, before = row();
  box.addEventListener("pointermove", (event) => { moved_ms = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (row() !== before) { before = row(); hovers_ms.push(performance.now() - moved_ms); }
  }).observe(box, { attributes: true, attributeFilter: ["data-painted"] });
}"""

SHOWN = """() => {
  const near = document.getElementById("near");
  const numbers = (item) => [Number(item.dataset.row), Number(item.dataset.score)];
  return [Number(near.dataset.row), [...near.querySelectorAll("li[data-row]")].map(numbers)];
}"""


@dataclass(frozen=True)
class Measured:
    """Measurements of one browser. `drawn_s` is the time from the request of the page to its first drawing."""

    by: str
    drawn_s: float
    sent_bytes: int
    frames_ms: NDArray[np.float64]  # between frames, while the map moves
    painted: int  # frames with a new drawing
    hovers_ms: NDArray[np.float64]
    true: int  # hovers whose lines lead to the nearest tracks


def measure(playwright: Playwright, url: str, way: str, session: Session, *, seconds: float, hovers: int) -> Measured:
    """Open the map, move it and point at tracks; `way` is one of WAYS."""
    rng = np.random.default_rng(0)
    flags, script = WAYS[way]
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", *flags])
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.add_init_script(script)
    sent: list[int] = []
    network = page.context.new_cdp_session(page)
    network.on("Network.loadingFinished", lambda event: sent.append(int(event["encodedDataLength"])))
    network.send("Network.enable")
    began = time.perf_counter()
    page.goto(f"{url}/map", wait_until="commit")
    page.wait_for_function(PAINTED, timeout=LIMIT_MS)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    drawn_s = time.perf_counter() - began
    box = page.locator("#map")
    by = str(box.get_attribute("data-by"))
    assert way in ("chosen", by), f"drawn by {by}"
    page.wait_for_load_state("networkidle")
    sent_bytes = sum(sent)
    page.evaluate(WATCH)
    edge = box.bounding_box()
    assert edge is not None
    before = int(box.get_attribute("data-painted") or 0)
    move(page, edge, seconds, rng)
    frames_ms = np.diff(page.evaluate("frames_ms"))
    painted = int(box.get_attribute("data-painted") or 0) - before
    page.locator("[data-zoom='0']").click()  # everything again
    time.sleep(SETTLE_S)
    page.evaluate("hovers_ms.length = 0")
    true = 0
    for number, (x, y) in enumerate(positions(url, hovers, rng)):
        time.sleep(rng.uniform(*PAUSE_S))
        unit = min(edge["width"], edge["height"]) / 2 * SHARE
        page.mouse.move(edge["x"] + edge["width"] / 2 + x * unit, edge["y"] + edge["height"] / 2 - y * unit)
        page.wait_for_function(f"() => hovers_ms.length > {number}", timeout=LIMIT_MS)
        true += is_true(session, *page.evaluate(SHOWN))
    hovers_ms = np.array(page.evaluate("hovers_ms"))
    browser.close()
    return Measured(by, drawn_s, sent_bytes, frames_ms, painted, hovers_ms, true)


def move(page: Page, edge: FloatRect, seconds: float, rng: np.random.Generator) -> None:
    """Drag the map back and forth and zoom in and out, as fast as the page responds."""
    middle = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    until = time.perf_counter() + seconds
    sign = 1
    while time.perf_counter() < until:
        dx, dy = sign * rng.uniform(100, 200, 2)
        page.mouse.move(middle[0] - dx, middle[1] - dy)
        page.mouse.down()
        page.mouse.move(middle[0] + dx, middle[1] + dy, steps=STEPS_A_DRAG)
        page.mouse.up()
        for _ in range(WHEELS_A_ZOOM):
            page.mouse.wheel(0, -sign * WHEEL_PIXELS)
        sign = -sign


def positions(url: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return positions of some tracks in the square from -1 to 1, (n, 2), from the file that the map reads."""
    content = httpx.get(f"{url}/map/points", timeout=60).content
    every = np.frombuffer(content[: 4 * (len(content) // 5)], "<u2").reshape(-1, 2)
    chosen: NDArray[np.float64] = every[rng.choice(len(every), n, replace=False)] / (2**16 - 1) * 2 - 1
    return chosen


def is_true(session: Session, row: int, near: list[tuple[int, float]]) -> bool:
    """Return whether no other track is nearer than those shown, except at most two other recordings of a shown song."""
    cosines = session.directions @ session.directions[row]
    rows = [index for index, _ in near]
    right = np.allclose(cosines[rows], [score for _, score in near], atol=TOLERANCE)
    others = np.delete(cosines, [row, *rows])
    return bool(right and len(rows) == 10 and (others > cosines[rows].min() + TOLERANCE).sum() <= 2)


def time_requests(url: str, n: int, rng: np.random.Generator) -> None:
    """Print the times of the two requests of the map, sent one after another."""
    answer = httpx.get(f"{url}/map/points", timeout=60)
    points_ms = [1000 * httpx.get(f"{url}/map/points", timeout=60).elapsed.total_seconds() for _ in range(5)]
    rows = rng.integers(n, size=50)
    near_ms = [1000 * httpx.get(f"{url}/map/near?row={row}", timeout=60).elapsed.total_seconds() for row in rows]
    print(f"/map/points: {len(answer.content) / 1000:.0f} kB in {np.median(points_ms):.0f} ms; ", end="")
    print(f"/map/near: median {np.median(near_ms):.0f} ms, p95 {np.quantile(near_ms, 0.95):.0f} ms")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tracks", type=int, default=100_000)
    options.add_argument("--playlists", type=int, default=20_000)
    options.add_argument("--seconds", type=float, default=8, help="of dragging and zooming")
    options.add_argument("--hovers", type=int, default=40)
    options.add_argument("--keep", type=Path, help="make or reuse the workspace here")
    given = options.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="bench-map-"))
    root = folder / "workspace"
    if not predictions_path(Workspace(root, None), SPLIT, MODEL).is_file():  # type: ignore[arg-type]
        simulate(root, given.tracks, given.playlists, np.random.default_rng(0))
    workspace = Workspace.open(root)
    session = unheard.open(root, split=SPLIT, model=MODEL)
    found: dict[str, Measured] = {}
    for way in WAYS:
        server, url, _, ready_s = start(workspace, folder, 1)
        print(f"{way}: server ready after {ready_s:.1f} s")
        try:
            with sync_playwright() as playwright:
                found[way] = measure(playwright, url, way, session, seconds=given.seconds, hovers=given.hovers)
            time_requests(url, len(session.catalogue), np.random.default_rng(1))
        finally:
            server.terminate()
            server.wait()
    print(f"{len(session.catalogue)} tracks, {WIDTH} x {HEIGHT}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("Headless Chromium without a graphics card renders WebGL in software (SwiftShader): a worst case.")
    print(f"{'':38s}" + "".join(f"{way:>10s}" for way in found))
    for what, values in table(list(found.values())):
        print(f"{what:38s}" + "".join(f"{value:>10s}" for value in values))


def table(found: list[Measured]) -> list[tuple[str, list[str]]]:
    """Return the rows of the printed table."""
    rows = [
        ("drawn by", [one.by for one in found]),
        ("first drawing, s", [f"{one.drawn_s:.2f}" for one in found]),
        ("sent for it, kB", [f"{one.sent_bytes / 1000:.0f}" for one in found]),
        ("frames while it moves", [str(len(one.frames_ms)) for one in found]),
        ("of them with a new drawing", [str(one.painted) for one in found]),
    ]
    quantiles = (("median", 0.5), ("p95", 0.95), ("longest", 1.0))
    rows += [(f"frame, ms, {name}", [f"{np.quantile(one.frames_ms, q):.0f}" for one in found]) for name, q in quantiles]
    rows += [(f"hover, ms, {name}", [f"{np.quantile(one.hovers_ms, q):.0f}" for one in found]) for name, q in quantiles]
    rows.append(("hovers with the true neighbours", [f"{one.true}/{len(one.hovers_ms)}" for one in found]))
    return rows


if __name__ == "__main__":
    main()
