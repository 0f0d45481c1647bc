// The one event stream of a page. It comes back by itself, whatever ended it: a browser's own gives up at the first
// answer that is no stream, and htmx's waits longer each time, up to a minute. It is resumed after the last entry that
// was seen, and closed while nobody looks.
const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 5000;
const NOT_OURS = [401, 403, 404];

export class Stream extends EventTarget {
  constructor(url) {
    super();
    this.url = new URL(url, location.href);
    this.names = new Set();
    this.failures = 0;
    this.readyState = EventSource.CONNECTING;
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.pause(); else this.open(); });
    addEventListener("online", () => this.open());
    addEventListener("offline", () => { if (this.inner) this.failed(new Event("error")); });
    if (!document.hidden) this.open();
  }

  // As of an EventSource: `name` is that of messages.
  addEventListener(name, listener) {
    super.addEventListener(name, listener);
    if (!this.names.has(name)) this.inner?.addEventListener(name, this.pass);
    this.names.add(name);
  }

  pass = (event) => {
    if (event.lastEventId) this.url.searchParams.set("after", event.lastEventId);
    const { type, data, lastEventId } = event;
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId }));
  };

  open() {
    if (this.inner || this.readyState === EventSource.CLOSED || document.hidden) return;
    clearTimeout(this.waiting);
    this.inner = new EventSource(this.url);
    for (const name of this.names) this.inner.addEventListener(name, this.pass);
    this.inner.onopen = (event) => {
      this.failures = 0;
      this.readyState = EventSource.OPEN;
      this.onopen?.(event);
    };
    this.inner.onerror = (event) => this.failed(event);
  }

  failed(event) {
    const refused = this.inner.readyState === EventSource.CLOSED;
    this.pause();
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.failures++, LONGEST_WAIT_MS);
    // Not all pages at the same moment.
    this.waiting = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
    if (refused) this.askWhy();
    this.onerror?.(event);
  }

  // Who is signed out, or may not see this any more, is told so by the page itself.
  async askWhy() {
    const giveUp = new AbortController();
    try {
      const answer = await fetch(this.url, { headers: { accept: "application/json" }, signal: giveUp.signal });
      giveUp.abort();
      if (NOT_OURS.includes(answer.status)) location.reload();
    } catch { /* nobody answers: it is tried again */ }
  }

  pause() {
    this.inner?.close();
    this.inner = null;
    if (this.readyState !== EventSource.CLOSED) this.readyState = EventSource.CONNECTING;
  }

  close() {
    this.readyState = EventSource.CLOSED;
    clearTimeout(this.waiting);
    this.pause();
  }
}
