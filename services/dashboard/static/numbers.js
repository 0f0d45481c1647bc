// Numbers on axes and in legends, with the digits that tell them apart: a learning rate is 0.0002, not 0.
const usual = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 5 });
const small = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3, notation: "scientific" });

export function shown(value) {
  if (value === null || value === undefined) return "–";
  return (value !== 0 && Math.abs(value) < 0.001 ? small : usual).format(value);
}

// What a uPlot axis writes at its marks.
export const atMarks = (_, marks) => marks.map((mark) => (mark === null ? "" : shown(mark)));

// Distances between marks of what is counted: never half a step.
export const WHOLE = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
