/** The parity dashboard: five panels and the auditor's own figures, refreshed while it is open. */
import { drawChart, format } from "/dashboard/chart.js";

const REFRESH = 1000;
const PANELS = [
  {
    name: "mismatch_rate", title: "Mismatch rate",
    meaning: "Mismatches by entities compared. The gate: below 1 % over 1 hour.",
    threshold: { value: 0.01, name: "gate 1 %" },
  },
  { name: "mismatch_count_rate", title: "Mismatch count rate", meaning: "Mismatches found per second, over 1 minute." },
  { name: "failures_by_reason", title: "Parity failures by reason", meaning: "Failures per second and reason_class, over 1 minute." },
  { name: "lag_drift_p95", title: "Lag drift p95", meaning: "95th percentile of the absolute lag drift, in events, over 5 minutes." },
  { name: "missing_documents", title: "Missing documents", meaning: "Mismatches with reason khala_missing per second, over 1 minute." },
];
const main = document.querySelector("#panels");
const template = document.querySelector("#panel");
let latest;

const sections = PANELS.map(({ name, title, meaning }) => {
  const section = template.content.firstElementChild.cloneNode(true);
  section.dataset.panel = name;
  section.querySelector("h2").textContent = title;
  section.querySelector(".meaning").textContent = meaning;
  main.insertBefore(section, document.querySelector("#breakdown"));
  return section;
});

function legendEntry({ name, points }, index, unit) {
  const entry = document.createElement("li");
  const value = document.createElement("b");
  value.textContent = [format(points.at(-1)?.[1], unit), unit === "ratio" ? "" : unit].join(" ").trim();
  entry.className = `ink-${index % 6}`;
  entry.append(name, " ", value);
  return entry;
}

function drawPanels({ panels }) {
  PANELS.forEach(({ name, title, threshold }, index) => {
    if (!panels[name]) return;
    const { unit, series } = panels[name];
    const section = sections[index];
    const figure = section.querySelector("figure");
    section.querySelector(".legend").replaceChildren(...series.map((one, at) => legendEntry(one, at, unit)));
    figure.replaceChildren(drawChart(series, figure.clientWidth, { unit, title, threshold }));
  });
}

function reasonRow(reason, count) {
  const row = document.createElement("tr");
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: reason });
  row.append(head, Object.assign(document.createElement("td"), { className: "end number", textContent: count }));
  return row;
}

function showAuditor({ parity_enabled: enabled, cycles, breakdown, generated_at: at }) {
  const mark = document.querySelector("#auditor");
  mark.textContent = enabled ? "Auditor on" : "Auditor off";
  mark.className = `pill tone-${enabled ? "good" : "calm"}`;
  for (const [status, count] of Object.entries(cycles)) {
    document.querySelector(`[data-cycles="${status}"]`).textContent = count;
  }
  const rows = breakdown.map(({ reason_class: reason, count }) => reasonRow(reason, count));
  document.querySelector("#reasons").replaceChildren(...(rows.length ? rows : [reasonRow("none", 0)]));
  Object.assign(document.querySelector("#updated"), { dateTime: at, textContent: at.slice(11, 19) });
}

async function refresh() {
  try {
    const response = await fetch("/dashboard/data", { cache: "no-store" });
    if (!response.ok) throw new Error(`the runtime answered ${response.status}`);
    latest = await response.json();
    drawPanels(latest);
    showAuditor(latest);
  } catch (error) {
    const mark = document.querySelector("#auditor");
    mark.textContent = "No data from the runtime";
    mark.className = "pill tone-bad";
    console.warn(error.message);
  }
  setTimeout(refresh, REFRESH);
}

new ResizeObserver(() => { if (latest) drawPanels(latest); }).observe(main);
refresh();
