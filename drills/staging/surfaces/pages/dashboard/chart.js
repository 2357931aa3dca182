/** Draws time series as inline SVG: axes with units and UTC times, lines with gaps, an optional threshold. */
const NAMESPACE = "http://www.w3.org/2000/svg";
const HEIGHT = 216;
const MARGIN = { top: 26, right: 14, bottom: 34, left: 48 };
const SHORTEST_SPAN = 60;
const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
const TIME_WIDTH = 84;

function make(name, attributes, text) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The next round number that is not below `value`; a quarter of it is round enough too. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((round) => round >= value * (1 - 1e-9));
}

export function format(value, unit) {
  if (value === null || value === undefined) return "–";
  return unit === "ratio" ? `${trim(value * 100)} %` : trim(value);
}

function trim(value) {
  return String(Number(value.toPrecision(3)));
}

function utc(seconds, step) {
  return new Date(seconds * 1000).toISOString().slice(11, step < 60 ? 19 : 16);
}

function scales(series, width, threshold) {
  const points = series.flatMap((one) => one.points);
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  const times = points.map(([time]) => time);
  const end = times.length ? Math.max(...times) : Date.now() / 1000;
  const start = Math.min(end - SHORTEST_SPAN, ...times);
  const top = roundUp(Math.max(0, ...values, (threshold ?? 0) * 1.5) * 1.05 || 1);
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  return {
    start, end, top, empty: values.length === 0,
    x: (time) => MARGIN.left + ((time - start) / (end - start)) * inner.width,
    y: (value) => MARGIN.top + (1 - value / top) * inner.height,
  };
}

function axes(svg, { start, end, top, x, y }, unit, width) {
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const height = y(top * share);
    svg.append(
      make("line", { class: share ? "grid" : "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: height, y2: height }),
      make("text", { x: MARGIN.left - 8, y: height + 4, "text-anchor": "end" }, format(top * share, unit)),
    );
  }
  const step = STEPS.find((seconds) => (end - start) / seconds <= (width - MARGIN.left) / TIME_WIDTH) ?? 3600;
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) {
    svg.append(make("text", { x: x(time), y: HEIGHT - 17, "text-anchor": "middle" }, utc(time, step)));
  }
  svg.append(
    make("text", { x: width - MARGIN.right, y: HEIGHT - 2, "text-anchor": "end" }, "time (UTC)"),
    make("text", { x: 0, y: 10 }, unit === "ratio" ? "% of entities compared" : unit),
  );
}

/** The line of one series; a point without a value is a gap. */
function path(points, { x, y }) {
  let pen = "M";
  let drawn = "";
  for (const [time, value] of points) {
    if (value === null) {
      pen = "M";
      continue;
    }
    drawn += `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return drawn;
}

/**
 * An SVG of `series` (`{name, points: [[unix seconds, value or null], …]}`), `width` pixels wide.
 *
 * @param {object} options `unit`, `title` (for assistive technology) and optionally `threshold` `{value, name}`.
 */
export function drawChart(series, width, { unit, title, threshold }) {
  const scale = scales(series, width, threshold?.value);
  const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": title });
  axes(svg, scale, unit, width);
  if (threshold) {
    const height = scale.y(threshold.value);
    svg.append(
      make("line", { class: "threshold", x1: MARGIN.left, x2: width - MARGIN.right, y1: height, y2: height }),
      make("text", { class: "threshold-name", x: width - MARGIN.right, y: height - 5, "text-anchor": "end" }, threshold.name),
    );
  }
  series.forEach(({ points }, index) => {
    const last = points.at(-1);
    svg.append(make("path", { class: `series ink-${index % 6}`, d: path(points, scale) }));
    if (last && last[1] !== null) {
      svg.append(make("circle", { class: `last ink-${index % 6}`, cx: scale.x(last[0]), cy: scale.y(last[1]), r: 3.5 }));
    }
  });
  if (scale.empty) {
    const middle = { x: (MARGIN.left + width - MARGIN.right) / 2, y: HEIGHT / 2 - 8, "text-anchor": "middle" };
    svg.append(make("text", { class: "nothing", ...middle }, "nothing observed yet"));
  }
  return svg;
}
