// The player of all pages: a bar at the bottom of the window that plays the queue. Records, lists and the page of a radio
// start it. It goes on across pages (navigation.js) and after a reload.
import { addActions, say, trackOf, tracksOf } from "./list_actions.js";
import { start as keepAcrossPages } from "./navigation.js";
import { queue } from "./queue.js";
import { keys, panel, toggle as togglePanel } from "./queue_panel.js";
import { showThumb } from "./thumbs.js";
import { Wave } from "./wave.js";

const SETTINGS = "unheard player", STEP_S = 5, RESTART_S = 3, STORE_EVERY_S = 2;
const sound = new Audio();
sound.preload = "none";
let loaded = null, failures = 0, storedAt = 0;

const bar = document.createElement("section");
bar.className = "player";
bar.hidden = true;
bar.setAttribute("aria-label", "Player");
bar.innerHTML = `<span class="disc"><img alt=""><button type="button" class="play" aria-pressed="false" aria-label="Play or pause"></button></span>
<span class="steps"><button type="button" class="plain" data-step="previous" aria-label="Previous track"><span class="icon step back"></span></button><button type="button" class="plain" data-step="next" aria-label="Next track"><span class="icon step"></span></button></span>
<div class="name"><a class="title" href="/"><bdi></bdi></a><bdi class="artist"></bdi></div>
<div class="wave"></div><span class="small soft"></span>
<span class="thumbs" role="group" aria-label="Thumbs"><button type="button" data-thumb="up" data-id="" aria-pressed="false" aria-label="Like"><span class="icon thumb"></span></button><button type="button" data-thumb="down" data-id="" aria-pressed="false" aria-label="Never recommend"><span class="icon thumb down"></span></button></span>
<span class="volume"><button type="button" class="plain" data-mute aria-pressed="false" aria-label="Mute"><span class="icon speaker"></span></button><input type="range" min="0" max="1" step="0.05" aria-label="Volume"></span>
<button type="button" class="plain" data-open aria-expanded="false" aria-controls="queue" aria-label="Queue"><span class="icon list"></span></button>
<button type="button" class="x" aria-label="Stop and close the player">×</button>`;
document.body.append(panel, bar);
const [picture, playButton, title, artist, time, thumbs, volume, mute, next, previous] = ["img", ".play", "a.title", ".artist", ".small", ".thumbs", ".volume input", "[data-mute]", "[data-step=next]", "[data-step=previous]"].map((name) => bar.querySelector(name));
const small = new Wave(bar.querySelector(".wave"), seek);
let large = null; // the wave on the page of a track

const soundOf = (track) => track?.sound || (track?.id ? `/sound?id=${encodeURIComponent(track.id)}` : "");

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds || 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// ------------------------------------------------------------------------------------------------------- playing

// Play one track that is in no list.
export function play(track) {
  if (soundOf(queue.current) === soundOf(track)) toggle();
  else queue.play([track]);
}

function toggle() {
  if (sound.paused) begin();
  else sound.pause();
}

function begin() {
  if (!queue.current) return;
  if (sound.error) sound.load(); // try again after an error
  queue.playing = true;
  sound.play().then(() => { failures = 0; }).catch(refused);
}

// Load the current track of the queue if it is another one than before, and play it if the queue plays.
function follow() {
  const track = queue.current;
  bar.hidden = !track;
  document.body.classList.toggle("playing", Boolean(track));
  next.disabled = queue.left < 1;
  queue.refill();
  if (!track) {
    if (!panel.hidden) togglePanel(bar.querySelector("[data-open]"));
    sound.pause();
    sound.removeAttribute("src");
    loaded = null;
    mark();
    return;
  }
  if (track === loaded) return;
  loaded = track;
  sound.src = soundOf(track);
  const at = queue.position;
  if (at > 0) sound.addEventListener("loadedmetadata", () => { sound.currentTime = at; }, { once: true });
  show(track);
  if (queue.playing) begin();
}

function show(track) {
  title.firstChild.textContent = track.title;
  if (track.id) title.href = `/track?id=${encodeURIComponent(track.id)}`;
  else title.removeAttribute("href");
  artist.textContent = track.artist;
  picture.hidden = !track.record;
  if (track.record) picture.src = track.record;
  time.textContent = queue.position ? clock(queue.position) : "";
  small.show(track.id ? `/pictures/outline?id=${encodeURIComponent(track.id)}` : "");
  for (const button of thumbs.children) button.setAttribute("aria-label", `${button.dataset.thumb === "up" ? "Like" : "Never recommend"}: ${track.title.slice(0, 80)}`);
  showThumb(thumbs, track);
  describe(track);
  mark();
}

// The browser does not play before the first press on a page. Other problems also raise the event "error".
function refused(problem) {
  if (problem.name !== "NotAllowedError") return;
  queue.playing = false;
  mark();
}

// An error of the file. Pause: the audio element counts as playing until then.
function failed() {
  sound.pause();
  mark();
  time.textContent = "cannot be played";
  failures++;
  if (queue.left < 1 || failures > queue.tracks.length) return;
  say(`${queue.current.title} cannot be played`);
  queue.next();
}

function seek(share) {
  if (Number.isFinite(sound.duration)) sound.currentTime = share * sound.duration;
}

function seekBy(seconds) {
  if (Number.isFinite(sound.duration)) sound.currentTime = Math.min(sound.duration, Math.max(0, sound.currentTime + seconds));
}

function stepBack() {
  if (sound.currentTime > RESTART_S || !queue.previous()) seek(0);
}

function mark() {
  for (const button of document.querySelectorAll("button.play")) {
    const own = button === playButton || (button.dataset.id && button.dataset.id === queue.current?.id);
    button.setAttribute("aria-pressed", String(Boolean(own) && !sound.paused));
  }
}

function progress() {
  if (sound.error || !sound.duration) return;
  const share = sound.currentTime / sound.duration, now = clock(sound.currentTime);
  time.textContent = Number.isFinite(sound.duration) ? `${now} / ${clock(sound.duration)}` : "";
  small.progress(share, now);
  if (large && large.id === queue.current?.id) large.progress(share, now);
  if (Math.abs(sound.currentTime - storedAt) > STORE_EVERY_S) keep();
  if (media && Number.isFinite(sound.duration)) media.setPositionState({ duration: sound.duration, position: Math.min(sound.currentTime, sound.duration) });
}

function keep() {
  storedAt = sound.currentTime;
  if (sound.readyState > 0) queue.position = sound.currentTime;
  queue.store();
}

queue.addEventListener("change", follow);
queue.addEventListener("problem", (event) => say(event.detail));
for (const event of ["play", "pause", "ended", "emptied"]) sound.addEventListener(event, mark);
for (const event of ["timeupdate", "durationchange", "seeked"]) sound.addEventListener(event, progress);
sound.addEventListener("error", () => { if (sound.getAttribute("src")) failed(); });
sound.addEventListener("ended", () => { if (!queue.next()) { queue.playing = false; keep(); } });
sound.addEventListener("pause", () => { if (!sound.ended && !leaving) { queue.playing = false; keep(); } });
sound.addEventListener("play", () => { queue.playing = true; tabs?.postMessage("playing"); });

let leaving = false;
addEventListener("pagehide", () => { leaving = true; keep(); });
addEventListener("pageshow", () => { leaving = false; });
const tabs = "BroadcastChannel" in window ? new BroadcastChannel(SETTINGS) : null;
if (tabs) tabs.onmessage = () => sound.pause(); // one tab plays at a time

// ----------------------------------------------------------------------------- the system's controls, and settings

const media = navigator.mediaSession;

function describe(track) {
  if (!media) return;
  const artwork = track.record ? [{ src: new URL(track.record.replace(/size=\d+/, "size=360"), location.href).href, sizes: "360x360", type: "image/png" }] : [];
  media.metadata = new MediaMetadata({ title: track.title, artist: track.artist || "", artwork });
}

const actions = {
  play: begin, pause: () => sound.pause(), previoustrack: stepBack, nexttrack: () => queue.next(),
  seekbackward: ({ seekOffset }) => seekBy(-(seekOffset || STEP_S)), seekforward: ({ seekOffset }) => seekBy(seekOffset || STEP_S),
  seekto: ({ seekTime }) => { sound.currentTime = seekTime; },
};
for (const [name, action] of Object.entries(actions)) {
  try { media?.setActionHandler(name, action); } catch { /* a browser that does not know this action */ }
}

let settings = { volume: 1, muted: false, keys: true };
try { settings = { ...settings, ...JSON.parse(localStorage.getItem(SETTINGS)) }; } catch { /* storage is switched off */ }

function adjust(change) {
  Object.assign(settings, change);
  [sound.volume, sound.muted] = [settings.volume, settings.muted];
  [volume.value, keys.checked] = [settings.volume, settings.keys];
  mute.setAttribute("aria-pressed", String(settings.muted));
  try { localStorage.setItem(SETTINGS, JSON.stringify(settings)); } catch { /* as above */ }
}
adjust({});
volume.addEventListener("input", () => adjust({ volume: Number(volume.value), muted: false }));
mute.addEventListener("click", () => adjust({ muted: !settings.muted }));
keys.addEventListener("change", () => adjust({ keys: keys.checked }));

// --------------------------------------------------------------------------------------------- clicks and keyboard

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.play");
  if (!button) return;
  if (button === playButton || button.dataset.id === queue.current?.id) return toggle();
  const list = button.closest(".tracks, .seeds"), tracks = list ? tracksOf(list) : [trackOf(button)];
  queue.play(tracks, list ? [...list.querySelectorAll("button.play[data-id]")].indexOf(button) : 0);
});
next.addEventListener("click", () => queue.next());
previous.addEventListener("click", stepBack);
bar.querySelector("[data-open]").addEventListener("click", (event) => togglePanel(event.currentTarget));
bar.querySelector(".x").addEventListener("click", () => queue.clear());
document.addEventListener("thumb", ({ detail: { id, thumb } }) => {
  if (thumb === "down" && id === queue.current?.id) queue.next();
  if (thumb === "up" && queue.radio && !queue.radio.playlist) queue.radio.seeds = [...new Set([...queue.radio.seeds, id])].slice(-50);
});

// Keys work where they have no other meaning: not in fields, and space and arrows not on what they operate or scroll.
const FIELDS = "input, textarea, select, [contenteditable], [role=application], [role=combobox]";
const OPERATED = "button, a, summary, label, [role=slider], [tabindex='0']";
document.addEventListener("keydown", (event) => {
  if (!settings.keys || !queue.current || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest(FIELDS)) return;
  const operated = event.target.closest(OPERATED) !== null;
  const action = { n: () => queue.next(), p: stepBack, m: () => adjust({ muted: !settings.muted }),
    ...(operated ? {} : { " ": toggle, ArrowRight: () => seekBy(STEP_S), ArrowLeft: () => seekBy(-STEP_S) }) }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// --------------------------------------------------------------------------------------------------- parts of pages

// Show the buttons that are hidden without JavaScript, and add those of lists.
export function wake(part) {
  for (const button of part.querySelectorAll("button.play[hidden], button.js[hidden]")) button.hidden = false;
  addActions(part);
  mark();
}

// Prepare a page that has just been shown.
function arrive() {
  wake(document);
  large = null;
  const box = document.getElementById("wave"), head = document.querySelector(".track-head button.play");
  for (const button of document.querySelectorAll("[data-queue]")) {
    button.addEventListener("click", () => {
      const track = trackOf(head), isNext = button.dataset.queue === "next";
      queue.add([track], { next: isNext });
      say(`${track.title} ${isNext ? "plays next" : "added to the queue"}`);
    });
  }
  const radio = document.getElementById("radio");
  radio?.addEventListener("click", () => {
    const { seeds, playlist, which } = radio.dataset;
    queue.play(tracksOf(document.getElementById("station")), 0, { seeds: JSON.parse(seeds), playlist, which });
  });
  if (!box || !head) return;
  box.hidden = false;
  document.getElementById("times").hidden = false;
  const wave = new Wave(box, (share) => {
    if (queue.current?.id === wave.id) return seek(share);
    play(trackOf(head));
    sound.addEventListener("loadedmetadata", () => seek(share), { once: true });
  }, document.getElementById("now"));
  wave.id = head.dataset.id;
  wave.show(box.dataset.outline);
  large = wave;
}

keepAcrossPages(() => !sound.paused, arrive);
arrive();
follow();
