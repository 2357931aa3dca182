/** The Convex provider: a query that is asked again and again. Booting it contacts the Convex host. */
import { PollingLane } from "/shared/legacy.js";

async function listWorkers(url) {
  const response = await fetch(`${url}/api/query`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path: "codexWorkers:list", args: {}, format: "json" }),
  });
  const answer = await response.json();
  if (answer.status !== "success") throw new Error(`the Convex query failed (${response.status})`);
  return answer.value;
}

export function convexProvider({ config, rows, indicator }) {
  const { convex_url: url, convex_poll_seconds: seconds, updates } = config;
  return new PollingLane({ load: () => listWorkers(url), seconds, updates, rows, indicator });
}
