// The code blocks of a documentation page, and a folder in which they are tried from top to bottom, as a reader would.
//
//   ```lua scripts/tools/x.lua        this text becomes that file (also yaml, sql, and any other language)
//   ```lua                            a piece of a script: run in the scripts' sandbox, with `call` and `args` at hand
//   ```console                        lines after "$ " are commands; what follows is what they print
//   ```console fails                  the same, for commands that must end with an error
//   ```text, ```json                  not run: a picture, a format
//
// In expected output a line "..." stands for any number of lines, and "…" for anything within a line.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const tree = fileURLToPath(new URL("../..", import.meta.url));
const bin = process.env.PARLEY_BIN ?? join(tree, "build/bin");
const command_limit_ms = 60_000;

// [{ line, language, words, text }], in the page's order.
export function blocks_of(page) {
  const blocks = [];
  let open = null;
  readFileSync(page, "utf8").split("\n").forEach((line, index) => {
    const fence = /^ {0,3}```+(.*)$/.exec(line);
    if (fence === null) {
      if (open !== null) open.lines.push(line);
    } else if (open === null) {
      const [language, ...words] = fence[1].trim().split(/\s+/);
      open = { line: index + 1, language, words, lines: [] };
    } else {
      blocks.push({ line: open.line, language: open.language, words: open.words, text: open.lines.join("\n") + "\n" });
      open = null;
    }
  });
  return blocks;
}

// A copy of what ships, to be changed by the page.
export class Workshop {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "parley-docs-"));
    for (const part of ["config", "schemas", "scripts", "tests/scenarios", "tests/scripts"]) {
      cpSync(join(tree, part), join(this.folder, part), { recursive: true });
    }
  }

  write(path, text) {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  // { status, output }: both streams, as a terminal shows them.
  run(command) {
    const { status, stdout, error } = spawnSync("bash", ["-c", `{ ${command}\n} 2>&1`], {
      cwd: this.folder,
      encoding: "utf8",
      timeout: command_limit_ms,
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: this.folder, LANG: "C.UTF-8", TZ: "UTC" },
    });
    if (error !== undefined) throw error;
    return { status, output: stdout };
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// [{ command, expected: [line, ...] }]
export function commands_of(text) {
  const commands = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("$ ")) commands.push({ command: line.slice(2), expected: [] });
    else if (commands.length > 0) commands.at(-1).expected.push(line);
    else throw new Error(`a console block begins with "$ command", found: ${line}`);
  }
  return commands;
}

const line_pattern = (line) =>
  new RegExp("^" + line.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*") + "$", "u");

// Whether `output` is what the page promises.
export function is_as_expected(output, expected) {
  const lines = output.replace(/\s+$/, "").split("\n").map((line) => line.trimEnd());
  if (lines.length === 1 && lines[0] === "") lines.length = 0;
  const matches = (at, want) => {
    if (want === expected.length) return at === lines.length;
    if (expected[want].trim() === "...") {
      for (let next = at; next <= lines.length; ++next) if (matches(next, want + 1)) return true;
      return false;
    }
    return at < lines.length && line_pattern(expected[want].trimEnd()).test(lines[at]) && matches(at + 1, want + 1);
  };
  return matches(0, 0);
}

export function pages() {
  return execFileSync("git", ["ls-files", "docs/scripting/*.md"], { cwd: tree, encoding: "utf8" }).trim().split("\n").filter(Boolean);
}
