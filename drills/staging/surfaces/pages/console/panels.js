/** The lists beside the switches: faults, links, processes, lease. All of it is data, and set as text. */
const LINKS = {
  dashboard: "Parity dashboard", metrics: "Metrics", logs: "Runtime log", web: "Web admin", mobile: "Mobile", desktop: "Desktop",
};
const TONES = { ready: "good", starting: "warn", stopped: "calm", failed: "bad" };

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

/** Show the faults; `change(name, on)` is called when one is toggled. */
export function showFaults({ active, known }, change) {
  const template = document.querySelector("#fault-row");
  document.querySelector("#fault-count").textContent = active.length ? `${active.length}` : "None";
  document.querySelector("#faults").replaceChildren(...known.map(({ name, description }) => {
    const row = template.content.firstElementChild.cloneNode(true);
    const toggle = row.querySelector("button");
    const on = active.includes(name);
    row.querySelector('[data-part="name"]').textContent = name;
    row.querySelector('[data-part="description"]').textContent = description;
    toggle.dataset.fault = name;
    toggle.setAttribute("aria-label", `Fault ${name}`);
    toggle.setAttribute("aria-checked", String(on));
    toggle.addEventListener("click", () => {
      toggle.disabled = true;
      change(name, !on);
    });
    return row;
  }));
}

export function showEnvironment(environment) {
  const { database, started_at: startedAt, legacy_poll_seconds: legacy, convex_poll_seconds: convex } = environment;
  document.querySelector("#facts").textContent =
    `${database}, up since ${startedAt.slice(11, 19)} UTC; legacy polling every ${legacy} s, Convex every ${convex} s`;
  document.querySelector("#links").replaceChildren(...Object.entries(LINKS).map(([name, title]) => {
    const url = environment.urls[name];
    const link = Object.assign(element("a", title), { href: url, target: "_blank", rel: "noopener noreferrer" });
    const row = element("li");
    row.append(link, element("code", url));
    return row;
  }));
  document.querySelector("#processes").replaceChildren(...environment.processes.map(({ name, pid, state }) => {
    const row = element("tr");
    const head = Object.assign(element("th", name), { scope: "row" });
    const mark = element("td");
    mark.append(element("span", state, `badge tone-${TONES[state] ?? "calm"}`));
    row.append(head, element("td", pid ?? "–", "end number"), mark);
    return row;
  }));
}

export function showLease(lease) {
  const mark = document.querySelector("#lease");
  mark.className = `pill ${lease ? "tone-info" : "tone-calm"}`;
  mark.textContent = lease
    ? `Held by ${lease.owner}, drill ${lease.drill_id}, until ${lease.expires_at.slice(11, 19)} UTC`
    : "No lease";
}
