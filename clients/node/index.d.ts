/** A log level; upper case on the wire. */
export type Level = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";

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
  level?: Level | Lowercase<Level>;
  /** `GODOT_REDACT_FIELDS`: more keys whose values never leave the process */
  redactFields?: readonly string[] | string;
  /** `GODOT_FALLBACK_BYTES`, default 64 MiB: size at which a fallback file is rotated (three older ones are kept) */
  fallbackBytes?: number | string;
  /** `GODOT_FALLBACK`: `stdout` (default), `stderr`, `file:PATH` or `off` */
  fallback?: "stdout" | "stderr" | "off" | `file:${string}`;
  /** `GODOT_BUFFER_MAX`, default 10000 records */
  bufferMax?: number;
  /** `GODOT_BUFFER_BYTES`, default 64 MiB */
  bufferBytes?: number | string;
  /** `GODOT_REDIS_TIMEOUT`: seconds to wait for Redis to connect or answer, default 1 */
  redisTimeout?: number;
  /** `GODOT_RETRY_SECONDS`: seconds between attempts to reach Redis during fallback, default 5 */
  retrySeconds?: number;
  /** `GODOT_EXIT_SECONDS`: deadline of flush and close, default 2 */
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

/** Anything that can carry a trace: an MCP message, or HTTP headers as an object or as `Headers`. */
export type Carrier = object | null | undefined;

export class ICCMLogger {
  /** `component` may be left out where `GODOT_COMPONENT` is set. Never throws: a setting that cannot be used is told on stderr. */
  constructor(component?: string, options?: LoggerOptions);

  readonly component: string;
  readonly level: Level;
  /** Which process its records name: host, pid and a nonce; null when logging is off. */
  readonly instance: string | null;

  trace(message: string, data?: unknown, traceId?: string | null): void;
  debug(message: string, data?: unknown, traceId?: string | null): void;
  info(message: string, data?: unknown, traceId?: string | null): void;
  warn(message: string, data?: unknown, traceId?: string | null): void;
  error(message: string, data?: unknown, traceId?: string | null): void;

  /** Record a JSON-RPC message sent to `peer`, verbatim but redacted, at TRACE. */
  sent(peer: string, message: unknown, options?: MessageOptions): void;
  /** Record a JSON-RPC message, or the text that was none, received from `peer`. */
  received(peer: string, message: unknown, options?: MessageOptions): void;

  /** Run `work` under a trace, also across awaits; returns what `work` returns. */
  traceContext<T>(traceId: string | null, work: () => T): T;
  /** A copy of an MCP message (`params._meta`) or of plain HTTP headers that carries the current trace. */
  inject<C>(carrier: C): C;
  /** The trace id that an MCP message or HTTP headers carry, or null. */
  extract(carrier: Carrier): string | null;

  /** An unknown level changes nothing and is told once on stderr. */
  setLevel(level: Level | Lowercase<Level>): void;
  /** True once all records are in Redis or in the fallback, false after `timeoutMs` (GODOT_EXIT_SECONDS). */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Flush, write what is left to the fallback, close the connection. */
  close(timeoutMs?: number): Promise<boolean>;
}
