/** The lane and connection marks of a page. */
const LANES = { khala: "Khala live sync", legacy: "Legacy lane", connecting: "Connecting" };
const STATES = { live: "Live", polling: "Polling", connecting: "Connecting…", offline: "Offline, retrying" };

export class Indicator {
  #lane = document.querySelector("#lane");
  #connection = document.querySelector("#connection");

  show(lane, state) {
    this.#lane.dataset.lane = lane;
    this.#lane.textContent = LANES[lane];
    this.connection(state);
  }

  connection(state) {
    this.#connection.dataset.state = state;
    this.#connection.textContent = STATES[state];
  }
}
