/** The legacy lane: ask for every worker, wait, ask again. */
export class PollingLane {
  /** @param {object} parts `load` (workers), `seconds`, `updates` (false: one load only), `rows`, `indicator`. */
  constructor(parts) {
    Object.assign(this, parts);
  }

  async start() {
    this.indicator.show("connecting", "connecting");
    do {
      await this.#poll();
      await new Promise((resolve) => setTimeout(resolve, this.seconds * 1000));
    } while (this.updates);
  }

  async #poll() {
    try {
      this.rows.hydrate(await this.load());
      this.indicator.show("legacy", "polling");
    } catch (error) {
      console.warn("Polling failed:", error.message);
      this.indicator.connection("offline");
    }
  }
}

/** The web's legacy lane reads the runtime's worker list. */
export function runtimePolling({ config, runtime, rows, indicator }) {
  const { legacy_poll_seconds: seconds, updates } = config;
  return new PollingLane({ load: () => runtime.workers(), seconds, updates, rows, indicator });
}
