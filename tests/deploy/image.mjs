// Carries out examples/deploy/Dockerfile without Docker, in Debian roots made by debootstrap, and has the result take a call.
//
//   ./dev build && sudo node tests/deploy/image.mjs FOLDER [MIRROR]
//
// By hand, for it downloads and compiles. FOLDER keeps the roots: `base`, made once, and one for each stage.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import { authToken, freePort, tree, until } from "../clients/parley.mjs";
import { start_model, takes_a_call_and_drains } from "./call.mjs";
import { copy_of, read_dockerfile } from "./dockerfile.mjs";
import { folder as deploy, text_of, variables_in, yaml_of } from "./files.mjs";
import { children_of, debian_in, run_in } from "./root.mjs";

const { root_of, copy_of_base } = debian_in(process.argv.slice(2));
const settings = "/etc/parley/parley.yaml";

// What the instructions leave behind beside files.
const fresh_image = (root) => ({ root, cwd: "/", user: { uid: 0, gid: 0 } });

async function run(t, image, command, stdio = ["ignore", "inherit", "inherit"]) {
  console.log(`\n--- ${command}`);
  const child = run_in(t, image.root, { command: ["sh", "-c", command], cwd: image.cwd, env: { HOME: "/root" }, user: image.user, stdio });
  assert.equal(await child.ended, 0, child.log);
}

// Of a folder its content is copied, as docker does.
function copy(image, roots, step) {
  const { stage, sources, target } = copy_of(step);
  for (const source of sources) {
    const from = join(stage === undefined ? tree : roots.get(stage), source);
    const to = join(image.root, resolve(image.cwd, target));
    const place = statSync(from).isFile() && target.endsWith("/") ? join(to, basename(source)) : to;
    cpSync(from, place, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  }
}

async function build(t) {
  const roots = new Map();
  let image;
  for (const [index, { from, name = String(index), steps }] of read_dockerfile(join(deploy, "Dockerfile")).entries()) {
    assert.equal(from, "debian:bookworm-slim");
    image = fresh_image(root_of(name));
    roots.set(name, image.root);
    copy_of_base(name);
    for (const step of steps) {
      if (step.instruction === "RUN") await run(t, image, step.text);
      else if (step.instruction === "COPY") copy(image, roots, step);
      else if (step.instruction === "WORKDIR") mkdirSync(join(image.root, (image.cwd = resolve(image.cwd, step.text))), { recursive: true });
      else if (step.instruction === "USER") [image.user.uid, image.user.gid] = step.text.split(":").map(Number);
      else if (step.instruction === "HEALTHCHECK") image.health = step.text.replace(/^.*? CMD /, "");
      else if (step.instruction === "ENTRYPOINT" || step.instruction === "CMD") image[step.instruction] = step.words;
      else if (step.instruction === "VOLUME") image.volume = step.text;
      else assert.ok(["EXPOSE", "STOPSIGNAL"].includes(step.instruction), step.instruction);
    }
  }
  return image;
}

test("the image is built as its Dockerfile says, and takes a call as compose starts it", async (t) => {
  const image = await build(t);

  // A read-only root with a volume, settings that are mounted, the variables of the template.
  cpSync(join(deploy, "etc/parley.yaml"), join(image.root, settings), { recursive: true });
  const model = await start_model(t);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...variables_in(text_of("etc/parley.env.example")), PORT: String(port), PUBLIC_URL: url,
    TWILIO_ACCOUNT_SID: "", TWILIO_AUTH_TOKEN: authToken, OPENAI_BASE_URL: model.url };
  const inside = (command) => run_in(t, image.root, { command, cwd: image.cwd, env, user: image.user, writable: image.volume });
  assert.deepEqual(image.CMD, yaml_of("compose.yaml").services.parley.command.slice(-1), "what is started without settings");
  const child = inside([...image.ENTRYPOINT, ...yaml_of("compose.yaml").services.parley.command]);
  await until(() => {
    assert.equal(child.exitCode, null, child.log);
    return child.log.includes("server.listening");
  }, () => `it listens:\n${child.log}`);
  const first = await child.first();

  const health = inside(["sh", "-c", image.health]);
  assert.equal(await health.ended, 0, health.log);
  const status = inside([...image.ENTRYPOINT, "status"]);
  assert.equal(await status.ended, 0, status.log);
  await until(() => children_of(first).length === 0, "the phrases are spoken");
  await takes_a_call_and_drains(t, { url, child, first });
  const unhealthy = inside(["sh", "-c", image.health]);
  assert.notEqual(await unhealthy.ended, 0, "a container whose Parley has gone is not healthy");
  const kilobytes = (root) => Number(execFileSync("du", ["-sk", root], { encoding: "utf8" }).match(/^\d+/)[0]);
  console.log(`\nThe image has ${Math.round(kilobytes(image.root) / 1024)} MB, of which ${Math.round(kilobytes(root_of("base")) / 1024)} are Debian.`);
});
