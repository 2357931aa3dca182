import { convexProvider } from "/shared/convex.js";
import { startSurface } from "/shared/surface.js";
import { browserWatermarks } from "/shared/watermarks.js";

startSurface({
  watermarks: browserWatermarks,
  legacy: convexProvider,
  boot: (parts) => {
    if (parts.config.boot_convex) convexProvider({ ...parts, indicator: { show() {}, connection() {} } }).start();
  },
});
