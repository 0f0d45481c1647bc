// The log of a job: what comes live stands above what was read, nothing stands there twice, and a filter counts for
// both. Which entries match, only the API knows.
const form = document.querySelector("form[hx-target='#entries']"), live = document.getElementById("live-entries");
const FIRST_PAGE_AFTER_MS = 300;
let asking = 0;

const fields = () => new URLSearchParams(new FormData(form)).toString();
const isFiltered = () => [...new FormData(form).values()].some((value) => value);

// Whether a live entry is to be shown as it came.
export function isNew(number) {
  if (document.getElementById(`entry-${number}`)) return false;
  if (!form || !isFiltered()) return true;
  clearTimeout(asking);
  asking = setTimeout(addMatching, FIRST_PAGE_AFTER_MS);
  return false;
}

async function addMatching() {
  const asked = fields();
  const answer = await fetch(`${form.action}?${asked}`, { headers: { "hx-request": "true" } }).catch(() => null);
  if (!answer?.ok || asked !== fields()) return;
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  const later = [...found.querySelectorAll(".entry")].filter((entry) => !document.getElementById(entry.id));
  if (!later.length) return;
  const list = document.querySelector("#entries .entries");
  if (!list) { htmx.trigger(form, "submit"); return; }
  list.prepend(...later);
  htmx.process(list);
}

// The filter was changed: what it found takes the place of what came live.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "entries" || !live) return;
  if (isFiltered()) live.replaceChildren();
  else for (const entry of [...live.children]) if (document.querySelectorAll(`[id="${entry.id}"]`).length > 1) entry.remove();
});
