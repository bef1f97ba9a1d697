// The package as others get it: packed, installed from its tarball, typed, in both module systems.
"use strict";

const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const fs = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const { promisify } = require("node:util");
const { test } = require("node:test");

const PACKAGE = join(__dirname, "..");
const run = promisify(execFile);

/** npm beside this Node, or of its wheel. */
function npm(args, options) {
  const beside = join(dirname(process.execPath), "npm");
  const inWheel = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  return fs.existsSync(inWheel) ? run(process.execPath, [inWheel, ...args], options) : run(fs.existsSync(beside) ? beside : "npm", args, options);
}

/** A project that has installed the tarball; the one dependency is lent, so that no registry is needed. */
async function installed(t) {
  const folder = fs.mkdtempSync(join(tmpdir(), "godot-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const { stdout } = await npm(["pack", "--json", "--pack-destination", folder], { cwd: PACKAGE });
  const [{ filename, files }] = JSON.parse(stdout);
  const home = join(folder, "node_modules", "godot-loglib");
  fs.mkdirSync(home, { recursive: true });
  await run("tar", ["-xzf", join(folder, filename), "--strip-components=1", "-C", home]);
  fs.symlinkSync(join(PACKAGE, "node_modules", "@redis"), join(folder, "node_modules", "@redis"));
  return { folder, files: files.map(({ path }) => path) };
}

test("the tarball holds what is needed, and works with require and import", async (t) => {
  const { folder, files } = await installed(t);
  assert.deepEqual(files.filter((path) => !path.startsWith("lib/")).sort(), ["README.md", "index.d.ts", "index.js", "index.mjs", "package.json", "pino.d.mts", "pino.d.ts", "pino.mjs"]);
  assert.deepEqual(files.filter((path) => path.startsWith("lib/")).map((path) => path.slice(4)).sort(), fs.readdirSync(join(PACKAGE, "lib")).sort());
  const env = { ...process.env, GODOT_REDIS_URL: "redis://127.0.0.1:1", GODOT_FALLBACK: "stdout" };
  const code = 'new ICCMLogger("x").info("packed", { pino: typeof destination }); process.exit();';
  for (const [file, start] of [
    ["a.cjs", 'const { ICCMLogger } = require("godot-loglib"); const { destination } = require("godot-loglib/pino");'],
    ["a.mjs", 'import { ICCMLogger } from "godot-loglib"; import { destination } from "godot-loglib/pino";'],
  ]) {
    fs.writeFileSync(join(folder, file), `${start}\n${code}`);
    const { stdout } = await run(process.execPath, [join(folder, file)], { env });
    assert.equal(JSON.parse(stdout).data.pino, "function");
  }
});

test("the types are those of the code: user code compiles, and what must not does not", async (t) => {
  const { folder } = await installed(t);
  for (const file of ["usage.ts", "node.d.ts"]) fs.copyFileSync(join(PACKAGE, "types", file), join(folder, file));
  const config = { compilerOptions: { strict: true, noEmit: true, skipLibCheck: false, module: "nodenext", target: "es2022", lib: ["es2022", "dom"], types: [] }, files: ["usage.ts", "node.d.ts"] };
  fs.writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  for (const type of ["module", "commonjs"]) {
    fs.writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
    const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
    await run(process.execPath, [compiler, "-p", folder]).catch(({ stdout }) => assert.fail(stdout));
  }
});

test("every public name is declared, and the other way round", () => {
  const declared = fs.readFileSync(join(PACKAGE, "index.d.ts"), "utf8");
  const body = declared.slice(declared.indexOf("export class ICCMLogger {"));
  const names = new Set([...body.matchAll(/^ {2}(?:readonly |get |set )?(\w+)(?:<\w+>)?[(:]/gm)].map(([, name]) => name));
  const { ICCMLogger, ...others } = require("..");
  assert.deepEqual([...names].sort(), Object.getOwnPropertyNames(ICCMLogger.prototype).sort());
  for (const name of Object.keys(others)) assert.match(declared, new RegExp(`export (const|function) ${name}\\b`));
});

test("no lock file names a registry", () => {
  assert.doesNotMatch(fs.readFileSync(join(PACKAGE, "package-lock.json"), "utf8"), /"resolved": "https?:/);
  assert.match(fs.readFileSync(join(PACKAGE, ".npmrc"), "utf8"), /^omit-lockfile-registry-resolved=true$/m);
});
