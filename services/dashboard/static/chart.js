// A job's curves: read once, then only what came behind the last step. Settings stand in the address (#).
import { columnsOf, marksInWords, merged, placeOf, readFrom, smoothed, whole } from "./curves.js";
import { atMarks, shown, WHOLE } from "./numbers.js";
import { PointTable } from "./point_table.js";

const FOLLOW_POINTS = 2000, MERGE_EVERY_MS = 400, LOOK_AGAIN_MS = 150, LOOKS = 4, TRY_AGAIN_MS = 5000;
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Chart {
  constructor(section) {
    this.section = section;
    this.metrics = section.dataset.metrics.split(",");
    this.labels = section.dataset.labels.split("|");
    this.plotted = null;
    this.data = null;
    this.zoom = null;
    this.tools = Object.fromEntries([...section.querySelectorAll("[data-tool]")].map((tool) => [tool.dataset.tool, tool]));
    this.restore();
    section.addEventListener("input", () => { this.remember(); this.draw(); });
    this.tools.reset.addEventListener("click", () => { this.zoom = null; this.tools.follow.checked = true; this.load(); });
    this.tools.png.addEventListener("click", () => this.save());
    this.table = new PointTable(section, this.tools.table, () => this.contents());
    document.addEventListener("theme", () => { this.forget(); this.draw(); });
    new ResizeObserver(() => this.resize()).observe(section);
  }

  get axis() { return this.tools.axis.value; }
  get follows() { return this.tools.follow.checked; }

  async fetch(query) {
    const metrics = this.axis === "epoch" ? [...this.metrics, "epoch"] : this.metrics;
    const address = new URLSearchParams({ metrics: metrics.join(","), max_points: FOLLOW_POINTS, ...query });
    const answer = await fetch(`${this.section.dataset.source}?${address}`, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `status ${answer.status}`);
    return answer.json();
  }

  async load() {
    this.loading = true;
    try {
      const range = this.zoom ? { from_step: Math.max(0, Math.floor(this.zoom.min)), to_step: Math.ceil(this.zoom.max) } : {};
      if (this.section.dataset.marks) range.marks = "yes";
      this.data = whole(await this.fetch(range));
      this.outdated = false;
      this.draw();
    } catch (error) { this.failed(error); }
    this.loading = false;
  }

  // Only what may be new; the whole when a read has failed, for much may have come meanwhile. While the user looks at a part,
  // it is kept and not shown. `step`: what was heard of; its points may be a moment behind.
  async more(step = 0) {
    if (step > (this.heard ?? 0)) { this.heard = step; this.looks = LOOKS; }
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    try {
      if (!this.data || this.outdated || this.axis === "epoch") await this.load();
      else if (!this.zoom) {
        const later = await this.fetch({ from_step: readFrom(this.data) });
        // Another attempt began: steps of the one before it count no more.
        if (later.boundaries.length !== this.data.boundaries.length) await this.load();
        else { this.data = merged(this.data, later); this.draw(); }
      }
    } catch (error) { this.failed(error); }
    const behind = this.data?.x.length && !this.zoom && this.data.x.at(-1) < (this.heard ?? 0) && this.looks-- > 0;
    this.again ||= behind;
    setTimeout(() => { this.busy = false; if (this.again) { this.again = false; this.more(); } }, behind ? LOOK_AGAIN_MS : MERGE_EVERY_MS);
  }

  failed(error) {
    this.say(`The curve ${this.data ? "is not up to date" : "cannot be shown just now"}: ${error.message}`);
    this.outdated = true;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.more(), TRY_AGAIN_MS);
  }

  draw() {
    if (!this.data) return;
    if (typeof uPlot === "undefined") { this.say("Charts cannot be drawn in this browser; the table shows the values."); return; }
    if (this.axis === "epoch" && !this.data.columns.epoch) { this.load(); return; }
    if (!this.data.x.length) { this.say("Nothing was measured yet."); return; }
    const columns = columnsOf(this.data, this.axis, this.tools["log-x"].checked);
    const amount = Number(this.tools.smoothing?.value ?? 0);
    const series = this.metrics.map((name) => this.data.columns[name] ?? []);
    const rows = [columns.x, ...series.map((values) => columns.pick(smoothed(values, amount)))];
    if (amount) rows.push(...series.map((values) => columns.pick(values)));
    const shape = JSON.stringify([this.axis, this.tools["log-x"].checked, this.tools["log-y"].checked, amount > 0]);
    if (this.plotted && this.shape === shape) this.plotted.setData(rows, !this.zoom || this.follows);
    else { this.forget(); this.plotted = new uPlot(this.options(amount > 0), rows, this.section.querySelector("[data-plot]")); }
    this.shape = shape;
    this.describe();
  }

  options(withRaw) {
    const color = (number) => style(`--curve-${number + 1}`);
    const curve = (label, number, more) => ({ label, value: (_, value) => shown(value), stroke: color(number), width: 1.75, spanGaps: true, points: { show: this.data.x.length < 60 }, ...more });
    const axis = { stroke: style("--axis"), grid: { stroke: style("--grid"), width: 1 }, ticks: { stroke: style("--grid") } };
    const raw = withRaw ? this.labels.map((label, number) => curve(`${label} (raw)`, number, { width: 1, alpha: 0.25, points: { show: false } })) : [];
    const words = { step: "Step", epoch: "Epoch", time: "Time" }[this.axis];
    return {
      width: this.width(), height: 260,
      cursor: { drag: { x: true, y: false, uni: 10 } },
      scales: { x: { time: this.axis === "time", distr: this.tools["log-x"].checked && this.axis !== "time" ? 3 : 1 }, y: { distr: this.tools["log-y"].checked ? 3 : 1 } },
      axes: [this.axis === "step" ? { ...axis, incrs: WHOLE } : axis, { ...axis, size: 64, values: atMarks }],
      series: [{ label: words }, ...this.labels.map((label, number) => curve(label, number)), ...raw],
      hooks: { drawClear: [(plot) => this.marks(plot)], setSelect: [(plot) => this.selected(plot)], ready: [(plot) => this.wheel(plot)] },
    };
  }

  // Where a later attempt took over (a line), and which steps are safe (a triangle at the foot).
  marks(plot) {
    const { ctx, bbox } = plot, foot = bbox.top + bbox.height, size = 5 * devicePixelRatio;
    const at = (step, attempt) => {
      const place = placeOf(this.data, this.axis, step, attempt);
      const x = place === null ? NaN : Math.round(plot.valToPos(place, "x", true));
      return x >= bbox.left && x <= bbox.left + bbox.width ? x : null;
    };
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = style("--axis");
    ctx.setLineDash([4, 4]);
    for (const mark of this.data.boundaries) {
      const x = at(mark.step ?? 0, mark.attempt);
      if (x === null) continue;
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, foot); ctx.stroke();
      ctx.fillText(`attempt ${mark.attempt}`, x + 4, bbox.top + 12);
    }
    ctx.fillStyle = style("--curve-3");
    for (const step of this.data.checkpoints ?? []) {
      const x = at(step, 1);
      if (x === null) continue;
      ctx.beginPath(); ctx.moveTo(x, foot - 2 * size); ctx.lineTo(x - size, foot); ctx.lineTo(x + size, foot); ctx.fill();
    }
    ctx.restore();
  }

  // A checkpoint that was saved just now.
  saved(step) {
    if (!this.section.dataset.marks || !this.data || this.data.checkpoints.includes(step)) return;
    this.data.checkpoints = [...this.data.checkpoints, step].sort((a, b) => a - b);
    this.draw();
  }

  selected(plot) {
    if (plot.select.width < 5) return;
    this.look(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
  }

  // The wheel zooms where the pointer is; with shift, and with the arrow keys, the part moves.
  wheel(plot) {
    plot.over.tabIndex = 0;
    plot.over.setAttribute("role", "group");
    plot.over.setAttribute("aria-label", "Chart: plus and minus zoom, arrow keys move");
    const move = (by, factor, centre = 0.5) => {
      const { min, max } = plot.scales.x, width = (max - min) * factor, left = min + (max - min - width) * centre + by * (max - min);
      this.look(left, left + width);
    };
    plot.over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      if (event.shiftKey) move(Math.sign(event.deltaY || event.deltaX) * 0.1, 1);
      else move(0, event.deltaY > 0 ? 1.25 : 0.8, event.offsetX / plot.over.clientWidth);
    }, { passive: false });
    const keys = { ArrowLeft: [-0.1, 1], ArrowRight: [0.1, 1], "+": [0, 0.8], "-": [0, 1.25] };
    plot.over.addEventListener("keydown", (event) => { if (keys[event.key]) { event.preventDefault(); move(...keys[event.key]); } });
    plot.over.addEventListener("dblclick", () => this.tools.reset.click());
  }

  // A part of the range: drawn at once from what is there, then asked for with all its points.
  look(min, max) {
    this.tools.follow.checked = false;
    this.plotted.setScale("x", { min, max });
    if (this.axis !== "step") return;
    this.zoom = { min, max };
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.load().then(() => this.plotted?.setScale("x", { min, max })), 250);
  }

  describe() {
    const points = Object.entries(this.data.points).filter(([name]) => this.metrics.includes(name));
    const parts = points.map(([name, count]) => {
      const values = this.data.columns[name].filter((value) => value !== null);
      const last = values.length ? ` Last value ${Number(values.at(-1).toPrecision(5))}.` : "";
      const flagged = count.flagged.length ? ` Not a number at ${count.flagged.length} step${count.flagged.length === 1 ? "" : "s"}.` : "";
      const part = count.shown < count.total ? " (least and greatest kept)" : "";
      return `${this.labels[this.metrics.indexOf(name)]}: showing ${count.shown.toLocaleString()} of ${count.total.toLocaleString()} points${part}.${last}${flagged}`;
    });
    this.say([...parts, marksInWords(this.data)].join(" ").trim());
    this.section.dataset.points = this.data.x.length;
    this.section.dataset.lastStep = this.data.x.at(-1);
    this.table.refresh();
  }

  say(text) {
    const note = this.section.querySelector("[data-note]");
    if (note.textContent !== text) note.textContent = text;
  }

  contents() {
    const { unit } = this.section.dataset;
    return [["Step", ...this.labels.map((label) => unit ? `${label} (${unit})` : label)],
      [this.data?.x ?? [], ...this.metrics.map((name) => this.data?.columns[name])]];
  }

  save() {
    if (!this.plotted) return;
    this.plotted.ctx.canvas.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${this.section.dataset.chart}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  width() { return Math.max(280, this.section.clientWidth - 16); }
  resize() { if (this.plotted && this.section.clientWidth) this.plotted.setSize({ width: this.width(), height: 260 }); }
  forget() { this.plotted?.destroy(); this.plotted = null; }

  restore() {
    const kept = new URLSearchParams(location.hash.slice(1)), name = this.section.dataset.chart;
    for (const [tool, field] of Object.entries(this.tools)) {
      const value = kept.get(`${name}.${tool}`);
      if (value === null) continue;
      if (field.type === "checkbox") field.checked = value === "1"; else field.value = value;
    }
  }

  remember() {
    const kept = new URLSearchParams(location.hash.slice(1)), name = this.section.dataset.chart;
    for (const [tool, field] of Object.entries(this.tools)) {
      if (!("value" in field) || field.type === "button" || field.tagName === "A" || field.tagName === "BUTTON") continue;
      kept.set(`${name}.${tool}`, field.type === "checkbox" ? (field.checked ? "1" : "0") : field.value);
    }
    history.replaceState(null, "", `#${kept}`);
  }
}

const charts = [...document.querySelectorAll("[data-chart]")].map((section) => new Chart(section));
// What lies in a closed <details> has a place in the layout, and is not seen.
const visible = (chart) => chart.section.checkVisibility();
const loadVisible = () => charts.filter((chart) => visible(chart) && !chart.data).forEach((chart) => chart.load());
loadVisible();
document.querySelector(".more-charts")?.addEventListener("toggle", loadVisible);

const attached = new WeakSet();
document.addEventListener("htmx:sseOpen", (event) => {
  const { source } = event.detail;
  const catchUp = (step) => charts.filter((chart) => visible(chart) && !chart.loading).forEach((chart) => chart.more(step));
  if (!attached.has(source)) {
    source.addEventListener("moved", (message) => catchUp(Number(message.data) || 0));
    source.addEventListener("checkpoint", (message) => charts.forEach((chart) => chart.saved(Number(message.data))));
  }
  attached.add(source);
  catchUp(0);
});
