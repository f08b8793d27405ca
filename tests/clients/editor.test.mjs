// What somebody sees who edits Parley's YAML in an editor with the YAML language server (as VS Code, Neovim and others
// have it): no complaint about any shipped file, and a line under a wrong key.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { YamlEditor } from "./language_server.mjs";

const tree = fileURLToPath(new URL("../..", import.meta.url));
const editor = new YamlEditor();
before(() => editor.open());
after(() => editor.close());

const with_schema = /^# yaml-language-server: \$schema=/m;
const shipped = execFileSync("git", ["ls-files", "config/*.yaml", "examples/*.yaml", "tests/scenarios/*.yaml"], { cwd: tree, encoding: "utf8" })
  .trim()
  .split("\n")
  .map((file) => ({ file, text: readFileSync(join(tree, file), "utf8") }))
  .filter(({ text }) => with_schema.test(text));

test("the shipped settings name their schema", () => {
  assert.ok(shipped.some(({ file }) => file === "config/parley.yaml"));
});

for (const { file, text } of shipped) {
  test(`${file} shows no errors in an editor, and a wrong key shows one`, async () => {
    assert.deepEqual(await editor.problems(join(tree, file), text), []);
    const wrong = text + "\nnot_a_setting: 1\n";
    const problems = await editor.problems(join(tree, file), wrong);
    assert.equal(problems.length, 1, problems.join("; "));
    assert.match(problems[0], /not_a_setting/);
    assert.match(problems[0], new RegExp(`^line ${wrong.split("\n").length - 1}: `));
  });
}

test("a misspelt key deep in the settings is underlined where it stands", async () => {
  const path = join(tree, "config/parley.yaml");
  const text = readFileSync(path, "utf8").replace("threshold: 0.5", "treshold: 0.5");
  const line = text.split("\n").findIndex((each) => each.includes("treshold")) + 1;
  const problems = await editor.problems(path, text);
  assert.equal(problems.length, 1, problems.join("; "));
  assert.match(problems[0], new RegExp(`^line ${line}: .*treshold`));
});
