// The page refreshes itself: only what has changed is put in, so that focus, scrolling and what is open stay. While
// nobody looks at it, or it was told to stop, it asks for nothing.
const refresh = document.getElementById("refresh");
const button = document.getElementById("refreshing");
const served = new WeakMap(); // a row -> the HTML that the server sent of it
let stopped = false;

for (const row of document.querySelectorAll("[data-part] > *")) served.set(row, row.outerHTML);

function update(part, sent) {
  const here = new Map([...part.children].map((row) => [row.id, row]));
  const fresh = [];
  const rows = [...sent.children].map((row) => {
    const known = here.get(row.id), html = row.outerHTML;
    if (known && served.get(known) === html) return known;
    served.set(row, html);
    for (const open of known?.querySelectorAll("details[open][id]") ?? []) row.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    fresh.push(row);
    return row;
  });
  for (const row of here.values()) if (!rows.includes(row)) row.remove();
  rows.forEach((row, place) => { if (part.children[place] !== row) part.insertBefore(row, part.children[place] ?? null); });
  return fresh;
}

htmx.defineExtension("changed-parts", {
  handleSwap(style, target, fragment) {
    const focused = document.activeElement?.id, before = verdict();
    const fresh = [...fragment.querySelectorAll("[data-part]")].flatMap((sent) => {
      const part = document.getElementById(sent.id);
      return part ? update(part, sent) : [];
    });
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
    if (verdict() !== before) document.getElementById("announce").textContent = verdict();
    return fresh;
  },
});

const verdict = () => document.getElementById("verdict-text")?.textContent ?? "";

refresh.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden || stopped) event.preventDefault(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) htmx.trigger(refresh, "wake"); });
for (const name of ["htmx:sendError", "htmx:responseError"]) refresh.addEventListener(name, () => {
  const line = document.querySelector("#freshness > *");
  if (!line) return;
  served.delete(line); // what comes next replaces it
  line.textContent = "Not refreshed. What is shown is older; it is tried again.";
});

button.hidden = false;
button.addEventListener("click", () => {
  stopped = !stopped;
  button.textContent = stopped ? "Refresh again" : "Stop refreshing";
  if (!stopped) htmx.trigger(refresh, "wake");
});
