/** The counts above the rows: how many workers, how many at work, how many that need somebody. */
const WORKING = new Set(["running", "active", "starting", "reviewing", "testing", "planning"]);
const NEEDS_SOMEBODY = new Set(["waiting", "blocked", "failed", "error", "lost"]);

export function showOverview(statuses) {
  const counts = {
    total: statuses.length,
    working: statuses.filter((status) => WORKING.has(status)).length,
    attention: statuses.filter((status) => NEEDS_SOMEBODY.has(status)).length,
    updated: new Date().toISOString().slice(11, 19),
  };
  for (const [name, value] of Object.entries(counts)) {
    const place = document.querySelector(`[data-overview="${name}"]`);
    if (place) place.textContent = String(value);
  }
}
