"""Take screenshots of the pages for the documentation: `python bench/screenshots.py WORKSPACE [docs/images]`.

WORKSPACE is served on a free port, with the default model of `unheard serve`. Images have few colours, so that none is
larger than MAX_BYTES. Needs Chromium and the `dev` requirements.
"""

from __future__ import annotations

import io
import shutil
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.connections import listener

MAX_BYTES = 150_000
COLOURS = (256, 128, 64, 48, 32)
SIZES = {1440: 900, 390: 844}
PAINTED = "() => Number(document.getElementById('map').dataset.painted) > 0"


@dataclass(frozen=True)
class Shot:
    """One screenshot: its name, the page, the width of the window in pixels, and whether it uses dark colours."""

    name: str
    path: str
    width: int
    dark: bool


def shots(url: str) -> list[Shot]:
    """Return the screenshots, of pages with tracks of this library."""
    warm, cold = (
        [track["track_id"] for track in httpx.get(f"{url}/api/tracks?which={kind}&limit=500").json()["items"]]
        for kind in ("warm", "cold")
    )
    seeds = "&".join(f"seed={quote(name, safe='')}" for name in warm[:: max(1, len(warm) // 3)][:3])
    one = quote(cold[len(cold) // 2], safe="")
    return [
        Shot("home", "/", 1440, dark=False),
        Shot("track", f"/track?id={one}", 1440, dark=True),
        Shot("make", f"/make?{seeds}&n=12&diversity=0.3", 1440, dark=False),
        Shot("map", f"/map?id={one}", 1440, dark=True),
        Shot("models", "/models", 1440, dark=False),
        Shot("home-phone", "/", 390, dark=True),
        Shot("track-phone", f"/track?id={one}", 390, dark=False),
        Shot("map-phone", f"/map?id={one}", 390, dark=False),
    ]


def picture(page: Page) -> bytes:
    """Return the window as a PNG with as many colours as MAX_BYTES allows."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in COLOURS:
        out = io.BytesIO()
        few = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= MAX_BYTES:
            return out.getvalue()
    raise SystemExit(f"{page.url}: {len(out.getvalue())} bytes, expected at most {MAX_BYTES}")


def take(browser: Browser, url: str, shot: Shot) -> bytes:
    """Return a screenshot, taken when everything on the page is loaded."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": SIZES[shot.width]},
        color_scheme="dark" if shot.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url + shot.path)
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.wait_for_load_state("networkidle")
    if "/map" in shot.path:
        page.wait_for_function(PAINTED)
    page.wait_for_timeout(500)
    found = picture(page)
    context.close()
    return found


def main(workspace: Path, out: Path) -> None:
    """Serve the workspace, take the screenshots and write them."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = listener(make_app(ServeConfig(workspace=workspace)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
                client.get(f"{url}/", timeout=120)
            out.mkdir(parents=True, exist_ok=True)
            with sync_playwright() as playwright:
                chromium = shutil.which("chromium")
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                for shot in shots(url):
                    data = take(browser, url, shot)
                    (out / f"serve-{shot.name}.png").write_bytes(data)
                    print(f"{shot.name}: {len(data)} bytes")
                browser.close()
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images"))
