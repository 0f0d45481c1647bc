// Charts of the analytics, drawn from the tables beneath them: curves over weeks, and points that lead to their job.
import { atMarks } from "./numbers.js";

const NEAR_PX = 20, DAY_S = 86400, Y_AXIS_PX = 56;
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const color = (place) => style(`--curve-${(place % 4) + 1}`);
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const number = (text) => (text === "" ? null : Number(text));
const axis = () => ({ stroke: style("--axis"), grid: { stroke: style("--grid"), width: 1 }, ticks: { stroke: style("--grid") } });

// (x, one column for each head of the table) of the rows of a table.
function curvesOf(section) {
  const labels = [...section.querySelectorAll("details thead th")].slice(1).map((head) => head.textContent);
  const rows = [...section.querySelectorAll("details tbody tr")];
  const columns = labels.map((_, place) => rows.map((row) => number(row.cells[place + 1].dataset.y)));
  return { labels, rows, data: [rows.map((row) => Date.parse(row.dataset.x) / 1000), ...columns] };
}

// Points in the order of x, each in the column of its series.
function pointsOf(section) {
  const points = [...section.querySelectorAll("details tbody tr")].map((row) => ({
    x: Number(row.dataset.x), y: Number(row.dataset.y), series: row.dataset.series, link: row.querySelector("a"), cells: row.cells,
  })).sort((one, other) => one.x - other.x);
  const labels = [...new Set(points.map((point) => point.series))].sort();
  const columns = labels.map((label) => points.map((point) => (point.series === label ? point.y : null)));
  return { labels, points, data: [points.map((point) => point.x), ...columns] };
}

// From the first to the last of values in order. A plot that is asked widens the range of a single one by itself.
const span = (values) => [values[0] ?? null, values.at(-1) ?? null];

// A little room around what is there: a single point has no range of its own.
function around([min, max], least, share = 0.08) {
  if (min === null || max === null) return [0, 1];
  const room = Math.max((max - min) * share, least);
  return [min - room, max + room];
}

const notBelowZero = ([min, max]) => [Math.max(0, min), max];

// From zero, unless something is below it.
function fromZero(min, max, most) {
  return [Math.min(0, min ?? 0) * 1.08, most ?? (Math.max(max ?? 0, 0) * 1.08 || 1)];
}

// Weeks that there are, as many as have room, the last one always.
function weeksToName(plot, min, max, space) {
  const width = plot.width - Y_AXIS_PX, named = [];
  for (const week of [...plot.data[0]].reverse()) {
    if (!named.length || ((named[0] - week) / (max - min)) * width >= space) named.unshift(week);
  }
  return named;
}

// How weeks are named, and the pixels of such a name.
function namesOf(weeks) {
  const years = new Set(span(weeks).map((week) => new Date(week * 1000).getUTCFullYear())).size > 1;
  return years ? { words: dayOfYear, space: 100 } : { words: day, space: 64 };
}

function weekAxis({ words, space }) {
  return { ...axis(), splits: (plot, _, min, max) => weeksToName(plot, min, max, space), values: (_, weeks) => weeks.map((week) => words.format(week * 1000)) };
}

class Chart {
  constructor(section, height, build) {
    Object.assign(this, { section, height, build });
    this.draw();
    document.addEventListener("theme", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(() => this.draw()));
    new ResizeObserver(() => this.plotted.setSize({ width: this.width, height: this.height })).observe(section);
  }

  get width() { return Math.max(240, this.section.clientWidth - 16); }

  draw() {
    this.plotted?.destroy();
    const { options, data } = this.build(this.section);
    const place = this.section.querySelector("[data-plot]");
    this.plotted = new uPlot({ width: this.width, height: this.height, cursor: { drag: { x: false, y: false } }, ...options }, data, place);
    this.section.dataset.drawn = data[0].length;
  }
}

function overWeeks(section) {
  const { labels, rows, data } = curvesOf(section), most = section.dataset.most && Number(section.dataset.most), names = namesOf(data[0]);
  const words = (place) => (_, value, series, row) => rows[row]?.cells[place].textContent ?? "–";
  const curve = (label, place) => ({ label, value: words(place + 1), stroke: color(place), width: 1.75, spanGaps: true, points: { show: true, size: 6, fill: color(place) } });
  return { data, options: {
    scales: { x: { range: () => around(span(data[0]), 3 * DAY_S, 0.01) }, y: { range: (_, min, max) => fromZero(min, max, most) } },
    padding: [null, names.space / 2, null, null],
    axes: [weekAxis(names), { ...axis(), size: Y_AXIS_PX, values: atMarks }],
    series: [{ label: "Week from", value: words(0) }, ...labels.map(curve)],
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
  } };
}

function costAgainstQuality(section) {
  const { labels, points, data } = pointsOf(section);
  const series = (label, place) => ({ label, stroke: color(place), paths: () => null, points: { show: true, size: 8, fill: color(place) } });
  return { data, options: {
    scales: { x: { time: false, range: () => notBelowZero(around(span(data[0]), 0.01)) }, y: { range: (_, min, max) => around([min, max], 0.5) } },
    axes: [{ ...axis(), label: "Cost (USD)", labelSize: 20, values: atMarks }, { ...axis(), size: Y_AXIS_PX, values: atMarks, label: "Improvement (%)", labelSize: 20 }],
    series: [{ label: "Cost (USD)" }, ...labels.map(series)],
    legend: { live: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    hooks: { ready: [(plot) => leadsToJobs(plot, points, section.querySelector("[data-note]"))] },
  } };
}

// What is under the pointer is named, and a click goes there.
function leadsToJobs(plot, points, note) {
  const nearest = (event) => {
    const box = plot.over.getBoundingClientRect(), left = event.clientX - box.left, top = event.clientY - box.top;
    const far = (point) => Math.hypot(plot.valToPos(point.x, "x") - left, plot.valToPos(point.y, "y") - top);
    const [found, distance] = points.reduce((best, point) => (far(point) < best[1] ? [point, far(point)] : best), [null, Infinity]);
    return distance <= NEAR_PX ? found : null;
  };
  plot.over.addEventListener("mousemove", (event) => {
    const point = nearest(event);
    plot.over.classList.toggle("leads", point !== null);
    note.textContent = point ? `${point.link.textContent}: ${point.cells[3].textContent}, ${point.cells[4].textContent} better` : "";
  });
  plot.over.addEventListener("click", (event) => nearest(event)?.link.click());
}

const charts = [
  ...[...document.querySelectorAll("[data-trend]")].map((section) => [section, 190, overWeeks]),
  ...[...document.querySelectorAll("[data-points]")].filter((section) => section.querySelector("[data-plot]")).map((section) => [section, 320, costAgainstQuality]),
];
for (const [section, height, build] of charts) {
  if (typeof uPlot !== "undefined") new Chart(section, height, build);
  else section.querySelector("details").open = true;
}
