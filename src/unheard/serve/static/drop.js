// Dropping a file: progress while it travels, then the neighbours, without leaving the page.
import { play, wake } from "./player.js";

const form = document.getElementById("drop"), input = document.getElementById("file");
const box = document.getElementById("hearing"), text = document.getElementById("hearing-text"), bar = document.getElementById("hearing-bar");
let address = "";

function send(file) {
  const body = new FormData(), request = new XMLHttpRequest();
  body.append("file", file);
  box.hidden = false;
  text.textContent = `Sending ${file.name.slice(0, 100)}`;
  bar.value = 0;
  request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
  request.upload.addEventListener("load", () => { text.textContent = "Listening"; bar.removeAttribute("value"); });
  request.addEventListener("error", () => { text.textContent = "The server did not answer. Is it still running?"; bar.value = 0; });
  request.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html"), found = page.getElementById("result");
    if (request.status !== 200 || !found) {
      text.textContent = page.querySelector("main .lead")?.textContent || "That did not work.";
      bar.value = 0;
      return;
    }
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
  request.open("POST", "/drop");
  request.send(body);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (input.files.length) send(input.files[0]);
});
input.addEventListener("change", () => { if (input.files.length) send(input.files[0]); });
for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
for (const name of ["dragleave", "drop"]) document.addEventListener(name, (event) => { event.preventDefault(); form.classList.remove("over"); });
document.addEventListener("drop", (event) => { const file = event.dataTransfer?.files[0]; if (file) send(file); });
