// Uploads a dropped file with a progress bar and shows its neighbours without leaving the page.
import { play, wake } from "./player.js";

const form = document.getElementById("drop"), input = document.getElementById("file");
const box = document.getElementById("upload"), text = document.getElementById("upload-text"), bar = document.getElementById("upload-bar");
let address = "", request = null;

function fail(message) {
  text.textContent = message;
  bar.hidden = true;
  box.classList.add("bad");
}

function send(file) {
  request?.abort();
  const body = new FormData(), mine = request = new XMLHttpRequest();
  body.append("file", file);
  document.getElementById("result").replaceChildren();
  box.hidden = bar.hidden = false;
  box.classList.remove("bad");
  text.textContent = `Uploading ${file.name.slice(0, 100)}`;
  bar.value = 0;
  mine.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
  mine.upload.addEventListener("load", () => { text.textContent = "Analysing"; bar.removeAttribute("value"); });
  mine.addEventListener("error", () => fail("The server did not answer. Is it still running?"));
  mine.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(mine.responseText, "text/html"), found = page.getElementById("result");
    if (mine.status !== 200 || !found) return fail(page.querySelector("main .lead")?.textContent || "That did not work.");
    box.hidden = true;
    document.getElementById("result").replaceWith(found);
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(file);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Play your file";
    button.addEventListener("click", () => play({ sound: address, title: file.name.slice(0, 100), artist: "your file" }));
    document.getElementById("own").append(button);
    wake(found);
    found.focus();
  });
  mine.open("POST", "/drop");
  mine.send(body);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (input.files.length) send(input.files[0]);
});
input.addEventListener("change", () => { if (input.files.length) send(input.files[0]); });
for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { if (!form.isConnected) return; event.preventDefault(); form.classList.add("over"); });
for (const name of ["dragleave", "drop"]) document.addEventListener(name, (event) => { if (!form.isConnected) return; event.preventDefault(); form.classList.remove("over"); });
document.addEventListener("drop", (event) => { const file = event.dataTransfer?.files[0]; if (file && form.isConnected) send(file); });
