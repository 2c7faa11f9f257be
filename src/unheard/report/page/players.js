// Play one file at a time.
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);

// Replace a player whose file cannot be played (moved, or of an unsupported format) by a message.
document.addEventListener("error", (event) => {
  if (event.target.localName !== "audio") return;
  const words = document.createElement("small");
  words.className = "silent";
  words.setAttribute("role", "status");
  words.textContent = "This file cannot be played.";
  event.target.replaceWith(words);
}, true);
