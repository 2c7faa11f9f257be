// The panel above the player that shows the queue: jump to a track, reorder, remove, clear, save as a playlist.
import { queue } from "./queue.js";
import { offerToSave } from "./list_actions.js";

const BEFORE = 5, AFTER = 200; // tracks around the current one that are shown

export const panel = document.createElement("section");
panel.className = "queue";
panel.id = "queue";
panel.hidden = true;
panel.setAttribute("aria-label", "Queue");
panel.innerHTML = `<div class="queue-head"><h2 tabindex="-1">Queue</h2><span class="small soft" data-count></span><button type="button" class="x" data-close aria-label="Close the queue">×</button></div>
<p class="small soft" data-radio hidden>A radio: tracks are added as you listen. <button type="button" class="plain" data-stop>Stop adding</button></p>
<ol></ol><p class="small soft" data-more hidden></p>
<div class="actions"><span data-save></span><button type="button" data-clear>Clear</button>
<label class="small keys"><input type="checkbox" data-keys> Keyboard: space, n, p, m, ← →</label></div>`;
const [list, count, radio, more] = ["ol", "[data-count]", "[data-radio]", "[data-more]"].map((name) => panel.querySelector(name));
export const keys = panel.querySelector("[data-keys]");

let opener = null;
export function toggle(button) {
  opener = button;
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
  if (panel.hidden) return button.focus();
  show();
  panel.querySelector("h2").focus();
}

function button(action, label, text, at, disabled = false) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: action === "remove" ? "x" : "plain", textContent: text, disabled });
  made.dataset[action] = at;
  made.setAttribute("aria-label", label);
  return made;
}

function row(track, at) {
  const item = document.createElement("li"), name = document.createElement("button"), title = document.createElement("bdi"), artist = document.createElement("bdi");
  if (at === queue.at) item.setAttribute("aria-current", "true");
  title.textContent = track.title.slice(0, 120);
  artist.textContent = (track.artist || "").slice(0, 80);
  artist.className = "soft";
  Object.assign(name, { type: "button", className: "plain entry" });
  name.dataset.go = at;
  name.append(title, artist);
  const said = track.title.slice(0, 80);
  item.append(name, button("up", `Move ${said} up`, "↑", at, at === 0), button("down", `Move ${said} down`, "↓", at, at === queue.tracks.length - 1), button("remove", `Remove ${said} from the queue`, "×", at));
  return item;
}

function show() {
  if (panel.hidden) return;
  const { tracks, at } = queue, first = Math.max(0, at - BEFORE), rest = Math.max(0, tracks.length - at - AFTER);
  count.textContent = `${tracks.length} track${tracks.length === 1 ? "" : "s"}`;
  radio.hidden = !queue.radio;
  list.start = first + 1;
  list.replaceChildren(...tracks.slice(first, at + AFTER).map((track, i) => row(track, first + i)));
  more.hidden = !rest;
  more.textContent = `and ${rest} more`;
}
queue.addEventListener("change", show);

panel.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  const { go, up, down, remove } = pressed.dataset;
  if (go !== undefined) queue.go(Number(go));
  else if (up !== undefined) moveAndFocus(Number(up), -1, "up");
  else if (down !== undefined) moveAndFocus(Number(down), 1, "down");
  else if (remove !== undefined) {
    queue.remove(Number(remove));
    (list.querySelector(`[data-remove="${remove}"]`) || list.querySelector("li:last-child [data-remove]") || panel.querySelector("h2")).focus();
  } else if ("clear" in pressed.dataset) queue.clear();
  else if ("stop" in pressed.dataset) { queue.radio = null; queue.changed(); panel.querySelector("h2").focus(); }
  else if ("close" in pressed.dataset) toggle(opener);
});

function moveAndFocus(at, by, name) {
  queue.move(at, at + by);
  const moved = list.querySelector(`[data-${name}="${at + by}"]`);
  (moved?.disabled ? list.querySelector(`[data-go="${at + by}"]`) : moved)?.focus();
}

panel.addEventListener("keydown", (event) => { if (event.key === "Escape") toggle(opener); });
offerToSave(panel.querySelector("[data-save]"), () => queue.tracks.map((track) => track.id).filter(Boolean));
