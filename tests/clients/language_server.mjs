// An editor's side of the Language Server Protocol, as much of it as it takes to see what is underlined in a file.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);

// Settings an editor would hand over. No catalogue of schemas is fetched: the files name their schema themselves.
const settings = { yaml: { validate: true, schemaStore: { enable: false }, completion: true }, http: {}, editor: {}, files: {} };

export class YamlEditor {
  #server;
  #received = Buffer.alloc(0);
  #answers = new Map(); // request id -> resolve
  #diagnostics = new Map(); // uri -> resolve
  #next_id = 1;
  #next_version = 1; // what it has understood of an earlier text, the server keeps under its version

  constructor() {
    this.#server = spawn(process.execPath, [require.resolve("yaml-language-server/bin/yaml-language-server"), "--stdio"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#server.stdout.on("data", (bytes) => this.#on_bytes(bytes));
  }

  async open() {
    await this.#ask("initialize", {
      processId: process.pid,
      rootUri: null,
      capabilities: { workspace: { configuration: true }, textDocument: { publishDiagnostics: {} } },
      initializationOptions: settings,
    });
    this.#tell("initialized", {});
    this.#tell("workspace/didChangeConfiguration", { settings });
  }

  // What would be underlined if `text` stood in `path`: ["line 3: what", ...]. The file itself is not read.
  async problems(path, text) {
    const uri = pathToFileURL(path).href;
    const diagnostics = await this.#published(uri, () =>
      this.#tell("textDocument/didOpen", { textDocument: { uri, languageId: "yaml", version: this.#next_version++, text } }));
    // Closing a file publishes that nothing is wrong with it any more.
    await this.#published(uri, () => this.#tell("textDocument/didClose", { textDocument: { uri } }));
    return diagnostics.map(({ range, message }) => `line ${range.start.line + 1}: ${message}`);
  }

  #published(uri, act) {
    const published = new Promise((resolve) => this.#diagnostics.set(uri, resolve));
    act();
    return published;
  }

  close() {
    this.#server.kill();
  }

  #ask(method, params) {
    const id = this.#next_id++;
    const answered = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#send({ id, method, params });
    return answered;
  }

  #tell(method, params) {
    this.#send({ method, params });
  }

  #send(message) {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #on_bytes(bytes) {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const end = this.#received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const size = Number(/Content-Length: (\d+)/i.exec(this.#received.toString("latin1", 0, end))[1]);
      if (this.#received.length < end + 4 + size) return;
      const message = JSON.parse(this.#received.toString("utf8", end + 4, end + 4 + size));
      this.#received = this.#received.subarray(end + 4 + size);
      this.#on_message(message);
    }
  }

  #on_message({ id, method, params, result }) {
    if (method === "workspace/configuration") {
      this.#send({ id, result: params.items.map(({ section }) => settings[section.replace(/^\[|\]$/g, "")] ?? {}) });
    } else if (method === "textDocument/publishDiagnostics") {
      this.#diagnostics.get(params.uri)?.(params.diagnostics);
    } else if (method !== undefined && id !== undefined) {
      this.#send({ id, result: null }); // registrations and the like
    } else if (id !== undefined) {
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    }
  }
}
