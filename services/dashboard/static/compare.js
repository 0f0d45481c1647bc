// Several jobs' curves over each other. How they are looked at stands in the address, so that a link shows the same.
import { merged, overlaid, readFrom, smoothed, whole, xOf } from "./curves.js";
import { atMarks, shown, WHOLE } from "./numbers.js";
import { PointTable } from "./point_table.js";

const MOST_POINTS = 1000, AGAIN_MS = 5000, HEIGHT = 320;
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Comparison {
  constructor(section) {
    this.section = section;
    this.jobs = [...section.querySelectorAll("[data-job]")].map((entry) => ({ id: entry.dataset.job, number: Number(entry.dataset.number), name: entry.textContent, data: null, problem: "" }));
    this.tools = Object.fromEntries([...section.querySelectorAll("[data-tool]")].map((tool) => [tool.dataset.tool, tool]));
    section.addEventListener("input", () => { this.remember(); this.draw(); });
    this.tools.reset.addEventListener("click", () => { this.zoomed = false; this.draw(); });
    this.table = new PointTable(section, this.tools.table, () => this.contents());
    document.addEventListener("theme", () => { this.forget(); this.draw(); });
    document.addEventListener("htmx:load", () => this.addresses());
    new ResizeObserver(() => this.resize()).observe(section);
    setInterval(() => { if (this.running && !document.hidden) this.load(); }, AGAIN_MS);
    this.load();
  }

  get axis() { return this.tools.axis.value; }
  get curve() { return this.tools.curve.value; }
  get running() { return Boolean(document.querySelector("#comparison[data-running]")); }

  async load() {
    if (this.busy) return;
    this.busy = true;
    await Promise.all(this.jobs.map((job) => this.read(job)));
    this.busy = false;
    this.draw();
  }

  // The whole at first and when a read has failed, then only what may be new.
  async read(job) {
    const goesOn = job.data?.x.length && !job.problem;
    const query = new URLSearchParams({ metrics: "loss,validation_loss,epoch", max_points: MOST_POINTS });
    if (goesOn) query.set("from_step", readFrom(job.data));
    try {
      const answer = await fetch(`/jobs/${job.id}/series?${query}`, { headers: { accept: "application/json" } });
      const found = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(found.detail ?? `status ${answer.status}`);
      job.data = goesOn ? merged(job.data, found) : whole(found);
      job.problem = "";
    } catch (error) { job.problem = `The curve of ${job.name} cannot be read just now: ${error.message}`; }
  }

  draw() {
    const drawn = this.jobs.filter((job) => job.data?.columns[this.curve]?.some((value) => value !== null));
    this.describe(drawn);
    if (typeof uPlot === "undefined") { this.say("Charts cannot be drawn in this browser; the table shows the values."); return; }
    if (!drawn.length) { this.forget(); return; }
    const amount = Number(this.tools.smoothing.value);
    const curves = (smooth) => drawn.map((job) => ({ x: xOf(job.data, this.axis), y: smoothed(job.data.columns[this.curve], smooth) }));
    const rows = overlaid([...curves(amount), ...(amount ? curves(0) : [])]);
    const shape = JSON.stringify([this.axis, this.curve, this.tools.log.checked, amount > 0, drawn.map((job) => job.id)]);
    if (this.plotted && this.shape === shape) this.plotted.setData(rows, !this.zoomed);
    else { this.forget(); this.zoomed = false; this.plotted = new uPlot(this.options(drawn, amount > 0), rows, this.section.querySelector("[data-plot]")); }
    this.shape = shape;
  }

  options(drawn, withRaw) {
    const line = (job, more) => ({ label: job.name, value: (_, value) => shown(value), stroke: style(`--curve-${job.number}`), dash: DASHES[job.number - 1], width: 1.75, spanGaps: true, points: { show: job.data.x.length < 60 }, ...more });
    const axis = { stroke: style("--axis"), grid: { stroke: style("--grid"), width: 1 }, ticks: { stroke: style("--grid") } };
    const raw = withRaw ? drawn.map((job) => line(job, { label: `${job.name} (raw)`, class: "raw", width: 1, alpha: 0.25, dash: [], points: { show: false } })) : [];
    return {
      width: this.width(), height: HEIGHT, cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { distr: this.tools.log.checked ? 3 : 1 } },
      axes: [this.axis === "step" ? { ...axis, incrs: WHOLE } : axis, { ...axis, size: 64, values: atMarks }],
      series: [{ label: this.tools.axis.selectedOptions[0].text }, ...drawn.map((job) => line(job)), ...raw],
      hooks: {
        setSelect: [(plot) => { if (plot.select.width >= 5) this.zoomed = true; }],
        setScale: [(plot, name) => { if (name === "x") this.section.dataset.range = [plot.scales.x.min, plot.scales.x.max]; }],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => { this.zoomed = false; })],
      },
    };
  }

  describe(drawn) {
    const parts = drawn.map((job) => {
      const values = job.data.columns[this.curve].filter((value) => value !== null), { shown, total } = job.data.points[this.curve];
      return `${job.name}: showing ${shown.toLocaleString()} of ${total.toLocaleString()} points, last value ${Number(values.at(-1).toPrecision(5))}.`;
    });
    const none = this.jobs.filter((job) => job.data && !drawn.includes(job)).map((job) => `${job.name}: nothing was measured yet.`);
    this.say([...parts, ...none, ...this.jobs.map((job) => job.problem)].filter(Boolean).join(" "));
    this.table.refresh();
  }

  say(text) {
    const note = this.section.querySelector("[data-note]");
    if (note.textContent !== text) note.textContent = text;
  }

  contents() {
    const jobs = this.jobs.filter((job) => job.data);
    const [x, ...columns] = overlaid(jobs.map((job) => ({ x: xOf(job.data, this.axis), y: job.data.columns[this.curve] ?? [] })));
    return [[this.tools.axis.selectedOptions[0].text, ...jobs.map((job) => job.name)], [x.map((value) => Number(value.toFixed(3))), ...columns]];
  }

  width() { return Math.max(280, this.section.clientWidth - 16); }
  resize() { if (this.plotted && this.section.clientWidth) this.plotted.setSize({ width: this.width(), height: HEIGHT }); }
  forget() { this.plotted?.destroy(); this.plotted = null; }

  settings() {
    return { axis: this.axis, curve: this.curve, smoothing: this.tools.smoothing.value, log: this.tools.log.checked ? "1" : "0" };
  }

  remember() {
    const address = new URL(location.href);
    for (const [name, value] of Object.entries(this.settings())) address.searchParams.set(name, value);
    history.replaceState(null, "", address);
    this.addresses();
  }

  // Parts that come again bring links with what was asked at first.
  addresses() {
    for (const link of document.querySelectorAll("a[data-view]")) {
      const address = new URL(link.href);
      for (const [name, value] of Object.entries(this.settings())) address.searchParams.set(name, value);
      link.href = address;
    }
  }
}

const section = document.getElementById("curves");
if (section) new Comparison(section);
