// The public names of the package, for import: the same objects, so that both share one sender.
import loglib from "./index.js";

export const { ICCMLogger, LEVELS, currentTraceId, newTraceId } = loglib;
export default loglib;
