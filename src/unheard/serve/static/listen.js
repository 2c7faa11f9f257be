// A rater's screen: one clip plays at a time, a scale counts as answered once it is moved, and the form is only sent
// when every clip was played and every question answered.
const MIN_PLAYED_S = 2;
const opened = performance.now();
let isDone = null;
const clips = [...document.querySelectorAll(".clip")].map((box) => ({
  box,
  button: box.querySelector("button"),
  audio: box.querySelector("audio"),
}));

for (const { box, button, audio } of clips) {
  const name = button.dataset.name;
  const show = () => {
    button.setAttribute("aria-pressed", String(!audio.paused));
    button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"} ${name}`);
  };
  button.addEventListener("click", () => {
    for (const other of clips) if (other.audio !== audio) other.audio.pause();
    if (audio.paused) audio.play().catch(() => showMessage(`The sound of ${name} did not load. Check your connection.`, () => audio.currentTime > 0));
    else audio.pause();
  });
  for (const event of ["play", "pause"]) audio.addEventListener(event, show);
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
    show();
  });
  audio.addEventListener("timeupdate", () => {
    button.style.setProperty("--at", audio.duration ? audio.currentTime / audio.duration : 0);
    if (audio.currentTime >= Math.min(MIN_PLAYED_S, audio.duration / 2)) box.classList.add("played");
    clearMessage();
  });
}

for (const scale of document.querySelectorAll(".scale")) {
  const slider = scale.querySelector("input[type=range]");
  const answer = scale.querySelector("input[type=hidden]");
  const set = () => {
    const words = slider.value < 34 ? slider.dataset.low : slider.value > 66 ? slider.dataset.high : "in between";
    answer.value = slider.value;
    slider.setAttribute("aria-valuetext", `${slider.value} of 100, ${words}`);
    scale.querySelector("output").textContent = slider.value;
    scale.classList.add("set");
    scale.classList.remove("unanswered");
    clearMessage();
  };
  for (const event of ["input", "change", "pointerup"]) slider.addEventListener(event, set);
  slider.addEventListener("keydown", (event) => {
    if (event.key === " ") set(); // the middle of the scale is a valid answer
  });
  if (answer.value !== "") set();
}

// Show a message until `done` returns true.
function showMessage(message, done = null) {
  const box = document.querySelector(".missing");
  if (box) box.textContent = message;
  isDone = done;
}

function clearMessage() {
  if (isDone?.()) showMessage("");
}

const form = document.querySelector("form.screen");
if (form) {
  form.addEventListener("change", (event) => {
    event.target.closest(".which")?.classList.remove("unanswered");
    clearMessage();
  });
  form.addEventListener("submit", (event) => {
    const unplayed = clips.find(({ box }) => "must" in box.dataset && !box.classList.contains("played"));
    const isOpen = (question) => question.matches(".scale:not(.set)") || (question.matches(".which") && !question.querySelector(":checked"));
    const open = [...form.querySelectorAll("[data-name]")].find(isOpen);
    const again = form.dataset.answered !== undefined;
    if (unplayed && !again) {
      event.preventDefault();
      showMessage(`Please listen to ${unplayed.button.dataset.name} first.`, () => unplayed.box.classList.contains("played"));
      unplayed.button.focus();
    } else if (open) {
      event.preventDefault();
      open.classList.add("unanswered");
      showMessage("Please answer this question too.", () => !isOpen(open));
      open.querySelector("input").focus();
    } else {
      form.elements.seconds.value = ((performance.now() - opened) / 1000).toFixed(1);
    }
  });
}
