// What stands around the map: colours with their legend, names of regions, search, drawing a region, and the address.
// `map` is the interface of map.js. This module keeps nothing, because a page may be shown more than once.
const TYPING_MS = 150, ADDRESS_MS = 250;
const DIMMED = 0.12; // opacity of the classes that are not chosen in the legend
const LASSO_STEP = 6; // pixels between two corners of a region
const MAX_CORNERS = 200;
const NAMES_AT_ONCE = 12; // at the first zoom; more as the map is enlarged

const json = async (address) => { const answer = await fetch(address); return answer.ok ? answer.json() : null; };
const rgbOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// --------------------------------------------------------------------------------------------------------- colours

export function colours(map, legend, by, playlist, changed) {
  let latest = 0, current = { by: "kind", playlist: "" };

  function show(found) {
    const classes = Uint8Array.from(atob(found.classes), (letter) => letter.charCodeAt(0));
    const chosen = new Set();
    const apply = () => map.colour(classes, found.legend.map(({ colour }, i) => ({ rgb: rgbOf(colour), opacity: !chosen.size || chosen.has(i) ? 1 : DIMMED })));
    legend.replaceChildren(...found.legend.flatMap(({ name, colour, tracks }, i) => {
      if (!tracks) return [];
      const item = document.createElement("li"), button = document.createElement("button"), dot = document.createElement("span"), text = document.createElement("bdi"), count = document.createElement("span");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      dot.className = "dot";
      dot.style.background = colour;
      text.textContent = name;
      count.className = "count";
      count.textContent = tracks.toLocaleString("en");
      button.append(dot, text, count);
      button.addEventListener("click", () => {
        if (!chosen.delete(i)) chosen.add(i);
        button.setAttribute("aria-pressed", String(chosen.has(i)));
        apply();
      });
      item.append(button);
      return item;
    }));
    apply();
  }

  async function choose(wanted) {
    const mine = ++latest;
    by.value = wanted.by;
    playlist.hidden = wanted.by !== "playlist";
    const field = playlist.querySelector("input");
    if (wanted.playlist) field.value = wanted.playlist;
    if (wanted.by === "playlist" && !wanted.playlist) { suggest(""); field.focus(); return; }
    const found = await json(`/map/colours?${new URLSearchParams(wanted.by === "playlist" ? wanted : { by: wanted.by })}`);
    if (mine !== latest || !found) return;
    current = wanted;
    show(found);
    changed();
  }

  async function suggest(words) {
    const found = await json(`/api/playlists?limit=20&q=${encodeURIComponent(words.slice(0, 200))}`);
    playlist.querySelector("datalist").replaceChildren(...(found?.items ?? []).map(({ playlist_id }) => new Option(playlist_id)));
    if (found?.items.some(({ playlist_id }) => playlist_id === words)) choose({ by: "playlist", playlist: words });
  }

  by.addEventListener("change", () => choose({ by: by.value, playlist: "" }));
  let timer = 0;
  playlist.querySelector("input").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => suggest(event.target.value), TYPING_MS);
  });
  return { choose, current: () => current };
}

// ------------------------------------------------------------------------------------------------- names of regions

// Return a function that draws the names which fit, the largest regions first, and a promise of the names.
export function regionNames(map) {
  let names = [];
  json("/map/regions").then((found) => { names = found ?? []; map.paint(); });
  return (pen, { width, height, zoom, toScreen }) => {
    pen.textAlign = "center";
    pen.lineWidth = 4;
    pen.strokeStyle = "rgb(8 14 34 / .85)";
    const taken = [];
    for (const { name, x, y, tracks } of names.slice(0, Math.round(NAMES_AT_ONCE * Math.max(1, zoom)))) {
      const [left, top] = toScreen(x, y), size = Math.min(19, 12 + Math.log10(tracks) * 2.4);
      pen.font = `600 ${size}px Charter, "Palatino Linotype", Georgia, serif`;
      const half = pen.measureText(name).width / 2;
      if (left + half < 0 || left - half > width || top < 0 || top > height) continue;
      const middle = Math.min(width - half - 4, Math.max(half + 4, left));
      const isFree = (line) => line > size && !taken.some(([m, t, h]) => Math.abs(t - line) < 20 && Math.abs(m - middle) < h + half + 6);
      const line = [-9, -28, -45].map((shift) => Math.min(height - 8, top + shift)).find(isFree);
      if (line === undefined) continue;
      taken.push([middle, line, half]);
      pen.strokeText(name, middle, line);
      pen.fillStyle = "#f4f1e6";
      pen.fillText(name, middle, line);
    }
    pen.textAlign = "start";
  };
}

// ---------------------------------------------------------------------------------------------------------- search

export function search(map, form, results) {
  let latest = 0, timer = 0, asked = "";
  async function find() {
    clearTimeout(timer);
    const words = form.elements.q.value.trim();
    if (words === asked) return; // to replace equal results would lose a click that is being made on them
    const mine = ++latest;
    asked = words;
    if (!words) return results.replaceChildren();
    const answer = await fetch(`/map/found?q=${encodeURIComponent(words.slice(0, 200))}`).catch(() => null);
    if (mine !== latest) return;
    if (!answer?.ok) { asked = ""; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine === latest) results.replaceChildren(...page.body.childNodes);
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); find(); });
  form.elements.q.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, TYPING_MS); });
  results.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-id]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    clearTimeout(timer);
    latest++;
    asked = "";
    results.replaceChildren();
    form.elements.q.value = "";
    map.select({ id: link.dataset.id }, { go: true });
  });
}

// ---------------------------------------------------------------------------------------------------------- regions

const addressOf = (corners) => `/map/region?shape=${corners.map(([x, y]) => `${x.toFixed(4)},${y.toFixed(4)}`).join("+")}`;

// Let a person draw around a region with the pointer, or take the visible part.
export function regions(map, canvas, { draw, visible, hint }) {
  let corners = null; // of the shape that is being drawn, in pixels
  const isOn = () => draw.getAttribute("aria-pressed") === "true";
  function turn(on) {
    draw.setAttribute("aria-pressed", String(on));
    hint.hidden = !on;
    canvas.style.cursor = on ? "crosshair" : "grab";
    corners = null;
    map.paint();
  }
  const open = (shape) => { turn(false); map.open(addressOf(shape.map(([x, y]) => map.toMap(x, y)))); };
  draw.addEventListener("click", () => turn(!isOn()));
  visible.addEventListener("click", () => { const [w, h] = map.size(); open([[0, 0], [w, 0], [w, h], [0, h]]); });
  return {
    isOn,
    cancel: () => turn(false),
    begin: (at) => { corners = [at]; },
    move: (at) => {
      if (!corners || Math.hypot(at[0] - corners.at(-1)[0], at[1] - corners.at(-1)[1]) < LASSO_STEP) return;
      corners.push(at);
      map.paint();
    },
    end: () => {
      const step = Math.ceil((corners?.length ?? 0) / MAX_CORNERS), shape = corners?.filter((_, i) => i % step === 0) ?? [];
      if (shape.length < 3) { corners = null; return; }
      open(shape);
    },
    draw: (pen) => {
      if (!corners) return;
      pen.beginPath();
      for (const [x, y] of corners) pen.lineTo(x, y);
      pen.closePath();
      pen.fillStyle = "rgb(255 255 255 / .12)";
      pen.fill();
      pen.strokeStyle = "#fff";
      pen.lineWidth = 1.5;
      pen.stroke();
    },
  };
}

// ---------------------------------------------------------------------------------------------------------- address

// The part of the address behind "#" holds the view: at=x,y,zoom, by=genre, playlist=..., id=... It is written after each
// change, so that the address can be shared.
export function readAddress() {
  const values = new URLSearchParams(location.hash.slice(1)), at = (values.get("at") ?? "").split(",").map(Number);
  return {
    view: at.length === 3 && at.every(Number.isFinite) ? { x: at[0], y: at[1], zoom: Math.min(200, Math.max(0.6, at[2])) } : null,
    by: ["kind", "genre", "year", "playlist"].includes(values.get("by")) ? values.get("by") : "",
    playlist: values.get("playlist") ?? "",
    id: values.get("id") ?? "",
  };
}

export function addressWriter(box, state) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!box.isConnected) return;
      const { view, by, playlist, id } = state(), values = new URLSearchParams();
      const moved = view.x || view.y || view.zoom !== 1;
      const parts = [moved && `at=${view.x.toFixed(4)},${view.y.toFixed(4)},${view.zoom.toFixed(3)}`];
      if (by !== "kind") values.set("by", by);
      if (by === "playlist") values.set("playlist", playlist);
      if (id) values.set("id", id);
      const hash = [...parts, values.toString()].filter(Boolean).join("&");
      history.replaceState(history.state, "", `${location.pathname}${hash ? `#${hash}` : ""}`);
    }, ADDRESS_MS);
  };
}
