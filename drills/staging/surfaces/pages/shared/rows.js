/**
 * The worker rows of a page. A worker is applied only when its version is newer than the one shown, so an update that
 * comes twice, or late, changes nothing. All text is data from elsewhere and is only ever set as text.
 */
const TONES = {
  running: "good", active: "good", idle: "calm", queued: "calm", stopped: "calm",
  starting: "info", reviewing: "info", testing: "info", planning: "info",
  waiting: "warn", blocked: "warn", paused: "warn", stopping: "warn",
  failed: "bad", error: "bad", lost: "bad",
  completed: "done", finished: "done", done: "done",
};
const PREFIX = "runtime/codex_worker_summary:";
const STALE_AFTER = 60;
const LOST_AFTER = 300;

function age(seconds) {
  if (seconds < 1) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

export class Rows {
  #list = document.querySelector("#workers");
  #template = document.querySelector("#worker-row");
  #empty = document.querySelector("#empty");
  #shown = new Map();
  #onChange;

  constructor(onChange = () => {}) {
    this.#onChange = onChange;
    setInterval(() => this.#shown.forEach((row) => this.#tick(row)), 1000);
  }

  /** Show the workers of an HTTP answer. */
  hydrate(workers) {
    for (const worker of workers) this.#apply(worker.worker_id, worker.latest_seq, worker);
    this.#empty.hidden = this.#shown.size > 0;
  }

  /** Show one document of the Khala read model. */
  applyDocument({ doc_key: key, doc_version: version, payload }) {
    if (!key.startsWith(PREFIX) || !payload) return;
    this.#apply(key.slice(PREFIX.length), version, payload);
    this.#empty.hidden = true;
  }

  #apply(id, version, facts) {
    const row = this.#shown.get(id) ?? this.#insert(id);
    if (version <= row.version) return;
    const fresh = row.version < 0;
    Object.assign(row.facts, facts);
    row.version = version;
    this.#paint(row);
    if (!fresh) this.#flash(row.element);
    this.#onChange([...this.#shown.values()].map(({ facts: { status } }) => status));
  }

  #insert(id) {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.dataset.workerId = id;
    const row = { id, element, version: -1, facts: {} };
    const next = [...this.#shown.keys()].filter((known) => known > id).sort()[0];
    this.#list.insertBefore(element, next === undefined ? null : this.#shown.get(next).element);
    this.#shown.set(id, row);
    return row;
  }

  #paint(row) {
    const { id, version, facts } = row;
    this.#write(row, "worker-id", id);
    this.#write(row, "title", facts.title ?? id);
    this.#write(row, "repo", facts.repo ?? "");
    this.#write(row, "seq", `seq ${version}`);
    const badge = this.#write(row, "status", facts.status ?? "unknown");
    badge.className = `badge tone-${TONES[facts.status] ?? "calm"}`;
    this.#tick(row);
  }

  #tick(row) {
    if (!row.facts.heartbeat_at) return;
    const seconds = Math.max(0, (Date.now() - Date.parse(row.facts.heartbeat_at)) / 1000);
    const field = this.#write(row, "heartbeat", age(seconds));
    field.dataset.heartbeat = seconds > LOST_AFTER ? "lost" : seconds > STALE_AFTER ? "stale" : "fresh";
  }

  #write(row, name, text) {
    const field = row.element.querySelector(`[data-field="${name}"]`);
    if (field.textContent !== text) field.textContent = text;
    return field;
  }

  #flash(element) {
    element.classList.remove("changed");
    requestAnimationFrame(() => element.classList.add("changed"));
  }
}
