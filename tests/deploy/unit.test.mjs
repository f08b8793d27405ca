// The systemd service in a clean root: what `cmake --install` brings and the libraries it needs, nothing else of this machine. The
// unit is what systemd expects, and what it starts takes a call, reloads, drains and ends, as the unit's user and as process number 1.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { authToken, bin, freePort, until } from "../clients/parley.mjs";
import { start_model, takes_a_call_and_drains } from "./call.mjs";
import { folder, text_of, variables_in } from "./files.mjs";
import { add, children_of, give_to, is_root, libraries_of, make_root, run_in, user_of } from "./root.mjs";
import { read_unit } from "./unit.mjs";

const unit = read_unit(join(folder, "systemd/parley.service"));
const exec_start = unit.one("Service.ExecStart").split(" ");
const exec_reload = unit.one("Service.ExecReload").split(" ");
const state = join("/var/lib", unit.one("Service.StateDirectory"));
const settings = "/etc/parley/parley.yaml";
const exposure_max = 2; // of 10, as `systemd-analyze security` counts
const prefix = dirname(dirname(exec_start[0]));

const root = mkdtempSync(join(tmpdir(), "parley-root-"));
let user;

before(() => {
  make_root(root);
  execFileSync("cmake", ["--install", dirname(bin), "--prefix", join(root, prefix)]);
  for (const program of [join(bin, "parley"), "/usr/bin/espeak-ng"])
    for (const library of libraries_of(program)) add(root, library);
  const speech = execFileSync("dpkg", ["-L", "espeak-ng-data"], { encoding: "utf8" }).split("\n").find((path) => path.endsWith("/espeak-ng-data"));
  for (const path of ["/usr/bin/espeak-ng", speech, "/usr/share/zoneinfo", "/usr/share/javascript/chart.js", "/etc/ssl/certs/ca-certificates.crt"])
    add(root, path);

  // As in examples/deploy/README.md.
  const put = (from, to) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    writeFileSync(join(root, to), text_of(from));
  };
  put("systemd/parley.service", "/etc/systemd/system/parley.service");
  put("systemd/parley.sysusers", "/etc/sysusers.d/parley.conf");
  put("etc/parley.yaml", settings);
  execFileSync("systemd-sysusers", [`--root=${root}`], { stdio: "pipe" });
  user = user_of(root, unit.one("Service.User"));
});
after(() => rmSync(root, { recursive: true, force: true }));

// What the unit starts, with a port, a model and a state folder of the test's own.
async function start(t, { model, prepare = () => {}, has_started = (child) => child.log.includes("server.listening") } = {}) {
  rmSync(join(root, state), { recursive: true, force: true });
  mkdirSync(join(root, state), { mode: 0o750 });
  give_to(user, join(root, state));
  rmSync(join(root, settings), { force: true });
  writeFileSync(join(root, settings), text_of("etc/parley.yaml"));
  prepare();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...variables_in(text_of("etc/parley.env.example")), PORT: String(port), HOST: "127.0.0.1", PUBLIC_URL: url, TWILIO_ACCOUNT_SID: "",
    TWILIO_AUTH_TOKEN: authToken, OPENAI_BASE_URL: model?.url ?? "http://127.0.0.1:1/v1" };
  const unit_process = (command) => run_in(t, root, { command, cwd: unit.one("Service.WorkingDirectory"), env, user, writable: state });
  const child = unit_process(exec_start);
  await until(() => {
    if (child.exitCode !== null) throw new Error(`it ended:\n${child.log}`);
    return has_started(child);
  }, () => `it has started:\n${child.log}`);
  return { child, url, unit_process, first: await child.first() };
}

const analyze = (...words) => spawnSync("systemd-analyze", [`--root=${root}`, ...words], { encoding: "utf8" });
const verify = (name) => analyze("verify", "--man=no", "--recursive-errors=no", `/etc/systemd/system/${name}`);

test("systemd finds nothing wrong with the unit", () => {
  const { status, stderr } = verify("parley.service");
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("systemd would find a mistake", () => {
  writeFileSync(join(root, "etc/systemd/system/broken.service"), text_of("systemd/parley.service").replace("Restart=on-failure", "Restart=sometimes"));
  const { status, stderr } = verify("broken.service");
  assert.notEqual(status, 0);
  assert.match(stderr, /sometimes/);
});

test("the service is kept from what it does not need", () => {
  const { status, stdout, stderr } = analyze("security", "--offline=true", `--threshold=${exposure_max * 10}`, "parley.service");
  assert.equal(status, 0, stdout + stderr);
});

test("it takes a call, and lets it end before it stops", async (t) => {
  const parley = await start(t, { model: await start_model(t) });
  await takes_a_call_and_drains(t, parley);
  assert.ok(readdirSync(join(root, state, "data")).includes("parley.db"));
});

test("a reload takes as long as it takes, and fails when the files are not right", async (t) => {
  const parley = await start(t);
  writeFileSync(join(root, settings), text_of("etc/parley.yaml").replace("Riverside Medical", "Hillside Medical"));
  const good = parley.unit_process(exec_reload);
  assert.equal(await good.ended, 0, good.log);
  writeFileSync(join(root, settings), "agents: {sarah: {skript: sarah}}\n");
  const bad = parley.unit_process(exec_reload);
  assert.equal(await bad.ended, 1, bad.log);
  assert.match(bad.log, /skript/);
});

test("a signal while it starts ends it at once", async (t) => {
  const parley = await start(t, { has_started: () => true, prepare: () => {
    rmSync(join(root, settings));
    execFileSync("mkfifo", ["--mode=644", join(root, settings)]); // whoever reads it waits
  } });
  const handled = () => BigInt(`0x${readFileSync(`/proc/${parley.first}/status`, "utf8").match(/SigCgt:\s+(\w+)/)[1]}`);
  await until(() => (handled() >> 14n) & 1n, "it handles SIGTERM");
  process.kill(parley.first, "SIGTERM");
  assert.equal(await parley.child.ended, 128 + 15, parley.child.log);
});

const needs_root = !is_root && "only root may enter the service's namespace";
test("nobody stays a zombie: neither its own helpers nor orphans that are given to it", { skip: needs_root }, async (t) => {
  const parley = await start(t);
  // Its own: the phrases are spoken by espeak-ng.
  await until(() => children_of(parley.first).length === 0, "espeak-ng has come and gone");
  // An orphan: what a shell of `docker exec` leaves behind.
  const shell = spawn("nsenter", [`--pid=/proc/${parley.first}/ns/pid`, "--", "sh", "-c", "sleep 0.05 & exit 0"], { stdio: "ignore" });
  await new Promise((done) => shell.once("exit", done));
  await until(() => children_of(parley.first).length === 0, "the orphan is gone");
});
