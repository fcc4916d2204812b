// Small charts of samples [time, requests, escalations, dropped in all], drawn as SVG.

import { draw, make } from "./element.js";
import { count, minuteOfDay, percent } from "./say.js";

const HEIGHT = 132;
const EDGE = { top: 8, right: 6, bottom: 20, left: 34 };
const GAP_S = 120; // without a report for so long, nothing is known
const LEAST_S = 600;

export function queueChart(box, samples, until) {
  const latest = samples.at(-1);
  const frame = makeFrame(box, samples, until, samples.map((s) => Math.max(s[1], s[2])));
  if (!frame) return showNothing(box);
  const parts = stretches(samples).flatMap((stretch) => {
    const one = stretch.map((s) => [frame.x(s[0]), frame.y(s[1])]);
    const two = stretch.map((s) => [frame.x(s[0]), frame.y(s[2])]);
    const base = frame.y(0);
    const area = [[one[0][0], base], ...one, [one.at(-1)[0], base]];
    return [
      draw("polygon", { class: "under-one", points: points(area) }),
      line("one", one),
      line("two", two),
    ];
  });
  const label = `Waiting over time; now ${count(latest[1])} requests for the model and `
    + `${count(latest[2])} escalations.`;
  box.replaceChildren(
    frame.svg(label, parts),
    make("p", { class: "legend" },
      make("span", {}, make("i"), `${count(latest[1])} for the model`),
      make("span", {}, make("i", { class: "two" }), `${count(latest[2])} for a worker`)),
  );
}

export function dropChart(box, samples, until) {
  const drops = samples.slice(1).map((s, i) => [s[0], Math.max(0, s[3] - samples[i][3])]);
  const frame = makeFrame(box, samples, until, drops.map((d) => d[1]));
  if (!frame) return showNothing(box);
  const total = samples.at(-1)[3];
  const since = drops.reduce((sum, drop) => sum + drop[1], 0);
  const width = Math.max(2, frame.width / Math.max(40, drops.length) - 1);
  const bars = drops.filter((drop) => drop[1] > 0).map(([at, number]) => draw("rect", {
    class: "drop", x: frame.x(at) - width, y: frame.y(number), width,
    height: frame.y(0) - frame.y(number),
  }, draw("title", {}, `${minuteOfDay(at)}: ${count(number)} dropped`)));
  const label = `Dropped over time; ${count(since)} since ${minuteOfDay(samples[0][0])}.`;
  box.replaceChildren(
    frame.svg(label, bars),
    make("p", { class: "legend" },
      `${count(since)} since ${minuteOfDay(samples[0][0])}, ${count(total)} in all`),
  );
}

// A share from 0 to 1 as a bar, with a mark where it was promised to be.
export function shareBar(share, promised, label, size = { width: 300, height: 10 }) {
  const { width, height } = size;
  const clamp = (value) => Math.min(1, Math.max(0, value)) * width;
  const mark = typeof promised === "number"
    ? draw("line", { class: "mark", x1: clamp(promised), x2: clamp(promised), y1: -3, y2: height + 3 })
    : null;
  return draw("svg", {
    viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": label ?? percent(share),
  },
  draw("rect", { class: "track", width, height, rx: Math.min(3, height / 2) }),
  draw("rect", { class: "filled", width: clamp(share ?? 0), height, rx: Math.min(3, height / 2) }),
  mark);
}

function makeFrame(box, samples, until, values) {
  if (samples.length < 2) return null;
  const full = Math.max(240, box.clientWidth || 480);
  const width = full - EDGE.left - EDGE.right;
  const height = HEIGHT - EDGE.top - EDGE.bottom;
  const end = Math.max(until, samples.at(-1)[0]);
  const begin = Math.min(samples[0][0], end - LEAST_S);
  const top = niceTop(Math.max(...values, 0));
  const x = (at) => EDGE.left + ((at - begin) / (end - begin)) * width;
  const y = (value) => EDGE.top + (1 - value / top) * height;
  const svg = (label, parts) => draw("svg", {
    viewBox: `0 0 ${full} ${HEIGHT}`, role: "img", "aria-label": label,
  },
  ...[0, top / 2, top].flatMap((value) => [
    draw("line", { class: "grid", x1: EDGE.left, x2: full - EDGE.right, y1: y(value), y2: y(value) }),
    draw("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" }, count(value)),
  ]),
  draw("text", { x: EDGE.left, y: HEIGHT - 3 }, minuteOfDay(begin)),
  draw("text", { x: full - EDGE.right, y: HEIGHT - 3, "text-anchor": "end" }, minuteOfDay(end)),
  ...parts);
  return { x, y, width, svg };
}

function showNothing(box) {
  box.replaceChildren(make("p", { class: "empty" },
    "A line begins with the second health report; a node reports every 30 seconds."));
}

function stretches(samples) {
  const found = [[samples[0]]];
  for (const sample of samples.slice(1)) {
    if (sample[0] - found.at(-1).at(-1)[0] > GAP_S) found.push([]);
    found.at(-1).push(sample);
  }
  return found;
}

// The end of the scale: an even number of 1, 2 or 5 times a power of ten.
function niceTop(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((top) => top >= value);
}

function line(name, places) {
  return draw("polyline", { class: name, points: points(places) });
}

function points(places) {
  return places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
}
