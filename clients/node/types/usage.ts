// User code that the compiler reads as the contract of index.d.ts; what must not compile is marked.
import { ICCMLogger, LEVELS, currentTraceId, newTraceId } from "godot-loglib";
import type { Carrier, Level, LoggerOptions } from "godot-loglib";
import transport, { destination, mixin } from "godot-loglib/pino";

const options: LoggerOptions = {
  level: "debug",
  redactFields: ["ssn"],
  fallback: "file:/tmp/godot.jsonl",
  fallbackBytes: "64MiB",
  payloads: "full,gates_create_document=shape",
  payloadBytes: 1024,
  traceSample: 0.1,
};
const logger = new ICCMLogger("gates", options);
new ICCMLogger();

logger.info("m");
logger.info("m", { a: 1 }, null);
logger.info("user %s logged in", "bob", 5);
logger.info({ user: "bob" }, "msg");
logger.error(new Error("x"));
logger.error(new Error("x"), "while %s", "starting");
logger.fatal({ err: new Error("x") });
// @ts-expect-error  a message is a text, an object or an error
logger.info(5);
// @ts-expect-error  no such level
logger.setLevel("loud");
// @ts-expect-error  no such option
new ICCMLogger("x", { redisURL: "" });
// @ts-expect-error  no such fallback
new ICCMLogger("x", { fallback: "nowhere" });
// @ts-expect-error  no such transport
logger.sent("x", {}, { transport: "pigeon" });

const level: Level = logger.level;
logger.level = "warning";
logger.setLevel("TRACE");
const enabled: boolean = logger.isLevelEnabled("debug");
const child: ICCMLogger = logger.child({ request: 1 }, { level: "error" }).bind({ b: 2 });
const bound: Record<string, unknown> = child.bindings();

const message = { jsonrpc: "2.0", id: 1, method: "ping" } as const;
const outgoing: typeof message = logger.inject(message);
logger.sent("playfair", outgoing, { transport: "websocket", session: "1>2", traceId: null });
logger.received("playfair", "no JSON");
const trace: string | null = logger.extract(new Headers() as Carrier);
const created: string = logger.extract({}, { create: true });
const result: Promise<number> = logger.traceContext(trace, async () => 1);
const synchronous: number = logger.traceContext(null, () => 1);
const flushed: Promise<boolean> = logger.flush(2000);
const closed: Promise<boolean> = logger.close();
const instance: string | null = logger.instance;
const all: readonly Level[] = LEVELS;
const ids: [string | null, string] = [currentTraceId(), newTraceId()];

const to = destination({ component: "gates", messageKey: "message" });
to.write("{}\n");
transport({ component: "gates" }).end();
const mixed: { trace_id?: string } = mixin();

export { all, bound, closed, created, enabled, flushed, ids, instance, level, mixed, result, synchronous };
