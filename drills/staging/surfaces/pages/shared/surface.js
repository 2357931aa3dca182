/** Puts a surface together: its settings decide the lane once, as a build-time flag does. */
import { loadConfig } from "/shared/config.js";
import { Indicator } from "/shared/indicator.js";
import { KhalaLane } from "/shared/khala.js";
import { watchForNewBuild } from "/shared/build.js";
import { Rows } from "/shared/rows.js";
import { Runtime } from "/shared/runtime.js";
import { showOverview } from "/shared/overview.js";

/**
 * Start the page's lane.
 *
 * @param {object} surface `watermarks`, `legacy(parts)` (makes the legacy lane) and optionally `boot(parts)`, called
 *   before any lane starts.
 */
export async function startSurface({ watermarks, legacy, boot = () => {} }) {
  const config = await loadConfig();
  const parts = { config, runtime: new Runtime(config.runtime_url), rows: new Rows(showOverview), indicator: new Indicator() };
  watchForNewBuild(config.build);
  boot(parts);
  const khala = (over) => new KhalaLane({ ...parts, watermarks, topic: config.topic, socketUrl: config.khala_socket, ...over });
  if (config.open_khala) khala({ indicator: { show() {}, connection() {} } }).start();
  const lane = config.lane === "khala" ? khala() : legacy(parts);
  await lane.start();
}
