// The rules by which pages are tried.
import assert from "node:assert/strict";
import { test } from "node:test";

import { commands_of, is_as_expected } from "./pages.mjs";

test("a console block is commands and what each prints", () => {
  assert.deepEqual(commands_of("$ one\n$ two\nfirst\nsecond\n"), [
    { command: "one", expected: [] },
    { command: "two", expected: ["first", "second"] },
  ]);
});

test("a console block without a command is a mistake of the page", () => {
  assert.throws(() => commands_of("just text\n"), /begins with/);
});

test("output must be what the page says, line by line", () => {
  assert.ok(is_as_expected("a\nb\n", ["a", "b"]));
  assert.ok(!is_as_expected("a\nc\n", ["a", "b"]));
  assert.ok(!is_as_expected("a\nb\nc\n", ["a", "b"]));
  assert.ok(is_as_expected("", []));
});

test("dots stand for lines, an ellipsis for a part of a line", () => {
  assert.ok(is_as_expected("a\nx\ny\nb\n", ["a", "...", "b"]));
  assert.ok(is_as_expected("took 3 ms (all well)\n", ["took … ms (all well)"]));
  assert.ok(!is_as_expected("took 3 ms (not well)\n", ["took … ms (all well)"]));
});

test("blank lines around output do not count", () => {
  assert.ok(is_as_expected("a\n\n", ["a", ""]));
  assert.ok(!is_as_expected("a\n\nb\n", ["a", "b"]));
});

test("a command goes on in the next line after a backslash", () => {
  assert.deepEqual(commands_of("$ one \\\n    two\nprinted\n"), [{ command: "one two", expected: ["printed"] }]);
});
