// What the deployed program must do, however it was started: take a call, and when it is told to stop, let it end first.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authToken, bin, startSimulatedModel, until } from "../clients/parley.mjs";

export const start_model = (t) =>
  startSimulatedModel(t, `
speed: 0
think_ms: 20
greeting: "We are open from nine in the morning to five in the afternoon, from Monday to Friday."
`);

const caller_script = `
steps:
  - wait_for_agent: {silent_for_ms: 1000}
  - hang_up
expect: {ended_by: caller, agent_speech_min_s: 3, violations_max: 0}
`;

// A caller of the simulated carrier who already hears the agent; `ended` has its exit status and what it said of the call.
export async function caller_in_mid_call(t, url) {
  const folder = mkdtempSync(join(tmpdir(), "parley-caller-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const script = join(folder, "caller.yaml");
  writeFileSync(script, caller_script);
  const words = ["call", "--webhook", `${url}/voice`, "--auth-token", authToken, "--script", script];
  const caller = spawn(join(bin, "parley-sim"), words, { stdio: ["ignore", "pipe", "pipe"] });
  const call = { log: "", ended: new Promise((done) => caller.once("close", done)) };
  for (const stream of [caller.stdout, caller.stderr]) stream.on("data", (text) => (call.log += text));
  await until(() => call.log.includes("hears the agent"), () => `the caller hears the agent:\n${call.log}`);
  return call;
}

// `parley`: {url, child, first}, started with the model of start_model().
export async function takes_a_call_and_drains(t, parley) {
  assert.equal((await (await fetch(`${parley.url}/ready`)).json()).status, "ready");
  assert.match(await (await fetch(`${parley.url}/login`)).text(), /<html/, "the dashboard's page is installed");

  const call = await caller_in_mid_call(t, parley.url);
  process.kill(parley.first, "SIGTERM");
  await until(async () => (await fetch(`${parley.url}/ready`)).status === 503, "it is no longer ready");
  assert.equal((await fetch(`${parley.url}/health`)).status, 200, "and yet it is healthy");
  assert.equal(await call.ended, 0, call.log);
  assert.equal(await parley.child.ended, 0, parley.child.log);
  assert.match(parley.child.log, /server\.stopped/);
  assert.doesNotMatch(parley.child.log, / (warning|error) /);
}
