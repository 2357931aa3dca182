/**
 * The Khala lane of a surface: a Phoenix channel (serializer V2) that is resumed from a persisted watermark.
 *
 * Frames are `[join_ref, ref, topic, event, payload]`. Updates are applied at least once; whoever applies them ignores
 * a version it already has. Without a cursor the channel starts at the head and the rows come over HTTP *after* that,
 * so nothing can fall between the two.
 */
const CHANNEL = "sync:v1";
const SERIALIZER = "2.0.0";
const REPLY_TIMEOUT = 5_000;
const HEARTBEAT_EVERY = 15_000;
const FIRST_RETRY = 250;
const LONGEST_RETRY = 5_000;
/** How long the first rows wait for a socket that does not answer. */
const PATIENCE = 1_500;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** An error reply of the channel; `code` is the server's. */
export class KhalaError extends Error {
  constructor(code, message = code) {
    super(message);
    this.code = code;
  }
}

/** One socket. Requests are answered by reference; everything else goes to `onPush(event, payload)`. */
class Connection {
  #socket;
  #onPush;
  #waiting = new Map();
  #reference = 0;
  #joined = null;
  #ended;

  constructor(url, onPush) {
    this.#onPush = onPush;
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", (event) => this.#receive(event.data));
    /** Resolves when the socket is gone, whoever closed it. */
    this.closed = new Promise((resolve) => { this.#ended = resolve; });
    this.#socket.addEventListener("close", () => this.#end());
  }

  opened() {
    return new Promise((resolve, reject) => {
      this.#socket.addEventListener("open", resolve, { once: true });
      this.#socket.addEventListener("close", () => reject(new KhalaError("refused")), { once: true });
    });
  }

  async join() {
    this.#joined = String(this.#reference + 1);
    return this.request("phx_join", {});
  }

  request(event, payload, topic = CHANNEL) {
    const reference = String(++this.#reference);
    const joinReference = topic === CHANNEL ? this.#joined : null;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(reference, "reject", new KhalaError("timeout", `${event}: no reply`)),
        REPLY_TIMEOUT);
      this.#waiting.set(reference, { resolve, reject, timer });
      this.#socket.send(JSON.stringify([joinReference, reference, topic, event, payload]));
    });
  }

  close() {
    this.#socket.close(1000);
    this.#end();
  }

  #receive(text) {
    const [joinReference, reference, topic, event, payload] = JSON.parse(text);
    if (event === "phx_reply") {
      const failed = payload.status !== "ok";
      this.#settle(reference, failed ? "reject" : "resolve",
        failed ? new KhalaError(payload.response.code, payload.response.message) : payload.response);
    } else if (topic === CHANNEL && (joinReference === null || joinReference === this.#joined)) {
      this.#onPush(event, payload);
    }
  }

  #settle(reference, how, value) {
    const waiting = this.#waiting.get(reference);
    if (!waiting) return;
    this.#waiting.delete(reference);
    clearTimeout(waiting.timer);
    waiting[how](value);
  }

  #end() {
    for (const reference of [...this.#waiting.keys()]) this.#settle(reference, "reject", new KhalaError("closed"));
    this.#ended();
  }
}

/** Keeps rows up to date over Khala until the page goes away. */
export class KhalaLane {
  #connection = null;
  #attempts = 0;
  #live = false;
  #hydrated = false;
  #work = Promise.resolve();

  /**
   * @param {object} parts `topic`, `socketUrl`, `runtime`, `watermarks` (read, save, reset), `rows` (hydrate, apply),
   *   `indicator` (lane and connection marks).
   */
  constructor(parts) {
    Object.assign(this, parts);
  }

  async start() {
    this.indicator.show("connecting", "connecting");
    const cursor = await this.watermarks.read();
    const rows = Object.keys(cursor).length ? this.#hydrate() : this.#hydrateIfQuiet();
    rows.catch(() => this.indicator.connection("offline"));
    for (;;) {
      await this.#connect().catch((error) => this.#lost(error));
      this.indicator.show("connecting", this.#attempts > 1 ? "offline" : "connecting");
      await sleep(this.#delay());
    }
  }

  async #connect() {
    await this.runtime.session();
    const token = await this.runtime.token([this.topic]);
    const query = new URLSearchParams({ token, vsn: SERIALIZER });
    this.#connection = new Connection(`${this.socketUrl}?${query}`, (event, payload) => this.#push(event, payload));
    try {
      await this.#connection.opened();
      await this.#connection.join();
      await this.#subscribe();
      this.#attempts = 0;
      this.#live = true;
      this.indicator.show("khala", "live");
      await Promise.race([this.#connection.closed, this.#beat(this.#connection)]);
    } finally {
      this.#live = false;
      this.#connection.close();
    }
  }

  async #subscribe() {
    const cursor = await this.watermarks.read();
    if (Object.keys(cursor).length) {
      try {
        return await this.#connection.request("sync:subscribe", { topics: [this.topic], resume_after: cursor });
      } catch (error) {
        if (error.code !== "stale_cursor") throw error;
        await this.watermarks.reset();
      }
    }
    const head = await this.#connection.request("sync:subscribe", { topics: [this.topic] });
    await this.#advance(head.current_watermarks ?? []);
    return this.#hydrate();
  }

  async #beat(connection) {
    for (;;) {
      await sleep(HEARTBEAT_EVERY);
      await connection.request("heartbeat", {}, "phoenix");
    }
  }

  #push(event, payload) {
    if (event === "sync:update_batch") {
      this.#work = this.#work.then(() => this.#apply(payload.updates)).catch(() => this.#connection.close());
    } else if (event === "phx_close" || event === "phx_error" || (event === "sync:error" && this.#live)) {
      // While subscribing, an error is also the reply; later it is only pushed, and resuming anew sorts it out.
      this.#connection.close();
    }
  }

  async #apply(updates) {
    for (const update of updates) {
      const document = update.hydration_required ? await this.runtime.document(update.doc_key) : update;
      this.rows.applyDocument(document);
    }
    await this.#advance(updates);
  }

  #advance(marks) {
    return this.watermarks.save(Object.fromEntries(marks.map(({ topic, watermark }) => [topic, watermark])));
  }

  async #hydrate() {
    this.#hydrated = true;
    this.rows.hydrate(await this.runtime.workers());
  }

  async #hydrateIfQuiet() {
    await sleep(PATIENCE);
    if (!this.#hydrated) await this.#hydrate();
  }

  #lost(error) {
    console.warn("Khala connection lost:", error.code ?? error.message);
  }

  #delay() {
    const ceiling = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** this.#attempts++);
    return ceiling * (0.5 + Math.random() / 2);
  }
}
