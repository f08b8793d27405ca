// Relative links in the tree's pages lead to a file that is there, and to a heading in it. Pages named in comments and
// messages of the program exist, too.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

import { tree } from "./pages.mjs";

const left_out = ["build", "node_modules", "data", ".git"];

function files_below(folder, is_wanted) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (left_out.includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files_below(path, is_wanted);
    return is_wanted(entry.name) ? [path] : [];
  });
}

const without_code = (text) => text.replace(/^ {0,3}```[\s\S]*?^ {0,3}```/gm, "");

// As GitHub makes them of headings.
export function anchors_of(text) {
  const seen = new Map();
  return without_code(text).split("\n").filter((line) => /^#{1,6} /.test(line)).map((line) => {
    const words = line.replace(/^#+ /, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N} _-]/gu, "").replace(/ /g, "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

// What is wrong with the links of a page, one line each.
export function dead_links(page, text) {
  const dead = [];
  for (const [, target] of without_code(text).replace(/`[^`\n]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path, anchor] = target.split("#");
    const file = path === "" ? page : resolve(dirname(page), path);
    if (!existsSync(file)) dead.push(`${target}: there is no such file`);
    else if (anchor && (statSync(file).isDirectory() || !anchors_of(path === "" ? text : readFileSync(file, "utf8")).includes(anchor)))
      dead.push(`${target}: there is no such heading`);
  }
  return dead;
}

for (const page of files_below(tree, (name) => name.endsWith(".md"))) {
  test(`links of ${relative(tree, page)}`, () => assert.deepEqual(dead_links(page, readFileSync(page, "utf8")), []));
}

test("pages named in code exist", () => {
  const dead = [];
  for (const folder of ["runtime", "schemas", "scripts", "config", "examples", "tests"]) {
    for (const file of files_below(join(tree, folder), (name) => /\.(cpp|hpp|lua|yaml|json|txt|sh|mjs)$/.test(name))) {
      for (const [path] of readFileSync(file, "utf8").matchAll(/\bdocs\/[a-z_/-]+\.md\b/g)) {
        if (!existsSync(join(tree, path))) dead.push(`${relative(tree, file)}: ${path}`);
      }
    }
  }
  assert.deepEqual(dead, []);
});

test("a dead link is found", () => {
  const page = join(tree, "README.md");
  assert.deepEqual(dead_links(page, "# One\n[a](#one) [b](#two) [c](docs/no_page.txt) [d](docs/README.md#documents) [e](https://example.com)\n"),
    ["#two: there is no such heading", "docs/no_page.txt: there is no such file"]);
});
