import { isNew } from "./log.js";
import { Stream } from "./stream.js";
import "./away.js";
import "./focus.js";
import "./output.js";

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

// The stream: nothing shown twice, and said while there is none.
htmx.createEventSource = (url) => new Stream(url);
const connection = document.getElementById("connection");
function connected(state) {
  document.documentElement.dataset.live = state;
  connection.textContent = state === "no" ? "Not connected: trying again. What is shown may be out of date." : "";
}
document.addEventListener("htmx:sseOpen", () => connected("yes"));
document.addEventListener("htmx:sseError", () => connected("no"));
document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type !== "message") return;
  connected("ended");
  if (document.getElementById("job")) setTimeout(showTheEnd, 1500); // results, proof, final cost
});
// The whole page anew; never what somebody is writing.
async function showTheEnd() {
  const there = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!there || there.status >= 500) { setTimeout(showTheEnd, 3000); return; }
  if (isBeingWritten()) connection.textContent = "The job has ended. Load the page anew to see its results; what you have written is not sent yet.";
  else location.reload();
}
function isBeingWritten() {
  const fields = [...document.querySelectorAll("main form[method=post] :is(textarea, input:not([type=hidden]))")];
  return document.querySelector("dialog[open]") !== null || fields.some((field) => field.value !== field.defaultValue);
}
// A stream begins with every row: one that is the same stays, with what is chosen and focused in it.
function isShown(row, text) {
  const anew = document.createElement("tr");
  anew.innerHTML = text;
  localTimes(anew);
  return anew.innerHTML.trim() === row.innerHTML.trim();
}
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const message = event.detail;
  if (message.type === "entry" && !isNew(message.lastEventId)) event.preventDefault();
  if (message.type === "actions" && document.querySelector("#job-actions dialog[open]")) event.preventDefault();
  if (message.type.startsWith("row-")) {
    if (isShown(event.target, message.data)) { event.preventDefault(); return; }
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
