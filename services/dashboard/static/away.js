// What a service that was away has left open is asked for again while somebody looks: a card, or the whole page.
const EVERY_MS = 5000;

// The part of the page around a note, which the page made anew has too.
const partOf = (note) => note.closest("[id], [aria-labelledby]");
const inIt = (root, part) => (part.id ? root.getElementById(part.id)
  : root.querySelector(`[aria-labelledby="${CSS.escape(part.getAttribute("aria-labelledby"))}"]`));

async function lookAgain() {
  const whole = document.querySelector("[data-again]");
  const parts = [...document.querySelectorAll(".away")].map(partOf).filter((part) => part && part.id !== "main");
  if (document.hidden || (!whole && !parts.length)) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  if (whole) { location.reload(); return; }
  const anew = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of new Set(parts)) replace(part, inIt(anew, part));
}

function replace(part, found) {
  if (!found || found.querySelector(".away") || part.contains(document.activeElement)) return;
  const there = document.importNode(found, true);
  part.replaceWith(there);
  htmx.process(there);
}

async function keepLooking() {
  await lookAgain();
  setTimeout(keepLooking, EVERY_MS * (0.75 + Math.random() / 2));
}

document.querySelectorAll("[data-again]").forEach((note) => { note.textContent = "This page tries again by itself."; });
setTimeout(keepLooking, EVERY_MS);
