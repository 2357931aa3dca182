/** The supervisor's API as the console uses it; the session cookie authenticates every call. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Refused(response.status, answer?.error?.message ?? `${path} answered ${response.status}`);
  return answer;
}

export const api = {
  signedIn: async () => (await call("GET", "/session")).data.signed_in,
  signIn: (token) => call("POST", "/session", { token }),
  signOut: () => call("DELETE", "/session"),
  switches: async () => (await call("GET", "/operator/switches")).switches,
  flip: (id, value) => call("PUT", `/operator/switches/${encodeURIComponent(id)}`, { value }),
  faults: () => call("GET", "/operator/faults"),
  setFault: (name, on) => call(on ? "PUT" : "DELETE", `/operator/faults/${encodeURIComponent(name)}`),
  environment: () => call("GET", "/operator/environment"),
  lease: async () => (await call("GET", "/operator/lease")).data,
};
