// One player for every page: buttons on records start it, a bar at the foot of the window shows it. Space and the arrow
// keys work in the wave.
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

// What a button on a record stands for.
function meant({ dataset: { id, title, artist }, previousElementSibling: picture }) {
  return { id, title, artist, sound: soundOf(id), record: picture ? picture.src : "" };
}

const soundOf = (id) => `/sound?id=${encodeURIComponent(id)}`;

// Start something, or pause it if it plays.
export function play(what) {
  if (current === what.sound) {
    if (sound.paused) begin();
    else sound.pause();
    return;
  }
  current = what.sound;
  sound.src = what.sound;
  title.textContent = what.title;
  artist.textContent = what.artist;
  picture.hidden = !what.record;
  if (what.record) picture.src = what.record;
  time.textContent = "";
  bar.hidden = false;
  document.body.classList.add("playing");
  waves[0].show(what.id ? `/pictures/outline?id=${encodeURIComponent(what.id)}` : "");
  begin();
}

function begin() {
  if (sound.error) sound.load(); // perhaps it can be had by now
  sound.play().catch(failed);
}

// A sound that cannot be played counts as playing until it is paused.
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
  } else play(meant(button));
});
bar.querySelector(".x").addEventListener("click", () => {
  sound.pause();
  bar.hidden = true;
  document.body.classList.remove("playing");
});

// Buttons are hidden until there is somebody to answer them.
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
      play(meant(button));
      sound.addEventListener("loadedmetadata", () => seek(share), { once: true });
    } else seek(share);
  }, document.getElementById("now"));
  wave.sound = soundOf(button.dataset.id);
  wave.show(large.dataset.outline);
  waves.push(wave);
}
