// The code blocks of a documentation page, and a folder in which they are tried from top to bottom,
// as a reader would. What follows the three backticks says what a block is:
//
//   lua scripts/tools/x.lua   this text becomes that file; so with any other language
//   lua                       a piece of a tool's `run`, with `args` and `call` at hand: it is run,
//                             and must not fail
//   console                   lines after "$ " are commands; what follows is what they print
//   console fails             the same, for commands that must end with an error
//   console soon              the same, repeated until that is printed: a save takes a moment, and so
//                             does a line of the log
//   console serves            a command that goes on to the page's end; it must print this
//   console meanwhile         a command that ends by itself before the page does, and well
//   lua PATH as-shipped       the text of that file as it ships, and in the folder from here on
//   json                      a part of what the command before has printed, laid out for reading
//   text                      not run: a picture or a format; nothing that could be run
//
// In expected output a line "..." stands for any number of lines, and "…" for anything within a
// line. The ports 3000 and 8090 become free ones, so that several pages are tried side by side.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const tree = fileURLToPath(new URL("../..", import.meta.url));
const bin = process.env.PARLEY_BIN ?? join(tree, "build/bin");
const command_limit_ms = 60_000;
const look_again_ms = 50;
const pages_ports = ["3000", "8090"];

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

async function free_port() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return String(port);
}

// Until `is_met()`, or an error that tells `what()`.
async function wait_until(is_met, what) {
  const limit = Date.now() + command_limit_ms;
  while (!is_met()) {
    if (Date.now() > limit) throw new Error(what());
    await new Promise((later) => setTimeout(later, look_again_ms));
  }
}

// A copy of what ships, to be changed by the page.
export class Workshop {
  static async open() {
    const ports = new Map();
    for (const port of pages_ports) ports.set(port, await free_port());
    return new Workshop(ports);
  }

  constructor(ports) {
    this.ports = ports;
    this.folder = mkdtempSync(join(tmpdir(), "parley-docs-"));
    this.background = [];
    for (const part of ["config", "examples", "schemas", "scripts", "tests/scenarios", "tests/scripts"]) {
      cpSync(join(tree, part), join(this.folder, part), { recursive: true });
    }
    // Speech is made once for all pages.
    const speech = join(tree, "build/speech");
    if (existsSync(join(tree, "build"))) mkdirSync(speech, { recursive: true });
    this.env = { PATH: `${bin}:${process.env.PATH}`, HOME: this.folder, LANG: "C.UTF-8", TZ: "UTC" };
    if (existsSync(speech)) this.env.PARLEY_SIM_SPEECH_CACHE = speech;
  }

  with_ports(text) {
    return text.replace(/\b(3000|8090)\b/g, (port) => this.ports.get(port));
  }

  write(path, text) {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), this.with_ports(text));
  }

  // { status, output }: both streams, as a terminal shows them.
  run(command) {
    const { status, stdout, error } = spawnSync("bash", ["-c", `{ ${this.with_ports(command)}\n} 2>&1`], {
      cwd: this.folder, encoding: "utf8", timeout: command_limit_ms, env: this.env,
    });
    if (error !== undefined) throw error;
    return { status, output: stdout };
  }

  start(command) {
    const child = spawn("bash", ["-c", `exec ${this.with_ports(command)}`], { cwd: this.folder, env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    const job = { command, child, output: "", status: undefined };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (job.output += data));
    child.on("close", (status) => (job.status = status ?? -1));
    this.background.push(job);
    return job;
  }

  async prints(job, expected) {
    await wait_until(
      () => is_as_expected(job.output, expected) || job.status !== undefined,
      () => `${job.command} printed\n${job.output}\nnot\n${expected.join("\n")}`);
    return is_as_expected(job.output, expected);
  }

  async ends(job) {
    await wait_until(() => job.status !== undefined, () => `${job.command} does not end; it printed\n${job.output}`);
    return job.status;
  }

  // A piece of a script, as the `run` of a tool, so that it runs in the sandbox like one.
  run_piece(text) {
    this.write("scripts/tools/page_piece.lua",
      `return tool { api = 1, about = "A piece of the page.", run = function(args, call)\n${text}\nend }\n`);
    this.write("tests/scripts/page_piece_test.lua",
      'it("a piece of the page", function()\n  local answer = run_tool("page_piece")\n' +
      '  if type(answer) == "table" then expect(answer.failed).to_be_nil() end\nend)\n');
    const result = this.run("parley test tests/scripts/page_piece_test.lua");
    for (const path of ["scripts/tools/page_piece.lua", "tests/scripts/page_piece_test.lua"]) rmSync(join(this.folder, path));
    return result;
  }

  async close() {
    for (const job of this.background.reverse()) {
      if (job.status === undefined) job.child.kill("SIGINT");
      // A second signal ends a service at once that still waits for its calls.
      if (job.status === undefined) job.child.kill("SIGTERM");
      await this.ends(job);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// [{ command, expected: [line, ...] }]
export function commands_of(text) {
  const commands = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("$ ")) commands.push({ command: line.slice(2), expected: [] });
    else if (commands.length > 0 && commands.at(-1).expected.length === 0 && commands.at(-1).command.endsWith("\\"))
      commands.at(-1).command = commands.at(-1).command.slice(0, -1) + line.trim();
    else if (commands.length > 0) commands.at(-1).expected.push(line);
    else throw new Error(`a console block begins with "$ command", found: ${line}`);
  }
  return commands;
}

const line_pattern = (line) =>
  new RegExp("^" + line.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*") + "$", "u");

// Whether `output` is what the page promises. Blank lines at either end do not count.
export function is_as_expected(output, expected) {
  const lines = output.replace(/^\n+|\s+$/g, "").split("\n").map((line) => line.trimEnd());
  if (lines.length === 1 && lines[0] === "") lines.length = 0;
  const wanted = expected.join("\n").replace(/^\n+|\s+$/g, "").split("\n").map((line) => line.trimEnd());
  if (wanted.length === 1 && wanted[0] === "") wanted.length = 0;
  const matches = (at, want) => {
    if (want === wanted.length) return at === lines.length;
    if (wanted[want].trim() === "...") {
      for (let next = at; next <= lines.length; ++next) if (matches(next, want + 1)) return true;
      return false;
    }
    return at < lines.length && line_pattern(wanted[want]).test(lines[at]) && matches(at + 1, want + 1);
  };
  return matches(0, 0);
}

// The pages for staff. The reference is made from schemas/lua; reference.test.mjs tries its examples.
export function pages() {
  return readdirSync(join(tree, "docs/scripting"))
    .filter((name) => name.endsWith(".md") && name !== "reference.md")
    .sort()
    .map((name) => `docs/scripting/${name}`);
}
