import { runtimePolling } from "/shared/legacy.js";
import { startSurface } from "/shared/surface.js";
import { browserWatermarks } from "/shared/watermarks.js";

startSurface({ watermarks: browserWatermarks, legacy: runtimePolling });
