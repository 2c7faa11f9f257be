// The playlist maker: every change requests the page again and replaces the parts that changed. The order of tracks
// is part of the address.
import { wake } from "./player.js";

const form = document.getElementById("query"), main = document.getElementById("main");
const add = document.getElementById("add");
const SAVED = "unheard playlists";
const SUGGESTED = 8, MAX_REQUESTED = 50;
let latest = 0;

function address({ more = [], order = true } = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value && !["add", "order"].includes(name)) query.append(name, value);
  for (const [name, value] of more) query.append(name, value);
  if (order) for (const row of document.querySelectorAll("#made[data-own] > li")) query.append("order", row.dataset.id);
  return `/make?${query}`;
}

// Whether all fields are valid; if not, the browser marks the first invalid field.
function isValid() {
  const wrong = form.querySelector(":invalid");
  if (!wrong) return true;
  latest++; // ignore responses to earlier requests
  document.getElementById("nothing")?.remove();
  if (wrong.closest("details")) wrong.closest("details").open = true;
  return form.reportValidity();
}

async function request(to, { said = "" } = {}) {
  if (!isValid()) return;
  const mine = ++latest;
  const answer = await fetch(to);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== latest) return;
  if (!answer.ok) {
    document.getElementById("nothing")?.remove();
    return say(page.querySelector("main .lead")?.textContent || "That did not work.");
  }
  const own = document.querySelector("#made[data-own]") !== null;
  for (const id of ["seeds", "removed", "results"]) document.getElementById(id).replaceWith(page.getElementById(id));
  history.replaceState(history.state, "", to);
  if (own) document.getElementById("made")?.setAttribute("data-own", "");
  ready();
  if (said) say(said);
}

function say(text) {
  let line = document.getElementById("said");
  if (!line) {
    line = document.createElement("p");
    line.id = "said";
    line.setAttribute("role", "status");
    document.getElementById("results").prepend(line);
  }
  line.textContent = text;
}

function ready() {
  wake(document);
  for (const hidden of document.querySelectorAll("#results [hidden]")) hidden.hidden = false;
}

const titleOf = (row) => row.querySelector(".title").textContent;

let waiting = 0;
form.addEventListener("input", (event) => {
  if (event.target === add) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => request(address()), event.target.type === "number" || event.target.type === "text" ? 400 : 120);
});
form.addEventListener("submit", (event) => {
  if (add.value.trim()) return; // no suggestion was selected: the server shows the matching tracks
  event.preventDefault();
  clearTimeout(waiting);
  request(address());
});

main.addEventListener("click", (event) => {
  const link = event.target.closest("[data-remove], [data-unseed], #removed button");
  if (link) {
    event.preventDefault();
    if (!isValid()) return;
    const row = link.closest("li");
    if (link.matches("[data-remove]")) {
      const title = titleOf(row);
      const next = row.nextElementSibling?.dataset.id || row.previousElementSibling?.dataset.id;
      row.remove();
      document.getElementById("made").setAttribute("data-own", "");
      request(address({ more: [["exclude", row.dataset.id]] }), { said: `${title} is removed` })
        .then(() => [...document.querySelectorAll("#made > li")].find((one) => one.dataset.id === next)?.querySelector("[data-remove]").focus());
    } else {
      row.remove();
      request(address()).then(() => add.focus());
    }
  }
  const move = event.target.closest("[data-move]");
  if (move) {
    const row = move.closest("li"), by = Number(move.dataset.move);
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (by < 0) other.before(row); else other.after(row);
    moved(row);
    move.focus();
  }
});

function moved(row) {
  const list = document.getElementById("made");
  list.setAttribute("data-own", "");
  [...list.children].forEach((item, i) => { item.querySelector(".n").textContent = i + 1; });
  history.replaceState(history.state, "", address());
  say(`${titleOf(row)} is now number ${[...list.children].indexOf(row) + 1} of ${list.children.length}`);
}

// Reorder by dragging the grip, with mouse, pen or finger.
main.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest(".grip");
  if (!grip) return;
  event.preventDefault();
  const row = grip.closest("li"), list = row.parentElement;
  row.classList.add("dragged");
  grip.setPointerCapture(event.pointerId);
  const drag = (at) => {
    for (const other of list.children) {
      if (other === row) continue;
      const edge = other.getBoundingClientRect();
      if (at.clientY > edge.top && at.clientY < edge.bottom) {
        if (at.clientY < edge.top + edge.height / 2) other.before(row); else other.after(row);
        grip.setPointerCapture(event.pointerId);
        break;
      }
    }
  };
  const drop = () => {
    row.classList.remove("dragged");
    grip.removeEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel"]) grip.removeEventListener(end, drop);
    moved(row);
  };
  grip.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) grip.addEventListener(end, drop);
});

// Search as you type: a combobox after the ARIA Authoring Practices.
const menu = document.createElement("ul");
menu.id = "suggestions";
menu.setAttribute("role", "listbox");
menu.setAttribute("aria-label", "Matching tracks");
menu.hidden = true;
const none = document.createElement("p");
none.className = "none";
none.setAttribute("role", "status");
add.after(menu, none);
for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", menu.id], ["aria-expanded", "false"]]) add.setAttribute(name, value);
let typed = 0;

function open(items, otherwise = "") {
  none.textContent = items.length ? "" : otherwise;
  menu.replaceChildren(...items.map((track, i) => {
    const option = document.createElement("li");
    option.id = `suggestion-${i}`;
    option.dataset.id = track.track_id;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    const title = document.createElement("bdi"), artist = document.createElement("bdi");
    title.textContent = (track.title || track.track_id).slice(0, 120);
    artist.textContent = track.artist.slice(0, 80);
    artist.className = "soft";
    option.append(title, " ", artist);
    return option;
  }));
  menu.hidden = !items.length;
  add.setAttribute("aria-expanded", String(!menu.hidden));
  add.removeAttribute("aria-activedescendant");
}

function choose(option) {
  if (!isValid()) return;
  add.value = "";
  open([]);
  request(address({ more: [["seed", option.dataset.id]] }), { said: "" });
}

add.addEventListener("input", async () => {
  const mine = ++typed, words = add.value.trim();
  if (!words) return open([]);
  const seeds = new Set([...document.querySelectorAll("#seeds > li")].map((seed) => seed.dataset.id));
  const limit = Math.min(SUGGESTED + seeds.size, MAX_REQUESTED);
  const answer = await fetch(`/api/tracks?limit=${limit}&q=${encodeURIComponent(words.slice(0, 200))}`);
  if (!answer.ok) return;
  const { items } = await answer.json(), others = items.filter((track) => !seeds.has(track.track_id)).slice(0, SUGGESTED);
  if (mine === typed) open(others, items.length ? "No other matches" : "No matches");
});
add.addEventListener("keydown", (event) => {
  const options = [...menu.children], at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") open([]);
  if (event.key === "Enter" && !menu.hidden) {
    event.preventDefault();
    choose(options[Math.max(at, 0)]);
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !options.length) return;
  event.preventDefault();
  const next = (at + step + options.length) % options.length;
  options.forEach((option, i) => option.setAttribute("aria-selected", String(i === next)));
  options[next].scrollIntoView({ block: "nearest" });
  add.setAttribute("aria-activedescendant", options[next].id);
});
menu.addEventListener("pointerdown", (event) => event.preventDefault());
menu.addEventListener("click", (event) => { const option = event.target.closest("li"); if (option) choose(option); });
add.addEventListener("blur", () => setTimeout(() => { typed++; open([]); }, 100));

// Playlists that an earlier version saved in this browser: a name and the address of the list with its order.
function saved() {
  try { return JSON.parse(localStorage.getItem(SAVED)) || []; } catch { return []; }
}

function keep(all) {
  localStorage.setItem(SAVED, JSON.stringify(all));
  const box = document.getElementById("saved");
  box.hidden = !all.length;
  box.querySelector("ul").replaceChildren(...all.map((one, i) => {
    const item = document.createElement("li"), name = document.createElement("div"), link = document.createElement("a"), gone = document.createElement("button");
    name.className = "name";
    link.href = one.to.startsWith("/make?") ? one.to : "/make";
    link.textContent = one.name;
    name.append(link);
    gone.type = "button";
    gone.className = "x";
    gone.textContent = "×";
    gone.setAttribute("aria-label", `Delete ${one.name}`);
    gone.addEventListener("click", () => keep(saved().filter((_, j) => j !== i)));
    item.append(name, gone);
    return item;
  }));
}

if (new URLSearchParams(location.search).has("order")) document.getElementById("made")?.setAttribute("data-own", "");
keep(saved());
ready();
