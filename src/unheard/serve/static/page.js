// What a page keeps when you come back to it, and how its menu closes. Runs again on every visit, so it listens only on
// parts of the document that are replaced with the page.
const main = document.getElementById("main"), header = document.querySelector("header.bar"), footer = document.querySelector("footer");
const menu = document.getElementById("advanced"), options = document.getElementById("options");
const panels = () => [...main.querySelectorAll("details[id]")];

// On a phone the options of a long form are folded, because they would come before the results.
if (options) options.open = !matchMedia("(max-width: 60rem)").matches;

// Open panels are stored with the entry of the browser's history; it restores the address and the position itself.
const kept = history.state?.open;
if (kept) for (const panel of panels()) panel.open = kept.includes(panel.id);
main.addEventListener("toggle", () => {
  history.replaceState({ ...history.state, open: panels().filter((panel) => panel.open).map((panel) => panel.id) }, "");
}, true);

for (const part of [header, main, footer]) part.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
