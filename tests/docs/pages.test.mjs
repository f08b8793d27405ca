// Every code block in docs/scripting/ is tried, from the top of each page to its end.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { blocks_of, commands_of, is_as_expected, pages, tree, Workshop } from "./pages.mjs";

const not_run = ["text", "json"];
// A piece of a script as a test of its own, so that it runs in the sandbox like a script.
const as_test = (text) =>
  `describe("a piece of the page", function()\n  it("runs", function()\n    local call, args = fake_call(), {}\n${text}\n  end)\nend)\n`;

for (const page of pages()) {
  test(page, async (t) => {
    const workshop = new Workshop();
    t.after(() => workshop.remove());
    for (const block of blocks_of(join(tree, page))) {
      const place = `${page}:${block.line}`;
      if (not_run.includes(block.language)) continue;
      await t.test(place, () => {
        if (block.language === "console") {
          const must_fail = block.words.includes("fails");
          for (const { command, expected } of commands_of(block.text)) {
            const { status, output } = workshop.run(command);
            assert.equal(status !== 0, must_fail, `${place}: ${command} ended with ${status}:\n${output}`);
            assert.ok(is_as_expected(output, expected), `${place}: ${command} printed\n${output}\nnot\n${expected.join("\n")}`);
          }
        } else if (block.words.length === 1) {
          workshop.write(block.words[0], block.text);
        } else {
          assert.equal(block.language, "lua", `${place}: say what this block is: a file (\`\`\`${block.language} PATH), console or text`);
          workshop.write("tests/scripts/page_test.lua", as_test(block.text));
          const { status, output } = workshop.run("parley test tests/scripts/page_test.lua");
          workshop.run("rm tests/scripts/page_test.lua");
          assert.equal(status, 0, `${place}:\n${output}`);
        }
      });
    }
  });
}
