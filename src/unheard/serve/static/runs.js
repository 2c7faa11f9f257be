// Updates running jobs: one event stream for each job that has not ended. When a state changes, the page is requested
// again and its text and buttons are replaced; in between only the progress is updated.
const said = document.getElementById("said");

function left(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `, about ${Math.max(1, Math.round(seconds))} s left`;
  return `, about ${Math.round(seconds / 60)} min left`;
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
  return hours ? `${hours} h ${minutes % 60} min` : minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

function local(part) {
  for (const time of part.querySelectorAll("time")) time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  for (const clock of part.querySelectorAll("[data-seconds]")) clock.began = performance.now() - 1000 * Number(clock.dataset.seconds);
}

let latest = 0;
async function renew(box) {
  const mine = box.latest = ++latest, answer = await fetch(location.href), page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.querySelector(`[data-job="${box.dataset.job}"]`);
  if (!answer.ok || !found || mine !== box.latest) return;
  const focused = box.contains(document.activeElement);
  box.replaceChildren(...found.childNodes);
  local(box);
  if (focused) box.querySelector("[data-name]").focus();
  said.textContent = `${box.querySelector("[data-name]").firstChild.textContent.trim()}: ${box.querySelector("[data-state]").textContent}`;
}

async function output(box) {
  const answer = await fetch(`/api/jobs/${box.dataset.job}`), pre = box.querySelector("pre");
  if (!answer.ok) return;
  pre.textContent = (await answer.json()).output;
  pre.parentElement.hidden = !pre.textContent;
  pre.parentElement.previousElementSibling.hidden = Boolean(pre.textContent);
}

function watch(box) {
  const stream = new EventSource(`/api/jobs/${box.dataset.job}/events`);
  let written = null;
  stream.addEventListener("job", async (event) => {
    if (!box.isConnected) return stream.close(); // another page is shown
    const job = JSON.parse(event.data), over = !["queued", "running"].includes(job.state) && !job.still_runs;
    if (over) { stream.close(); box.removeAttribute("data-live"); }
    const moved = over || box.querySelector("[data-state]").dataset.state !== job.state;
    if (moved) await renew(box);
    const at = job.progress, bar = box.querySelector("progress"), text = box.querySelector("[data-text]");
    if (text && !over) text.textContent = at && job.state === "running" ? `${at.what}: ${at.done} of ${at.total}${left(at.eta_s)}` : job.message.slice(0, 300);
    if (bar && at?.total) bar.value = at.done / at.total;
    if (!over && job.message !== written && box.querySelector("pre")) await output(box);
    written = job.message;
    if (over) box.dispatchEvent(new Event("jobover", { bubbles: true }));
  });
  box.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.submitter.textContent = "Cancelling";
    await fetch(`/api/jobs/${box.dataset.job}`, { method: "DELETE" });
  });
}

local(document);
for (const box of document.querySelectorAll("[data-live]")) watch(box);
setInterval(() => {
  for (const clock of document.querySelectorAll("[data-seconds]")) clock.textContent = duration(Math.round((performance.now() - clock.began) / 1000));
}, 1000);
