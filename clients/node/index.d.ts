/** A log level; upper case on the wire. */
export type Level = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";
/** What is accepted for one, in any case. */
export type LevelName = Level | "WARNING" | "NOTICE" | "CRITICAL" | "FATAL";
/** What is recorded of payloads: whole, their keys and types, or nothing. */
export type Payloads = "full" | "shape" | "off";

export const LEVELS: readonly Level[];

/** Every option is also an environment variable; the option wins. */
export interface LoggerOptions {
  /** `GODOT_REDIS_URL`, default `redis://127.0.0.1:6379/0` */
  redisUrl?: string;
  /** `GODOT_PREFIX`, default `logs:` */
  prefix?: string;
  /** `GODOT_QUEUE_MAX`, default 100000 */
  queueMax?: number;
  /** `GODOT_LEVEL`, default `INFO` */
  level?: LevelName | Lowercase<LevelName>;
  /** `GODOT_REDACT_FIELDS`: more keys whose values never leave the process */
  redactFields?: readonly string[] | string;
  /** `GODOT_TRACE_SAMPLE`: the share of traces whose TRACE records are logged, default 1 */
  traceSample?: number;
  /** `GODOT_PAYLOADS`, default `full`; by tool: `full,gates_create_document=shape` */
  payloads?: Payloads | (string & {});
  /** `GODOT_PAYLOAD_BYTES`: bound of one payload, default 1 MiB */
  payloadBytes?: number | string;
  /** `GODOT_FALLBACK`: `auto` (default), `stdout`, `stderr`, `file:PATH` or `off` */
  fallback?: "auto" | "stdout" | "stderr" | "off" | `file:${string}`;
  /** `GODOT_FALLBACK_BYTES`, default 64 MiB: size at which a fallback file is rotated (three older ones are kept) */
  fallbackBytes?: number | string;
  /** `GODOT_BUFFER_MAX`, default 10000 records */
  bufferMax?: number;
  /** `GODOT_BUFFER_BYTES`, default 64 MiB */
  bufferBytes?: number | string;
  /** `GODOT_REDIS_TIMEOUT`: seconds to wait for Redis to connect or answer, default 1 */
  redisTimeout?: number;
  /** `GODOT_RETRY_SECONDS`: seconds between attempts to reach Redis during fallback, default 5 */
  retrySeconds?: number;
  /** `GODOT_EXIT_SECONDS`: deadline of flush, close and the end of the process, default 2 */
  exitSeconds?: number;
  /** `LOGGING_ENABLED`, default true */
  enabled?: boolean;
}

export interface MessageOptions {
  transport?: "stdio" | "websocket" | "http";
  /** One connection between two components. */
  session?: string;
  traceId?: string | null;
}

/** Anything that can carry a trace: an MCP message (object, text or bytes), or HTTP headers in any form. */
export type Carrier = object | string | null | undefined;

export interface LogCall {
  /** `data` is anything; what is no object goes under `value`. */
  (message: string, data?: unknown, traceId?: string | null): void;
  /** `%s`, `%d`, `%i`, `%f`, `%j`, `%o` and `%O` are formatted; what is left over is data. */
  (template: string, ...values: unknown[]): void;
  /** An error keeps its stack, in `data.err`; its message is the record's without another. */
  (error: Error, message?: string, ...values: unknown[]): void;
  /** As in pino: the object is data. */
  (data: object, message?: string, ...values: unknown[]): void;
}

export class ICCMLogger {
  /** `component` may be left out where `GODOT_COMPONENT` is set. Never throws: a setting that cannot be used is told on stderr. */
  constructor(component?: string, options?: LoggerOptions);

  readonly component: string;
  /** The level in force: the one set centrally, else the logger's own, which can be set here, too. */
  get level(): Level;
  set level(level: LevelName | Lowercase<LevelName>);
  /** Which process its records name: host, pid and a nonce; null when logging is off. */
  readonly instance: string | null;

  readonly trace: LogCall;
  readonly debug: LogCall;
  readonly info: LogCall;
  /** The same as `info`. */
  readonly log: LogCall;
  readonly warn: LogCall;
  readonly warning: LogCall;
  readonly error: LogCall;
  /** `exception`, `critical` and `fatal` log at ERROR, too. */
  readonly exception: LogCall;
  readonly critical: LogCall;
  readonly fatal: LogCall;

  /** A logger of the same component whose records all have these data. */
  child(bindings: object, options?: { level?: LevelName | Lowercase<LevelName> }): ICCMLogger;
  bind(bindings: object): ICCMLogger;
  /** What `child` bound. */
  bindings(): Record<string, unknown>;
  /** Whether a record at this level would be logged now. */
  isLevelEnabled(level: LevelName | Lowercase<LevelName>): boolean;

  /** Record a JSON-RPC message sent to `peer`, verbatim but redacted, at TRACE. */
  sent(peer: string, message: unknown, options?: MessageOptions): void;
  /** Record a JSON-RPC message, or the text that was none, received from `peer`. */
  received(peer: string, message: unknown, options?: MessageOptions): void;

  /** Run `work` under a trace, also across awaits; returns what `work` returns. */
  traceContext<T>(traceId: string | null, work: () => T): T;
  /** A copy of an MCP message (`params._meta`) or of HTTP headers that carries the current trace. */
  inject<C>(carrier: C): C;
  /**
   * The trace id that an MCP message or HTTP headers carry, or null. What came with it (X-Trace-Log, tracestate, baggage)
   * is passed on by `inject`. `create`, for the one component where requests enter: a new trace where there is none.
   */
  extract(carrier: Carrier, options: { create: true }): string;
  extract(carrier: Carrier, options?: { create?: boolean }): string | null;

  /** An unknown level changes nothing and is told once on stderr. */
  setLevel(level: LevelName | Lowercase<LevelName>): void;
  /** True once all records are in Redis or in the fallback, false after `timeoutMs` (GODOT_EXIT_SECONDS). */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Flush, write what is left to the fallback, close the connection. */
  close(timeoutMs?: number): Promise<boolean>;
}

/** The trace id that a log call made here would get; null outside of any trace. */
export function currentTraceId(): string | null;
/** A fresh trace id: for the one component where requests enter the system, and nobody else. */
export function newTraceId(): string;
