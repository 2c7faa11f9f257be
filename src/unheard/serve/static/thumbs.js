// Thumbs up and down: the buttons of the player and those on pages, which are forms without JavaScript.
import { say } from "./list_actions.js";

const known = new Map(); // id -> "up" or "down"
let loading = null;

// Read all thumbs once.
function load() {
  loading ??= fetch("/api/thumbs").then(async (answer) => {
    if (answer.ok) for (const { thumb, track } of (await answer.json()).items) known.set(track.track_id, thumb);
  }).catch(() => { loading = null; });
  return loading;
}

function mark(id) {
  for (const button of document.querySelectorAll("button[data-thumb]")) {
    if (button.dataset.id === id) button.setAttribute("aria-pressed", String(known.get(id) === button.dataset.thumb));
  }
}

// Show the thumb of a track on the buttons of `box`.
export async function showThumb(box, track) {
  box.hidden = !track?.id;
  for (const button of box.querySelectorAll("button")) button.dataset.id = track?.id ?? "";
  if (!track?.id) return;
  await load();
  mark(track.id);
}

async function press({ dataset: { id, thumb } }, title) {
  await load();
  const back = known.get(id) === thumb, address = `/api/thumbs/${encodeURIComponent(id)}`;
  const answer = await fetch(address, back ? { method: "DELETE" } : { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ thumb }) });
  if (!answer.ok) return say((await answer.json()).message);
  if (back) known.delete(id);
  else known.set(id, thumb);
  mark(id);
  say(back ? `The thumb of ${title} is taken back` : thumb === "up" ? `${title} is one of My likes` : `${title} is never recommended again`);
  document.dispatchEvent(new CustomEvent("thumb", { detail: { id, thumb: back ? null : thumb } }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-thumb]");
  if (!button || button.closest("[data-native]")) return;
  event.preventDefault();
  press(button, (button.getAttribute("aria-label") || "").split(": ").slice(1).join(": ") || "the track");
});
