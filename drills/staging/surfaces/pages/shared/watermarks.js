/** Where a surface keeps its high watermark per topic: `read()`, `save(marks)` and `reset()`. */
const KEY = "khala.watermarks";

function highest(known, marks) {
  const merged = { ...known };
  for (const [topic, watermark] of Object.entries(marks)) merged[topic] = Math.max(merged[topic] ?? 0, watermark);
  return merged;
}

/** The browser's own storage (web and mobile). */
export const browserWatermarks = {
  async read() {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  },
  async save(marks) {
    localStorage.setItem(KEY, JSON.stringify(highest(await this.read(), marks)));
  },
  async reset() {
    localStorage.removeItem(KEY);
  },
};

/** The desktop shell's database, behind the shell's own origin. */
export const shellWatermarks = {
  async read() {
    this.known ??= await (await fetch("/watermarks", { cache: "no-store" })).json();
    return this.known;
  },
  async save(marks) {
    this.known = highest(await this.read(), marks);
    await this.write();
  },
  async reset() {
    this.known = {};
    await this.write();
  },
  write() {
    return fetch("/watermarks", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(this.known),
    });
  },
};
