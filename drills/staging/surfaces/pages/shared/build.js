/** Tells whoever comes back to an open page that the surface was started again since. */
import { loadConfig } from "/shared/config.js";

export function watchForNewBuild(build) {
  const notice = document.querySelector("#new-build");
  notice.querySelector("button").addEventListener("click", () => location.reload());
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden) return;
    const current = await loadConfig().catch(() => ({ build }));
    notice.hidden = current.build === build;
  });
}
