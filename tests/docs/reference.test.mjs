// Every example of docs/scripting/reference.md runs, each as a tool of its own, in a world in which
// what it speaks of exists. `f(x) -- value` must also give that value. That the page is made from
// schemas/lua is a test in tests/unit/script/reference_test.cpp.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { blocks_of, tree, Workshop } from "./pages.mjs";

// What examples take from their surroundings.
const surroundings = `
  local rows, problem = db.query("SELECT * FROM appointments")
  local slots, free = { { free = true, time = "9:00 AM" } }, { "9:00 AM" }
  local reply, body = { body = '{"id":7}', json = { data = "YQ==" } }, "{}"
  local given, expected = "abc", "abc"
`;
const tables = `
  CREATE TABLE messages (phone TEXT, message TEXT);
  CREATE TABLE cancelled (id INTEGER, phone TEXT);
  CREATE TABLE patients (name TEXT, phone TEXT);
`;
const params = `{
  date = param.date { "A day" }, time = param.time { "A time" }, name = param.text { "A name" },
  message = param.text { "A message" }, id = param.integer { "A number" },
}`;
const args = '{ date = "2026-12-02", time = "14:30", name = "Jo", message = "Call me.", id = 7 }';
const web = ["https://calendar.example/slots", "https://crm.example/leads", "https://crm.example/leads/17"]
  .flatMap((url) => ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].map((method) => `http_fake.on("${method}", "${url}", { json = { slots = {} } })`))
  .join("\n    ");

const tool = (declared, body) => `return tool { api = 1, about = "An example.", params = ${declared}, run = function(args, call)\n${body}\nend }\n`;

// The file an example becomes, and what its run must give: { path, text, wanted }.
function trial_of(example, name) {
  const path = `scripts/tools/${name}.lua`;
  if (/^return agent\b/.test(example)) return { path: `scripts/agents/${name}.lua`, text: example };
  if (/^return tool\b/.test(example)) return { path, text: example, args: '{ date = "2026-12-02" }' };
  if (/^\w+ = param\./.test(example)) return { path, text: tool(`{ ${example} }`, "return {}"), args: "nil" };
  const value = /^(.*) -- (true|false|".*"|\d+|\{.*\})$/.exec(example.trim());
  if (value !== null) return { path, text: tool(params, `return { value = ${value[1]} }`), args, wanted: value[2] };
  return { path, text: tool(params, surroundings + example), args };
}

const examples = blocks_of(join(tree, "docs/scripting/reference.md"));

test("docs/scripting/reference.md", async (t) => {
  const workshop = await Workshop.open();
  t.after(() => workshop.close());
  const names = [];
  let tests = "";
  for (const { line, text } of examples) {
    const name = `line_${line}`;
    const trial = trial_of(text, name);
    workshop.write(trial.path, trial.text);
    if (trial.args === undefined) continue;
    names.push(name);
    // Required parameters are missing from an example of a parameter: that it is declared is enough.
    const expected = trial.args === "nil" ? 'expect(answer.error).never.to_equal("tool_failed")'
      : trial.wanted ? `expect(answer.value).to_equal(${trial.wanted})`
      : 'if type(answer) == "table" then expect(answer.failed).to_be_nil() end';
    tests += `it("${name}", function()\n    ${web}\n    clock.set("2026-11-20 10:00")\n` +
      `    local answer = run_tool("${name}", ${trial.args}, { agent = "sarah" })\n    ${expected}\nend)\n`;
  }
  workshop.write("scripts/migrations/002_reference.sql", tables);
  workshop.write("tests/scripts/reference_test.lua", tests);
  const granted = names.map((name) => `tools/${name}`).join(", ");
  workshop.write("config/reference.yaml",
    "scripts:\n  http: {allow: [calendar.example, crm.example]}\nsecrets:\n" +
    `  crm_token: {value: a-token, scripts: [${granted}]}\n  crm_key: {value: a-key-of-the-crm, scripts: [${granted}]}\n`);
  const { output } = workshop.run("parley --overlay config/reference.yaml test tests/scripts/reference_test.lua");
  const failures = output.split("\n").filter((line) => !line.startsWith("✓")).join("\n");
  for (const name of names) {
    const passed = output.split("\n").some((line) => line.startsWith("✓") && line.trimEnd().endsWith(` ${name}`));
    await t.test(`docs/scripting/reference.md:${name.slice(5)}`, () => assert.ok(passed, failures));
  }
  // Agents are not run here; that they are right is checked with everything else.
  const { status, output: findings } = workshop.run("parley --overlay config/reference.yaml check");
  await t.test("is right as a whole", () => assert.equal(status, 0, findings));
  assert.ok(names.length > 70, `only ${names.length} examples were found`);
});
