// The start page: suggests folders while a path is typed, and shows the page again when the jobs or the lists are ready.
const PAUSE_MS = 1000;

async function suggest(input, list, links) {
  const answer = await fetch(`/start/folders?typed=${encodeURIComponent(input.value)}`);
  if (!answer.ok) return;
  const { folders, parent } = await answer.json();
  list.replaceChildren(...folders.map((folder) => Object.assign(document.createElement("option"), { value: folder })));
  if (!links) return;
  const choices = folders.map((folder) => [folder.replace(/\/$/, "").split("/").pop() || folder, folder]);
  links.replaceChildren(...(parent ? [[`↑ ${parent}`, parent], ...choices] : choices).map(([name, folder]) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => { input.value = folder; suggest(input, list, links); });
    item.append(button);
    return item;
  }));
}

for (const [name, list, links] of [["music", "music-folders", "folders"], ["playlists", "playlist-folders", ""]]) {
  const input = document.getElementById(name);
  let waiting = 0;
  input?.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => suggest(input, document.getElementById(list), document.getElementById(links)), 150);
  });
}

document.getElementById("stages")?.addEventListener("jobover", () => {
  if (!document.querySelector("#stages [data-live]")) location.reload();
});

// After the last job the server reads the workspace again.
if (document.getElementById("loading")) {
  const asked = setInterval(async () => {
    if (!document.getElementById("loading")) return clearInterval(asked); // another page is shown
    if ((await fetch("/api/health/ready")).ok) { clearInterval(asked); location.reload(); }
  }, PAUSE_MS);
}
