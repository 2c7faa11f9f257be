// The map: every track is a point, drawn by painters.js. Lines lead to the nearest tracks, which the server computes in
// all dimensions. map_panel.js has the controls around the map.
import { addressWriter, colours, readAddress, regionNames, regions, search } from "./map_panel.js";
import { makePainter } from "./painters.js";
import { wake } from "./player.js";

const box = document.getElementById("map"), card = document.getElementById("card");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const REACH = 14; // pixels around the pointer
const REST_MS = 30; // how long the pointer rests before a request is sent
const BINS = 256;

const canvas = document.createElement("canvas"); // for lines and names, above the painter's canvas
canvas.tabIndex = 0;
canvas.setAttribute("role", "application");
canvas.setAttribute("aria-label", "Map of all tracks. Arrows move, plus and minus zoom, 0 shows everything, Enter selects the track in the middle, Escape closes it.");
box.prepend(canvas);
const pen = canvas.getContext("2d");

const KINDS = [[242, 171, 102], [115, 181, 255]].map((rgb) => ({ rgb, opacity: 1 })); // known, new: the first colours
let points = new Float32Array(), classes = new Uint8Array(), palette = KINDS, grid = null;
let view = { x: 0, y: 0, zoom: 1 }, width = 1, height = 1, scale = 1, painter = null, waiting = false;
let near = null; // { row, id, items: [{ row, score, name }], name }

// Convert positions in the square from -1 to 1 to pixels, and back.
const unit = (zoom = view.zoom) => (Math.min(width, height) / 2) * 0.92 * zoom;
const toScreen = (x, y) => [width / 2 + (x - view.x) * unit(), height / 2 - (y - view.y) * unit()];
const toMap = (px, py) => [view.x + (px - width / 2) / unit(), view.y - (py - height / 2) / unit()];
const pointSize = () => Math.min(9, Math.max(1.6, 190 / Math.sqrt(classes.length + 60)) * Math.pow(view.zoom, 0.45));

// ------------------------------------------------------------------------------------------------------- drawing

function paintNear() {
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!near) paintNames(pen, { width, height, zoom: view.zoom, toScreen });
  lasso.draw(pen);
  if (!near) return;
  const [x0, y0] = toScreen(points[2 * near.row], points[2 * near.row + 1]), size = Math.max(4, pointSize() * 0.8);
  pen.lineWidth = 1.4;
  const dot = (x, y, row, r) => {
    pen.fillStyle = `rgb(${palette[classes[row]].rgb.join(" ")})`;
    pen.beginPath();
    pen.arc(x, y, r, 0, 7);
    pen.fill();
  };
  for (const one of near.items) {
    const [x, y] = toScreen(points[2 * one.row], points[2 * one.row + 1]);
    pen.strokeStyle = `rgb(255 255 255 / ${0.25 + 0.6 * Math.max(0, one.score)})`;
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x, y);
    pen.stroke();
    dot(x, y, one.row, size);
  }
  dot(x0, y0, near.row, size + 2);
  pen.strokeStyle = "#fff";
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(x0, y0, size + 5, 0, 7);
  pen.stroke();
  pen.font = '600 13px "Segoe UI", Roboto, Arial, sans-serif';
  pen.lineWidth = 4;
  pen.strokeStyle = "rgb(8 14 34 / .9)";
  const taken = [];
  for (const [row, name] of [[near.row, near.name], ...near.items.slice(0, 5).map((one) => [one.row, one.name])]) {
    const [x, y] = toScreen(points[2 * row], points[2 * row + 1]), wide = pen.measureText(name).width;
    const left = Math.max(4, x + size + 10 + wide > width ? x - size - 10 - wide : x + size + 10);
    if (x < 0 || y < 8 || x > width || y > height - 8) continue;
    if (taken.some(([l, t, w]) => Math.abs(t - y) < 16 && left < l + w && l < left + wide)) continue;
    taken.push([left, y, wide]);
    pen.strokeText(name, left, y + 4);
    pen.fillStyle = row === near.row ? "#fff" : "#cfd9ea";
    pen.fillText(name, left, y + 4);
  }
}

const frame = () => ({ ...view, unit: unit(), width, height, scale, size: pointSize(), alpha: near ? 0.34 : 0.85 });

function paint() {
  if (waiting || !painter) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    painter.paint(frame());
    paintNear();
    box.dataset.painted = String(Number(box.dataset.painted || 0) + 1);
    writeAddress();
  });
}

// -------------------------------------------------------------------------------------------------------- finding

// Sort points into BINS x BINS bins, so that a search for the nearest of 100,000 visits only a few.
function makeGrid() {
  const bin = (v) => Math.min(BINS - 1, Math.max(0, Math.floor(((v + 1) / 2) * BINS)));
  const starts = new Uint32Array(BINS * BINS + 1), order = new Uint32Array(classes.length), bins = new Uint32Array(classes.length);
  for (let i = 0; i < classes.length; i++) starts[(bins[i] = bin(points[2 * i + 1]) * BINS + bin(points[2 * i])) + 1]++;
  for (let b = 0; b < BINS * BINS; b++) starts[b + 1] += starts[b];
  const next = starts.slice();
  for (let i = 0; i < classes.length; i++) order[next[bins[i]]++] = i;
  return { bin, starts, order };
}

function nearestTo(px, py, reach = REACH) {
  const [x, y] = toMap(px, py), r = reach / unit();
  let best = -1, least = r * r;
  for (let row = grid.bin(y - r); row <= grid.bin(y + r); row++) {
    for (let k = grid.starts[row * BINS + grid.bin(x - r)]; k < grid.starts[row * BINS + grid.bin(x + r) + 1]; k++) {
      const i = grid.order[k], dx = points[2 * i] - x, dy = points[2 * i + 1] - y;
      if (dx * dx + dy * dy < least) { least = dx * dx + dy * dy; best = i; }
    }
  }
  return best;
}

const fragments = new Map();
let latest = 0, timer = 0;

// Select a track by its row or id; `go`: and move there.
async function select({ row = -1, id = "" }, { go = false, still = false } = {}) {
  const key = id || row;
  if ((row < 0 && !id) || (near && [near.row, near.id].includes(key) && !go)) return;
  const mine = ++latest;
  if (!fragments.has(key)) {
    const answer = await fetch(id ? `/map/near?id=${encodeURIComponent(id)}` : `/map/near?row=${row}`);
    if (!answer.ok) return;
    fragments.set(key, await answer.text());
    if (fragments.size > 200) fragments.delete(fragments.keys().next().value);
  }
  if (mine !== latest) return;
  card.replaceChildren(...new DOMParser().parseFromString(fragments.get(key), "text/html").body.childNodes);
  card.scrollTop = 0;
  wake(card);
  read();
  if (go) flyTo(points[2 * near.row], points[2 * near.row + 1] - hiddenShare() / unit(Math.max(view.zoom, 2.2)), undefined, still);
}

const choose = (row, options) => select({ row }, options);

// On a telephone the card covers the foot of the map: half of its height, in pixels, by which a track is shown higher.
function hiddenShare() {
  const [map, sheet] = [box.getBoundingClientRect(), card.parentElement.getBoundingClientRect()];
  return sheet.left < map.right && sheet.top < map.bottom && sheet.top > map.top ? (map.bottom - sheet.top) / 2 : 0;
}

function unselect() {
  latest++;
  near = null;
  card.replaceChildren(...untouched.map((node) => node.cloneNode(true)));
  paint();
}

function read() {
  const found = card.querySelector("#near");
  near = found && {
    row: Number(found.dataset.row),
    id: found.dataset.id,
    name: found.dataset.name,
    items: [...found.querySelectorAll("li[data-row]")].map((item) => ({ row: Number(item.dataset.row), score: Number(item.dataset.score), name: item.dataset.name })),
  };
  for (const item of card.querySelectorAll("li[data-row]")) {
    item.addEventListener("pointerenter", () => { pulse(Number(item.dataset.row)); });
  }
  for (const button of card.querySelectorAll("button[data-go], button[data-close]")) button.hidden = false;
  paint();
}

function pulse(row) {
  paintNear();
  const [x, y] = toScreen(points[2 * row], points[2 * row + 1]);
  pen.strokeStyle = "#fff";
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(x, y, 14, 0, 7);
  pen.stroke();
}

// --------------------------------------------------------------------------------------------------------- moving

function flyTo(x, y, zoom = Math.max(view.zoom, 2.2), still = false) {
  const from = { ...view }, began = performance.now();
  const step = (now) => {
    const t = calm || still ? 1 : Math.min(1, (now - began) / 450), ease = t * t * (3 - 2 * t);
    view = { x: from.x + (x - from.x) * ease, y: from.y + (y - from.y) * ease, zoom: from.zoom * Math.pow(zoom / from.zoom, ease) };
    paint();
    if (t < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function zoomAt(px, py, factor) {
  const [x, y] = toMap(px, py), zoom = Math.min(200, Math.max(0.6, view.zoom * factor)), real = zoom / view.zoom;
  view = { x: x - (x - view.x) / real, y: y - (y - view.y) / real, zoom };
  paint();
}

const fingers = new Map();
let travelled = 0;
const here = (event) => { const edge = canvas.getBoundingClientRect(); return [event.clientX - edge.left, event.clientY - edge.top]; };
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, here(event));
  travelled = 0;
  if (lasso.isOn()) lasso.begin(here(event));
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => {
  fingers.delete(event.pointerId);
  if (lasso.isOn()) { if (end === "pointerup") lasso.end(); }
  else if (end === "pointerup" && travelled < 6) choose(nearestTo(...here(event), event.pointerType === "touch" ? 26 : REACH));
});
canvas.addEventListener("pointermove", (event) => {
  const [x, y] = here(event), old = fingers.get(event.pointerId);
  if (lasso.isOn()) { if (old) lasso.move([x, y]); return; }
  if (!old) {
    const found = grid ? nearestTo(x, y) : -1;
    canvas.style.cursor = found >= 0 ? "pointer" : "grab";
    clearTimeout(timer);
    if (found >= 0) timer = setTimeout(() => choose(found), REST_MS);
    return;
  }
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) zoomAt(...other, Math.hypot(x - other[0], y - other[1]) / Math.max(1, Math.hypot(old[0] - other[0], old[1] - other[1])));
  else { view.x -= (x - old[0]) / unit(); view.y += (y - old[1]) / unit(); paint(); }
  travelled += Math.hypot(x - old[0], y - old[1]);
  fingers.set(event.pointerId, [x, y]);
});
canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoomAt(...here(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015))); }, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const step = 0.15 / view.zoom, [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key] || [0, 0];
  if (dx || dy) { view.x += dx; view.y += dy; paint(); }
  else if (event.key === "+" || event.key === "=") zoomAt(width / 2, height / 2, 1.4);
  else if (event.key === "-") zoomAt(width / 2, height / 2, 1 / 1.4);
  else if (event.key === "0") flyTo(0, 0, 1);
  else if (event.key === "Escape" && lasso.isOn()) lasso.cancel();
  else if (event.key === "Escape") unselect();
  else if (event.key === "Enter") choose(nearestTo(width / 2, height / 2, Math.max(width, height)));
  else return;
  event.preventDefault();
});
box.querySelector(".zoom").hidden = false;
box.querySelector(".zoom").addEventListener("click", (event) => {
  const factor = Number(event.target.dataset.zoom);
  if (factor) zoomAt(width / 2, height / 2, factor);
  else if (event.target.dataset.zoom) flyTo(0, 0, 1);
});

card.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-go], button[data-close]");
  if (button?.dataset.go) choose(Number(button.dataset.go), { go: true });
  else if (button) { unselect(); canvas.focus(); }
});

// ------------------------------------------------------------------------------------------------- around the map

const panel = document.getElementById("map-panel"), part = (name) => panel.querySelector(name);
panel.hidden = false;
const untouched = [...document.getElementById("map-hint").content.childNodes];
const outside = {
  paint, toMap, select,
  size: () => [width, height],
  open: (address) => { // as a link, so that a running player goes on
    const link = document.createElement("a");
    link.href = address;
    link.hidden = true;
    box.append(link);
    link.click();
  },
  colour: (...given) => { [classes, palette] = given; painter.colour(classes, palette); paint(); },
};
const paintNames = regionNames(outside);
const lasso = regions(outside, canvas, { draw: part("[data-draw]"), visible: part("[data-visible]"), hint: part(".lasso-hint") });
const ink = colours(outside, box.parentElement.querySelector(".legend"), part("[name=by]"), part(".playlist-choice"), () => writeAddress());
search(outside, document.querySelector(".map-find"), document.getElementById("found"));
const writeAddress = addressWriter(box, () => ({ view, ...ink.current(), id: near?.id ?? "" }));

function openAddress({ still }) {
  const wanted = readAddress();
  if (wanted.view) view = wanted.view;
  if (wanted.by && (wanted.by !== ink.current().by || wanted.playlist !== ink.current().playlist)) ink.choose({ by: wanted.by, playlist: wanted.playlist });
  if (wanted.id) select({ id: wanted.id }, { go: !wanted.view, still });
  paint();
}
addEventListener("hashchange", () => { if (box.isConnected) openAddress({ still: false }); });

function fit() {
  [width, height, scale] = [Math.max(1, box.clientWidth), Math.max(1, box.clientHeight), devicePixelRatio || 1];
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  paint();
}
fit();
new ResizeObserver(fit).observe(box);

// -------------------------------------------------------------------------------------------------------- loading

async function load() {
  const answer = await fetch(box.dataset.points), data = await answer.arrayBuffer(), n = data.byteLength / 5;
  points = Float32Array.from(new Uint16Array(data, 0, 2 * n), (value) => (value / 65535) * 2 - 1);
  classes = new Uint8Array(data, 4 * n, n);
  grid = makeGrid();
  painter = makePainter(points, classes, palette, frame());
  box.prepend(painter.surface);
  box.dataset.by = painter.name;
  read();
  if (box.dataset.row) choose(Number(box.dataset.row), { go: true });
  await ink.choose({ by: "kind", playlist: "" });
  openAddress({ still: true });
}
load();

if (box.dataset.job) {
  const stream = new EventSource(`/api/jobs/${box.dataset.job}/events`);
  stream.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    if (!box.isConnected) return stream.close(); // another page is shown
    if (["queued", "running"].includes(job.state)) return;
    stream.close();
    if (job.state === "done") location.reload();
    else document.getElementById("finer").textContent = `The map could not be drawn: ${job.message}`;
  });
}
