// Buttons above every list of tracks (play all, add to the queue, save as a playlist) and in its rows (add to the queue).
import { asTrack, queue } from "./queue.js";

const region = document.createElement("p");
region.className = "sr";
region.setAttribute("role", "status");
document.body.append(region);

// Tell people something, with and without a screen.
export function say(text) {
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}

// The track of a play button.
export function trackOf({ dataset: { id, title, artist }, previousElementSibling: picture }) {
  return { id, title, artist, record: picture ? picture.getAttribute("src") : "" };
}

const buttonsOf = (list) => [...list.querySelectorAll("button.play[data-id]")];
export const tracksOf = (list) => buttonsOf(list).map(trackOf);

// All tracks of a list, also those that the page does not show: `data-all` is the address of the API that has them.
async function allTracks(list) {
  const address = list.dataset.all;
  if (!address) return tracksOf(list);
  const answer = await fetch(address);
  if (!answer.ok) return tracksOf(list);
  return (await answer.json()).items.filter((track) => track.has_audio).map(asTrack);
}

function button(text, pressed, name = "") {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: text, className: name });
  made.addEventListener("click", pressed);
  return made;
}

const counted = (n) => `${n} track${n === 1 ? "" : "s"}`;

// Add the buttons to the lists in a part of the page, once.
export function addActions(part) {
  for (const list of part.querySelectorAll(".tracks")) {
    if (buttonsOf(list).length < 2 || list.dataset.actions || list.closest(".player, .queue, .map-grid, .model-list")) continue;
    list.dataset.actions = "yes";
    const box = document.createElement("div"), save = document.createElement("span");
    box.className = "list-actions";
    offerToSave(save, async () => (list.dataset.all ? (await allTracks(list)).map((track) => track.id) : idsOf(list)));
    box.append(
      button("Play all", async () => queue.play(await allTracks(list))),
      button("Add to queue", async () => { const found = await allTracks(list); queue.add(found); say(`${counted(found.length)} added to the queue`); }),
      save,
    );
    list.before(box);
    for (const play of buttonsOf(list)) addToRow(play);
  }
}

// Ids of all rows, also of tracks without a file: the play buttons, else the links to the pages of tracks.
function idsOf(list) {
  return [...list.children].map((row) => row.querySelector("button.play[data-id]")?.dataset.id ?? new URL(row.querySelector("a.title")?.href || location.href).searchParams.get("id")).filter(Boolean);
}

function addToRow(play) {
  const side = play.closest("li")?.querySelector(".side");
  if (!side || side.querySelector(".enqueue")) return;
  const made = button("+", () => { queue.add([trackOf(play)]); say(`${play.dataset.title} added to the queue`); }, "plain enqueue");
  made.setAttribute("aria-label", `Add ${play.dataset.title} to the queue`.slice(0, 120));
  made.title = "Add to queue";
  side.append(made);
}

// Put a button into `place` that asks for a name and saves the ids as a playlist on the server. It is no form, because
// lists are inside forms.
export function offerToSave(place, ids) {
  const box = document.createElement("span"), name = document.createElement("input"), done = document.createElement("span");
  const close = () => box.replaceWith(open);
  const open = button("Save", () => { open.replaceWith(box); name.focus(); });
  const send = async () => {
    if (!name.value.trim()) return name.focus();
    const body = JSON.stringify({ name: name.value, ids: [...new Set(await ids())] });
    const answer = await fetch("/api/saved-playlists", { method: "POST", headers: { "content-type": "application/json" }, body });
    const found = await answer.json();
    if (!answer.ok) {
      done.textContent = found.message;
      return say(found.message);
    }
    const link = document.createElement("a");
    link.href = `/saved/${found.saved_id}`;
    link.textContent = found.name.slice(0, 80);
    done.replaceChildren("Saved: ", link);
    name.value = "";
    close();
    say(`Saved as ${found.name}`);
    link.focus();
  };
  open.setAttribute("aria-label", "Save as a playlist");
  box.className = "save-as";
  Object.assign(name, { type: "text", maxLength: 200, placeholder: "Name of the playlist" });
  name.setAttribute("aria-label", "Name of the playlist");
  name.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
    else if (event.key === "Escape") { close(); open.focus(); } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  box.append(name, button("Save", send, "main"), button("Cancel", () => { close(); open.focus(); }, "plain"));
  place.append(open, done);
}
