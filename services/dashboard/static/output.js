// The trainer's output stands at its end and follows it, until somebody scrolls back to read.
const tail = () => [...document.querySelectorAll("#output .output")].at(-1);

function toTheEnd() {
  const lines = tail();
  if (lines) lines.scrollTop = lines.scrollHeight;
}

// What is asked for by time has no event that triggered it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail, lines = tail();
  if (elt.id !== "output-filter") return;
  const reads = !requestConfig.triggeringEvent && lines && lines.scrollHeight - lines.scrollTop - lines.clientHeight > 8;
  document.getElementById("output-paused").hidden = !reads;
  if (reads) event.preventDefault();
});
document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target?.id === "output") toTheEnd(); });
toTheEnd();
