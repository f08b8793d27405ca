// Every code block in docs/scripting/ is tried, from the top of each page to its end.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { blocks_of, commands_of, is_as_expected, pages, tree, Workshop } from "./pages.mjs";

const ways = ["fails", "soon", "serves", "meanwhile"];
const again_max = 400;

async function try_console(workshop, block, place) {
  const way = block.words[0] ?? "";
  assert.ok(block.words.length <= 1 && (way === "" || ways.includes(way)), `${place}: there is no "console ${block.words.join(" ")}"`);
  for (const { command, expected } of commands_of(block.text)) {
    const wanted = expected.map((line) => workshop.with_ports(line));
    if (way === "serves") {
      const job = workshop.start(command);
      assert.ok(await workshop.prints(job, wanted), `${place}: ${command} printed\n${job.output}\nnot\n${wanted.join("\n")}`);
      continue;
    }
    if (way === "meanwhile") {
      workshop.start(command).meanwhile = { place, wanted };
      continue;
    }
    let result = workshop.run(command);
    for (let again = 0; way === "soon" && !is_as_expected(result.output, wanted) && again < again_max; ++again) {
      await new Promise((later) => setTimeout(later, 50));
      result = workshop.run(command);
    }
    assert.equal(result.status !== 0, way === "fails", `${place}: ${command} ended with ${result.status}:\n${result.output}`);
    assert.ok(is_as_expected(result.output, wanted), `${place}: ${command} printed\n${result.output}\nnot\n${wanted.join("\n")}`);
    workshop.printed = result.output;
  }
}

async function try_block(workshop, block, place) {
  if (block.language === "console") return try_console(workshop, block, place);
  if (block.language === "json" && block.words.length === 0) {
    const part = JSON.stringify(JSON.parse(block.text));
    return assert.ok(workshop.printed?.includes(part), `${place}: the command before has not printed ${part}, but\n${workshop.printed}`);
  }
  const [path, as_shipped] = block.words;
  if (as_shipped === "as-shipped") assert.equal(block.text, readFileSync(join(tree, path), "utf8"), `${place}: ${path} reads otherwise`);
  if (block.words.length === 1 || as_shipped === "as-shipped") return workshop.write(path, block.text);
  assert.equal(block.language, "lua", `${place}: say what this block is: a file (\`\`\`${block.language || "lua"} PATH), console or text`);
  const { status, output } = workshop.run_piece(block.text);
  assert.equal(status, 0, `${place}:\n${output}`);
}

for (const page of pages()) {
  test(page, { concurrency: false }, async (t) => {
    const workshop = await Workshop.open();
    t.after(() => workshop.close());
    for (const block of blocks_of(join(tree, page))) {
      if (block.language === "text") continue;
      const place = `${page}:${block.line}`;
      await t.test(place, () => try_block(workshop, block, place));
    }
    for (const job of workshop.background.filter((each) => each.meanwhile !== undefined)) {
      const { place, wanted } = job.meanwhile;
      await t.test(`${place} ended well`, async () => {
        assert.equal(await workshop.ends(job), 0, `${place}: ${job.command} printed\n${job.output}`);
        assert.ok(is_as_expected(job.output, wanted), `${place}: ${job.command} printed\n${job.output}\nnot\n${wanted.join("\n")}`);
      });
    }
  });
}
