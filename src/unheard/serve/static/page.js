// What every page keeps when you come back to it, and how its menu closes.
const NARROW = matchMedia("(max-width: 60rem)");
const panels = [...document.querySelectorAll("main details[id]")];
const menu = document.getElementById("advanced"), options = document.getElementById("options");

// The options of a long form are folded where they would come before the results.
if (options) {
  options.open = !NARROW.matches;
  NARROW.addEventListener("change", () => { options.open = !NARROW.matches; });
}

// Open panels are stored with the entry of the browser's history; it restores the address and the position itself.
const kept = history.state?.open;
if (kept) for (const panel of panels) if (panel !== options || NARROW.matches) panel.open = kept.includes(panel.id);
function keep() {
  const open = [...document.querySelectorAll("main details[id]")].filter((panel) => panel.open).map((panel) => panel.id);
  history.replaceState({ ...history.state, open }, "");
}
document.addEventListener("toggle", (event) => { if (event.target.closest("main")) keep(); }, true);

document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
