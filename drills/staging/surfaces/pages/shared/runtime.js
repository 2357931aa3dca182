/** The runtime's HTTP API as a surface uses it. The session cookie authenticates every call. */
export class Runtime {
  #url;

  constructor(url) {
    this.#url = url;
  }

  session() {
    return this.#call("/api/auth/session");
  }

  /** A fresh sync token for `scopes`. */
  async token(scopes) {
    const issued = await this.#call("/api/sync/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ scopes }),
    });
    return issued.token;
  }

  /** Every worker, as the authority's HTTP view shows it. */
  workers() {
    return this.#call("/api/runtime/codex/workers");
  }

  /** One read-model document; its key is a path such as `runtime/codex_worker_summary:<id>`. */
  document(key) {
    return this.#call(`/api/sync/documents/${key.split("/").map(encodeURIComponent).join("/")}`);
  }

  async #call(path, options = {}) {
    const response = await fetch(this.#url + path, { credentials: "include", cache: "no-store", ...options });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return (await response.json()).data;
  }
}
