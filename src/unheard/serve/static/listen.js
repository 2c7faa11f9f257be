// A rater's screen: clips that play one at a time, scales that count once they are moved, and nothing sent before
// everything is heard and answered.
const HEARD_S = 2;
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
    if (audio.paused) audio.play().catch(() => tell(`The sound of ${name} did not load. Check your connection.`, () => audio.currentTime > 0));
    else audio.pause();
  });
  for (const event of ["play", "pause"]) audio.addEventListener(event, show);
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
    show();
  });
  audio.addEventListener("timeupdate", () => {
    button.style.setProperty("--at", audio.duration ? audio.currentTime / audio.duration : 0);
    if (audio.currentTime >= Math.min(HEARD_S, audio.duration / 2)) box.classList.add("heard");
    look();
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
    scale.classList.remove("wanting");
    look();
  };
  for (const event of ["input", "change", "pointerup"]) slider.addEventListener(event, set);
  slider.addEventListener("keydown", (event) => {
    if (event.key === " ") set(); // the middle, on purpose
  });
  if (answer.value !== "") set();
}

// A message stays until what it asks for is done.
function tell(message, done = null) {
  const place = document.querySelector(".missing");
  if (place) place.textContent = message;
  isDone = done;
}

function look() {
  if (isDone?.()) tell("");
}

const form = document.querySelector("form.screen");
if (form) {
  form.addEventListener("change", (event) => {
    event.target.closest(".which")?.classList.remove("wanting");
    look();
  });
  form.addEventListener("submit", (event) => {
    const unheard = clips.find(({ box }) => "must" in box.dataset && !box.classList.contains("heard"));
    const isOpen = (question) => question.matches(".scale:not(.set)") || (question.matches(".which") && !question.querySelector(":checked"));
    const open = [...form.querySelectorAll("[data-name]")].find(isOpen);
    const again = form.dataset.answered !== undefined;
    if (unheard && !again) {
      event.preventDefault();
      tell(`Please listen to ${unheard.button.dataset.name} first.`, () => unheard.box.classList.contains("heard"));
      unheard.button.focus();
    } else if (open) {
      event.preventDefault();
      open.classList.add("wanting");
      tell("Please answer this question too.", () => !isOpen(open));
      open.querySelector("input").focus();
    } else {
      form.elements.seconds.value = ((performance.now() - opened) / 1000).toFixed(1);
    }
  });
}
