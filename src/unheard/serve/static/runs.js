// Runs as they go on: one event stream for each that is not over.
const said = document.getElementById("said");

function left(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `, about ${Math.max(1, Math.round(seconds))} s left`;
  return `, about ${Math.round(seconds / 60)} min left`;
}

for (const row of document.querySelectorAll("[data-live]")) {
  const state = row.querySelector("[data-state]"), text = row.querySelector("[data-text]"), bar = row.querySelector("progress");
  const stream = new EventSource(`/api/jobs/${row.dataset.id}/events`);
  stream.addEventListener("job", (event) => {
    const job = JSON.parse(event.data), over = !["queued", "running"].includes(job.state);
    state.textContent = job.state;
    state.className = `state ${job.state}`;
    const at = job.progress;
    text.textContent = at && !over ? `${at.what}: ${at.done} of ${at.total}${left(at.eta_s)}` : job.message.slice(0, 300);
    if (at?.total) bar.value = at.done / at.total;
    if (!over) return;
    stream.close();
    bar.remove();
    row.querySelector("form")?.remove();
    row.removeAttribute("data-live");
    said.textContent = `${job.verb} is ${job.state}`;
  });
  row.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    event.submitter.disabled = true;
    event.submitter.textContent = "Cancelling";
    await fetch(`/api/jobs/${row.dataset.id}`, { method: "DELETE" });
  });
}
