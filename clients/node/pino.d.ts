import type { Writable } from "node:stream";
import type { LoggerOptions } from "./index.js";

/** For `pino({ transport: { target: "godot-loglib/pino", options } })`, which calls it in a worker thread. */
declare function transport(options?: transport.PinoOptions): Writable;

declare namespace transport {
  interface PinoOptions extends LoggerOptions {
    /** `GODOT_COMPONENT`; without both the `name` of the pino logger. */
    component?: string;
    /** pino's option of the same name, default `msg`. */
    messageKey?: string;
  }

  interface Destination {
    readonly writable: true;
    write(line: string): boolean;
    flush(callback?: () => void): void;
    flushSync(): void;
    /** Resolves when everything has been sent, or written to the fallback. */
    end(): Promise<boolean>;
  }

  /** For `pino(destination({ component: "gates" }))`: in the thread of the logger, with its current trace. */
  function destination(options?: PinoOptions): Destination;
  /** For `pino({ mixin })` with the transport: the current trace in each record. */
  function mixin(): { trace_id?: string };
}

export = transport;
