/** One card for each switch: what it is, what is in effect, and the toggle. */
const STATES = { ready: ["Ready", "good"], busy: ["Restarting", "warn"], failed: ["Failed", "bad"] };
const PURPOSES = {
  web: "Admin page of Codex workers. Off: polls the runtime. On: Khala live sync.",
  mobile: "Phone app, drilled as mobile web. Off: boots the Convex provider. On: Khala live sync.",
  desktop: "Shell with its own window. Off: Convex connectivity lane. On: Khala live sync.",
  "sink-path": "On: summaries go to Convex and Khala. Off: to Convex only; Khala catches up when it is on again.",
  "parity-auditor": "On: compares both lanes every interval and counts mismatches.",
};

export class SwitchCard {
  #template = document.querySelector("#switch-card");
  #flip;
  #view;
  /** The last value that was seen in effect; a busy or failed switch has none. */
  #known;

  /** @param {object} view a switch as the API shows it. @param {Function} flip `(id, value)` asks for another value. */
  constructor(view, flip) {
    this.#flip = flip;
    this.element = this.#template.content.firstElementChild.cloneNode(true);
    this.toggle = this.element.querySelector(".toggle");
    this.toggle.dataset.switch = view.id;
    this.toggle.setAttribute("aria-label", `${view.title}: ${view.key}`);
    this.toggle.addEventListener("click", () => this.#ask(this.#other()));
    this.#part("again").addEventListener("click", () => this.#ask(this.#known ?? view.choices[1]));
    this.#write("title", view.title);
    this.#write("key", view.key);
    this.#write("purpose", PURPOSES[view.id] ?? "");
    this.show(view);
  }

  show(view) {
    this.#view = view;
    this.#known = view.value ?? this.#known;
    this.toggle.dataset.state = view.state;
    this.toggle.dataset.value = view.value ?? "";
    // Not `disabled`, which would take the focus away from whoever uses the keyboard.
    this.toggle.setAttribute("aria-disabled", String(view.state === "busy"));
    this.toggle.setAttribute("aria-checked", String(this.#known === view.choices[0]));
    this.toggle.setAttribute("aria-busy", String(view.state === "busy"));
    const [words, tone] = STATES[view.state];
    this.#write("state", words).className = `badge tone-${tone}`;
    this.#write("value", view.value ?? "–");
    this.#showProcess(view);
    this.#write("detail", view.detail ?? "").hidden = !view.detail;
    this.#part("again").hidden = view.state !== "failed" || view.kind !== "client";
  }

  #showProcess({ kind, pid, since, url }) {
    for (const part of ["process", "started"]) this.#part(part).hidden = kind !== "client";
    this.#write("pid", pid ?? "–");
    this.#write("since", since ? since.slice(11, 19) : "–");
    const page = this.#part("page");
    page.hidden = !url;
    if (url) page.href = url;
  }

  async #ask(value) {
    if (this.#view.state === "busy") return;
    // Shown at once: a second click must not undo the first.
    this.show({ ...this.#view, state: "busy", value: null, pid: null, since: null, detail: null });
    await this.#flip(this.#view.id, value);
  }

  #other() {
    const [on, off] = this.#view.choices;
    return this.#known === on ? off : on;
  }

  #part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }

  #write(name, text) {
    const part = this.#part(name);
    part.textContent = String(text);
    return part;
  }
}
