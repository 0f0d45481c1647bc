// What is replaced while it has the focus gets it again: it is found by its id, or by what it opens, leads to or means.
const KNOWN_BY = ["id", "data-opens", "href", "value"];
let before = null;

function selectorOf(element) {
  const name = KNOWN_BY.find((each) => element.getAttribute(each));
  return name ? `${element.localName}[${name}="${CSS.escape(element.getAttribute(name))}"]` : null;
}

document.addEventListener("htmx:sseBeforeMessage", (event) => {
  before = event.target.contains(document.activeElement) ? selectorOf(document.activeElement) : null;
});
document.addEventListener("htmx:sseMessage", (event) => {
  if (before && !event.target.contains(document.activeElement)) event.target.querySelector(before)?.focus({ preventScroll: true });
  before = null;
});
