import { convexProvider } from "/shared/convex.js";
import { startSurface } from "/shared/surface.js";
import { shellWatermarks } from "/shared/watermarks.js";
import { Probe } from "/probe.js";

startSurface({
  watermarks: shellWatermarks,
  legacy: convexProvider,
  boot: ({ config }) => {
    const provider = document.querySelector("#provider");
    provider.dataset.provider = config.provider;
    provider.textContent = config.provider;
    new Probe(config.probe_url).start();
  },
});
