import transport from "./pino.js";

export type PinoOptions = transport.PinoOptions;
export type Destination = transport.Destination;
export declare const destination: typeof transport.destination;
export declare const mixin: typeof transport.mixin;
export { transport };
export default transport;
