// The map: every track is a point, drawn by painters.js. Lines show true neighbours, which the server computes in all
// dimensions.
import { COLOURS, makePainter } from "./painters.js";
import { wake } from "./player.js";

const box = document.getElementById("map"), card = document.getElementById("card");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const REACH = 14; // pixels around the pointer
const REST_MS = 30; // how long the pointer rests before a request is sent
const BINS = 256;

const canvas = document.createElement("canvas"); // for lines and names, above the painter's canvas
canvas.tabIndex = 0;
canvas.setAttribute("role", "application");
canvas.setAttribute("aria-label", "Map of all tracks. Arrows move, plus and minus zoom, Enter selects the track in the middle.");
box.prepend(canvas);
const pen = canvas.getContext("2d");

let points = new Float32Array(), kinds = new Uint8Array(), grid = null;
let view = { x: 0, y: 0, zoom: 1 }, width = 1, height = 1, scale = 1, painter = null, waiting = false;
let near = null; // { row, items: [{ row, score, name }], name }

// Convert positions in the square from -1 to 1 to pixels, and back.
const unit = () => (Math.min(width, height) / 2) * 0.92 * view.zoom;
const toScreen = (x, y) => [width / 2 + (x - view.x) * unit(), height / 2 - (y - view.y) * unit()];
const toMap = (px, py) => [view.x + (px - width / 2) / unit(), view.y - (py - height / 2) / unit()];
const pointSize = () => Math.min(9, Math.max(1.6, 190 / Math.sqrt(kinds.length + 60)) * Math.pow(view.zoom, 0.45));

// ------------------------------------------------------------------------------------------------------- drawing

function paintNear() {
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!near) return;
  const [x0, y0] = toScreen(points[2 * near.row], points[2 * near.row + 1]), size = Math.max(4, pointSize() * 0.8);
  pen.lineWidth = 1.4;
  const dot = (x, y, kind, r) => {
    pen.fillStyle = `rgb(${COLOURS[kind].join(" ")})`;
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
    dot(x, y, kinds[one.row], size);
  }
  dot(x0, y0, kinds[near.row], size + 2);
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
  });
}

// -------------------------------------------------------------------------------------------------------- finding

// Sort points into BINS x BINS bins, so that a search for the nearest of 100,000 visits only a few.
function makeGrid() {
  const bin = (v) => Math.min(BINS - 1, Math.max(0, Math.floor(((v + 1) / 2) * BINS)));
  const starts = new Uint32Array(BINS * BINS + 1), order = new Uint32Array(kinds.length), bins = new Uint32Array(kinds.length);
  for (let i = 0; i < kinds.length; i++) starts[(bins[i] = bin(points[2 * i + 1]) * BINS + bin(points[2 * i])) + 1]++;
  for (let b = 0; b < BINS * BINS; b++) starts[b + 1] += starts[b];
  const next = starts.slice();
  for (let i = 0; i < kinds.length; i++) order[next[bins[i]]++] = i;
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

async function choose(row, { go = false } = {}) {
  if (row < 0 || (near && near.row === row && !go)) return;
  const mine = ++latest;
  if (!fragments.has(row)) {
    const answer = await fetch(`/map/near?row=${row}`);
    if (!answer.ok) return;
    fragments.set(row, await answer.text());
    if (fragments.size > 200) fragments.delete(fragments.keys().next().value);
  }
  if (mine !== latest) return;
  card.replaceChildren(...new DOMParser().parseFromString(fragments.get(row), "text/html").body.childNodes);
  wake(card);
  read();
  if (go) flyTo(points[2 * row], points[2 * row + 1]);
}

function read() {
  const found = card.querySelector("#near");
  near = found && {
    row: Number(found.dataset.row),
    name: found.dataset.name,
    items: [...found.querySelectorAll("li[data-row]")].map((item) => ({ row: Number(item.dataset.row), score: Number(item.dataset.score), name: item.dataset.name })),
  };
  for (const item of card.querySelectorAll("li[data-row]")) {
    item.addEventListener("pointerenter", () => { pulse(Number(item.dataset.row)); });
  }
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

function flyTo(x, y, zoom = Math.max(view.zoom, 2.2)) {
  const from = { ...view }, began = performance.now();
  const step = (now) => {
    const t = calm ? 1 : Math.min(1, (now - began) / 450), ease = t * t * (3 - 2 * t);
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
canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, here(event)); travelled = 0; });
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => {
  fingers.delete(event.pointerId);
  if (end === "pointerup" && travelled < 6) choose(nearestTo(...here(event), event.pointerType === "touch" ? 26 : REACH));
});
canvas.addEventListener("pointermove", (event) => {
  const [x, y] = here(event), old = fingers.get(event.pointerId);
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
  kinds = new Uint8Array(data, 4 * n, n);
  grid = makeGrid();
  painter = makePainter(points, kinds, frame());
  box.prepend(painter.surface);
  box.dataset.by = painter.name;
  read();
  if (box.dataset.row) choose(Number(box.dataset.row), { go: true });
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
