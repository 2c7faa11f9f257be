// The player of all pages: buttons on records start it, a bar at the bottom of the window shows it. The arrow keys seek
// while the wave has the focus.
import { Wave } from "./wave.js";

const sound = new Audio();
sound.preload = "none";
let current = "";

const bar = document.createElement("section");
bar.className = "player";
bar.hidden = true;
bar.setAttribute("aria-label", "Player");
bar.innerHTML = `<span class="disc"><img alt=""><button type="button" class="play" aria-pressed="false" aria-label="Play or pause"></button></span>
<div class="name"><bdi class="title"></bdi><bdi class="artist"></bdi></div>
<div class="wave"></div><span class="small soft"></span>
<button type="button" class="x" aria-label="Close the player">×</button>`;
document.body.append(bar);
const [picture, toggle, title, artist, time] = ["img", ".play", ".title", ".artist", ".small"].map((name) => bar.querySelector(name));
const waves = [new Wave(bar.querySelector(".wave"), seek)];

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds || 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function seek(share) {
  if (Number.isFinite(sound.duration)) sound.currentTime = share * sound.duration;
}

// The track of a button on a record.
function trackOf({ dataset: { id, title, artist }, previousElementSibling: picture }) {
  return { id, title, artist, sound: soundOf(id), record: picture ? picture.src : "" };
}

const soundOf = (id) => `/sound?id=${encodeURIComponent(id)}`;

// Play a track, or pause it if it is playing.
export function play(track) {
  if (current === track.sound) {
    if (sound.paused) begin();
    else sound.pause();
    return;
  }
  current = track.sound;
  sound.src = track.sound;
  title.textContent = track.title;
  artist.textContent = track.artist;
  picture.hidden = !track.record;
  if (track.record) picture.src = track.record;
  time.textContent = "";
  bar.hidden = false;
  document.body.classList.add("playing");
  waves[0].show(track.id ? `/pictures/outline?id=${encodeURIComponent(track.id)}` : "");
  begin();
}

function begin() {
  if (sound.error) sound.load(); // try again after an error
  sound.play().catch(failed);
}

// Pause after an error: the audio element counts as playing until then.
function failed(problem) {
  if (problem.name === "AbortError") return;
  sound.pause();
  time.textContent = "cannot be played";
  mark();
}

function mark() {
  for (const button of document.querySelectorAll("button.play")) {
    const own = button === toggle || soundOf(button.dataset.id ?? "") === current;
    button.setAttribute("aria-pressed", String(own && !sound.paused));
  }
}

function progress() {
  if (sound.error) return;
  const share = sound.duration ? sound.currentTime / sound.duration : 0;
  time.textContent = Number.isFinite(sound.duration) ? `${clock(sound.currentTime)} / ${clock(sound.duration)}` : "";
  for (const wave of waves) if (wave === waves[0] || wave.sound === current) wave.progress(share, clock(sound.currentTime));
}

for (const event of ["play", "pause", "ended", "emptied"]) sound.addEventListener(event, mark);
for (const event of ["timeupdate", "durationchange", "seeked"]) sound.addEventListener(event, progress);
sound.addEventListener("error", () => { if (current) failed(sound.error); });

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.play");
  if (!button) return;
  if (button === toggle) {
    if (sound.paused) begin();
    else sound.pause();
  } else play(trackOf(button));
});
bar.querySelector(".x").addEventListener("click", () => {
  sound.pause();
  bar.hidden = true;
  document.body.classList.remove("playing");
});

// Show the play buttons, which are hidden without JavaScript.
export function wake(part) {
  for (const button of part.querySelectorAll("button.play[hidden]")) button.hidden = false;
  mark();
}
wake(document);

const large = document.getElementById("wave");
if (large) {
  const button = document.querySelector(".track-head button.play");
  large.hidden = false;
  document.getElementById("times").hidden = false;
  const wave = new Wave(large, (share) => {
    if (current !== wave.sound) {
      play(trackOf(button));
      sound.addEventListener("loadedmetadata", () => seek(share), { once: true });
    } else seek(share);
  }, document.getElementById("now"));
  wave.sound = soundOf(button.dataset.id);
  wave.show(large.dataset.outline);
  waves.push(wave);
}
