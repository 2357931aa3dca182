/** The connectivity probe: does the host of the lane in use answer? */
const EVERY = 3_000;

export class Probe {
  #target;
  #mark = document.querySelector("#probe");

  constructor(target) {
    this.#target = target;
    this.#mark.dataset.target = target;
    document.querySelector("#probe-target").textContent = new URL(target).host + new URL(target).pathname;
  }

  start() {
    this.#ask();
    setInterval(() => this.#ask(), EVERY);
  }

  async #ask() {
    // Any answer proves that the host is reachable; its content is none of the probe's business.
    const ok = await fetch(this.#target, { mode: "no-cors", cache: "no-store" }).then(() => true, () => false);
    this.#mark.dataset.ok = String(ok);
    this.#mark.textContent = ok ? "Reachable" : "Unreachable";
  }
}
