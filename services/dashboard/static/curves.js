// Arithmetic of curves, without a page.

// TensorBoard's smoothing: an exponential mean without the pull of its beginning. Gaps stay gaps.
export function smoothed(values, amount) {
  if (!amount) return values;
  let mean = 0, count = 0;
  return values.map((value) => {
    if (value === null || value === undefined) return null;
    mean = mean * amount + (1 - amount) * value;
    count += 1;
    return mean / (1 - amount ** count);
  });
}

// Points may come behind later ones: the broker delivers again what nobody confirmed, after 15 s the first time.
const LATE_S = 60;

// From which step on a curve is read again. Not what was thinned when the whole was read: its points are counted already.
export function readFrom(data) {
  if (!data.x.length) return 0;
  const since = data.times.at(-1) - LATE_S;
  return Math.max(data.x[data.times.findIndex((time) => time >= since)], data.thinnedTo);
}

// A curve that was read whole.
export function whole(data) {
  const thinned = Object.values(data.points).some((count) => count.shown < count.total);
  return { ...data, thinnedTo: thinned ? data.x.at(-1) ?? 0 : 0 };
}

// `later` begins at the last step of `data`, or before: what both have is `later`'s.
export function merged(data, later) {
  if (!later.x.length) return data;
  const first = data.x.findIndex((step) => step >= later.x[0]);
  const kept = first < 0 ? data.x.length : first;
  const join = (before, after) => [...before.slice(0, kept), ...after];
  const names = new Set([...Object.keys(data.columns), ...Object.keys(later.columns)]);
  const gaps = (length) => new Array(length).fill(null);
  const columns = {}, points = {};
  for (const name of names) {
    columns[name] = join(data.columns[name] ?? gaps(data.x.length), later.columns[name] ?? gaps(later.x.length));
    const count = (of) => of?.filter((value) => value !== null).length ?? 0;
    const before = data.points[name] ?? { shown: 0, total: 0, flagged: [] };
    const after = later.points[name] ?? { shown: 0, total: 0, flagged: [] };
    // A value that was no number is a gap in its column, and a point nevertheless.
    const lost = count(data.columns[name]?.slice(kept)) + before.flagged.filter((step) => step >= later.x[0]).length;
    points[name] = {
      shown: before.shown - lost + after.shown, total: before.total - lost + after.total,
      flagged: [...new Set([...before.flagged, ...after.flagged])],
    };
  }
  return { x: join(data.x, later.x), attempts: join(data.attempts, later.attempts), times: join(data.times, later.times),
    columns, points, boundaries: later.boundaries, checkpoints: data.checkpoints, thinnedTo: data.thinnedTo };
}

// The x column of an axis, and the same rows of any other column: uPlot wants x to grow.
export function columnsOf(data, axis, logarithmic) {
  const source = axis === "time" ? data.times : axis === "epoch" ? data.columns.epoch ?? data.x : data.x;
  const rows = source.map((value, row) => [value, row]).filter(([value]) => value !== null && (!logarithmic || axis === "time" || value > 0));
  rows.sort(([a], [b]) => a - b);
  return { x: rows.map(([value]) => value), pick: (column) => rows.map(([, row]) => column[row] ?? null) };
}

// Where a step of an attempt lies on an axis: at its own row, or at the next one that was measured. null: nowhere yet.
export function placeOf(data, axis, step, attempt) {
  if (axis === "step") return step;
  const source = axis === "time" ? data.times : data.columns.epoch;
  const row = data.x.findIndex((at, number) => at >= (step ?? 0) && data.attempts[number] >= attempt);
  return row < 0 ? null : source?.[row] ?? null;
}

// What the marks say, for those who do not see them.
export function marksInWords(data) {
  const words = data.boundaries.map((mark) => `Attempt ${mark.attempt} goes on from step ${(mark.step ?? 0).toLocaleString()}.`);
  const saved = data.checkpoints ?? [];
  if (saved.length) words.push(`${saved.length} checkpoint${saved.length === 1 ? "" : "s"} (▲), the last at step ${saved.at(-1).toLocaleString()}.`);
  return words.join(" ");
}

// Where each point of a job stands on an axis that several jobs share: minutes count from its first step.
export function xOf(data, axis) {
  if (axis === "time") { const first = Math.min(...data.times); return data.times.map((time) => (time - first) / 60); }
  return axis === "epoch" && data.columns.epoch ? filled(data.x, data.columns.epoch) : data.x;
}

// Each metric is thinned by itself: between two that are known, values grow with the steps.
function filled(steps, values) {
  const known = steps.flatMap((step, row) => values[row] === null || values[row] === undefined ? [] : [[step, values[row]]]);
  if (!known.length) return steps;
  let place = 0;
  return steps.map((step) => {
    while (place < known.length - 1 && known[place][0] < step) place += 1;
    const [after, high] = known[place], [before, low] = known[Math.max(0, place - 1)];
    return after <= step || after === before ? high : low + (high - low) * (step - before) / (after - before);
  });
}

// Curves of their own x as columns over one: uPlot wants x to grow. Where a curve has no point, there is a gap.
export function overlaid(curves) {
  const points = curves.map(({ x, y }) => new Map(x.map((value, row) => [value, y[row] ?? null])));
  const every = [...new Set(points.flatMap((curve) => [...curve.keys()]))].sort((a, b) => a - b);
  return [every, ...points.map((curve) => every.map((value) => curve.get(value) ?? null))];
}
