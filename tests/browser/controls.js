// Tells which controls a page has and which of them somebody uses, each by a name without ids and without people's texts.
(() => {
  const CONTROL = "button, select, textarea:not([hidden]), summary, input:not([type=hidden], [readonly])";
  const told = new Set();
  const tell = (what, name) => {
    if (told.has(what + name)) return;
    told.add(what + name);
    window.tellControl(what, name);
  };
  const general = (text) => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "*").replace(/\d+/g, "*").replace(/-of-.*/, "-of-*");
  const address = (url) => general(new URL(url, location.href).pathname);

  function place(control) {
    if (control.closest("header.navbar")) return "every page";
    return control.form ? `form ${address(control.form.getAttribute("action") ?? location.href)}` : `page ${address(location.href)}`;
  }
  function own(control) {
    return control.name || control.dataset.tool || control.dataset.opens || general(control.id);
  }
  function called(control) {
    if (control.matches("summary")) {
      const around = control.closest("[aria-labelledby], section[id]");
      return `fold ${own(control) || around?.getAttribute("aria-labelledby") || around?.id || ""}`;
    }
    if (!control.matches("button")) return `${control.type} ${own(control)}`;
    const to = control.hasAttribute("formaction") ? ` to ${address(control.formAction)}` : "";
    const does = ["closes", "copies"].find((word) => word in control.dataset) ?? own(control);
    return `button ${does}${control.value && `=${control.value}`}${to}`;
  }
  const name = (control) => general(`${place(control)}: ${called(control).trimEnd()}`);

  const seen = () => { for (const control of document.querySelectorAll(CONTROL)) tell("seen", name(control)); };
  // A click into a field is no use of it.
  const isUse = (event, control) => event.type !== "click" || control.matches("button, summary, [type=checkbox], [type=radio]");
  const used = (event) => {
    const control = event.target.closest?.(CONTROL);
    if (control && isUse(event, control)) tell("used", name(control));
  };
  for (const kind of ["click", "change", "input"]) document.addEventListener(kind, used, true);
  document.addEventListener("DOMContentLoaded", () => {
    seen();
    let waiting = false;
    new MutationObserver(() => {
      if (waiting) return;
      waiting = true;
      setTimeout(() => { waiting = false; seen(); }, 100);
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
