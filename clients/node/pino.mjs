// The names of godot-loglib/pino, for import: the same objects as with require().
import transport from "./lib/pino.js";

export const { destination, mixin } = transport;
export { transport };
export default transport;
