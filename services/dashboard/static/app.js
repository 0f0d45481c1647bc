// What every page needs: times in the viewer's zone, dialogs, the one event stream, choosing rows, light and dark.
const here = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exactly = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = here.format(at);
    time.title = exactly.format(at);
    time.dataset.local = "";
  }
}

// A dialog survives a swap of what stands around it while it is open.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.opens) document.getElementById(button.dataset.opens)?.showModal();
  if ("closes" in button.dataset) button.closest("dialog")?.close();
  if (button.dataset.sure && !confirm(button.dataset.sure)) event.preventDefault();
  if (button.id === "theme") changeTheme();
});

function changeTheme() {
  const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
  document.documentElement.dataset.bsTheme = next;
  try { localStorage.setItem("theme", next); } catch { /* it lasts as long as this page */ }
  document.dispatchEvent(new Event("theme"));
}

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

// Chosen rows: a button says how many it needs ("2-4", "1-").
function countChosen() {
  const form = document.getElementById("selection");
  if (!form) return;
  const chosen = form.querySelectorAll("input[name=job]:checked").length;
  for (const button of form.querySelectorAll("button[data-needs]")) {
    const [least, most] = button.dataset.needs.split("-");
    button.disabled = chosen < Number(least) || (most !== "" && chosen > Number(most));
  }
}
document.addEventListener("change", countChosen);

// The stream: resumed after the last entry that was seen, closed while nobody looks, nothing shown twice.
let lastId = "", source = null, ended = false;
htmx.createEventSource = (url) => {
  const address = new URL(url, location.href);
  if (lastId) address.searchParams.set("after", lastId);
  source = new EventSource(address);
  return source;
};
document.addEventListener("htmx:sseOpen", () => document.documentElement.dataset.live = "yes");
document.addEventListener("htmx:sseError", () => document.documentElement.dataset.live = "no");
document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type !== "message") return;
  ended = true;
  document.documentElement.dataset.live = "ended";
  if (document.getElementById("job")) setTimeout(() => location.reload(), 1500); // results, proof, final cost
});
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const message = event.detail;
  if (message.type === "entry") {
    lastId = message.lastEventId || lastId;
    if (document.getElementById(`entry-${message.lastEventId}`)) event.preventDefault();
  }
  if (message.type === "entry" && filtering()) refilter();
  if (message.type === "actions" && document.querySelector("#job-actions dialog[open]")) event.preventDefault();
  if (message.type.startsWith("row-")) {
    const box = event.target.querySelector("input[name=job]");
    if (box?.checked) event.target.dataset.checked = "yes";
  }
});
document.addEventListener("htmx:sseMessage", (event) => {
  const row = event.target;
  if (row.dataset?.checked) {
    row.querySelector("input[name=job]").checked = true;
    delete row.dataset.checked;
  }
  if (event.detail.type === "header") announceStatus();
});
// While the log is filtered, what comes is asked for anew with the filter; without one it stands above, each entry once.
const filtering = () => [...document.querySelectorAll("#log-filter [name]")].some((field) => field.value);
let asking = null;
function refilter() {
  asking ??= setTimeout(() => {
    asking = null;
    if (filtering() && !document.querySelector("#entries details[open]")) htmx.trigger("#log-filter", "refresh");
  }, 2000);
}
const numberOf = (entry) => Number(entry.id.slice("entry-".length));
function withoutDoubles() {
  const above = document.getElementById("live-entries"), newest = document.querySelector("#entries .entry");
  above.hidden = filtering();
  for (const entry of [...above.children]) {
    const isThere = document.querySelector(`#entries #${entry.id}`);
    if (isThere || (!above.hidden && newest && numberOf(entry) <= numberOf(newest))) entry.remove();
  }
}

// The trainer's output stands at its end and follows it, until somebody scrolls back to read.
const tail = () => [...document.querySelectorAll("#output .output")].at(-1);
const toTheEnd = () => { const lines = tail(); if (lines) lines.scrollTop = lines.scrollHeight; };
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail, lines = tail();
  if (elt.id !== "output-filter") return;
  const reads = !requestConfig.triggeringEvent && lines && lines.scrollHeight - lines.scrollTop - lines.clientHeight > 8;
  document.getElementById("output-paused").hidden = !reads;
  if (reads) event.preventDefault();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "entries") withoutDoubles(); // the stream swaps without saying where
  if (event.detail.target?.id === "output") toTheEnd();
});
toTheEnd();

document.addEventListener("visibilitychange", () => {
  if (!source || ended) return;
  if (document.hidden) source.close();
  else if (source.readyState === EventSource.CLOSED) source.dispatchEvent(new Event("error"));
});

let status = document.querySelector("#job-header .status")?.dataset.status;
function announceStatus() {
  const now = document.querySelector("#job-header .status");
  if (!now || now.dataset.status === status) return;
  status = now.dataset.status;
  document.getElementById("announce").textContent = `The job is now: ${now.textContent}`;
}

document.addEventListener("htmx:load", (event) => { localTimes(event.target.parentElement ?? document); countChosen(); });
// What is not a page of ours (401 with an address, 4xx and 5xx) is shown where the answer was wanted.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) event.detail.shouldSwap = event.detail.xhr.getResponseHeader("content-type")?.startsWith("text/html") ?? false;
});
localTimes(document);
countChosen();
document.querySelector("main .alert-danger")?.focus();
