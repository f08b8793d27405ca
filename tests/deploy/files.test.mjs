// The files of examples/deploy agree with each other, with the schema and with what the program does when it is stopped.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bin, tree } from "../clients/parley.mjs";
import { copy_of, read_dockerfile, stages_of } from "./dockerfile.mjs";
import { drain_limit_s, environment_names, folder, goodbyes_s, text_of, variables_in, yaml, yaml_of } from "./files.mjs";
import { read_unit } from "./unit.mjs";

const stop_takes_s = drain_limit_s + goodbyes_s;
const seconds = (text) => Number(String(text).match(/^(\d+)s?$/)[1]);
const template_variables = variables_in(text_of("etc/parley.env.example"));
const unit = read_unit(join(folder, "systemd/parley.service"));
const compose = yaml_of("compose.yaml");
const image = read_dockerfile(join(folder, "Dockerfile"));
const kubernetes = Object.fromEntries(readdirSync(join(folder, "kubernetes")).map((name) => [name, yaml_of(`kubernetes/${name}`)]));
const pod = kubernetes["deployment.yaml"].spec.template.spec;
const container = pod.containers[0];

// Whether `parley serve` would start with these settings, and what it says of them.
function check_settings(text) {
  const own = mkdtempSync(join(tmpdir(), "parley-deploy-"));
  try {
    const file = join(own, "parley.yaml");
    writeFileSync(file, text);
    const env = { PATH: process.env.PATH, HOME: own, ...template_variables };
    const { status, stdout, stderr } = spawnSync(join(bin, "parley"), ["--overlay", file, "check"], { cwd: tree, env, encoding: "utf8" });
    return { is_right: status === 0, words: stdout + stderr };
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

// The files that arguments of parley name.
const files_named = (words) => words.filter((word) => word.startsWith("/"));

test("every variable is one that Parley knows", () => {
  const of_secret = Object.keys(kubernetes["secret.yaml"].stringData);
  const named = [...Object.keys(template_variables), ...Object.keys(compose.services.parley.environment), ...of_secret,
    ...(container.env ?? []).map(({ name }) => name), ...Array.from(text_of("Dockerfile").matchAll(/\$\{(\w+)/g), ([, name]) => name)];
  for (const name of named) assert.ok(environment_names.has(name), `${name} is no variable of Parley's`);
  assert.deepEqual(of_secret.sort(), Object.keys(template_variables).sort(), "the secret has what the file of variables has");
});

test("the settings are right, and the same everywhere", () => {
  const settings = text_of("etc/parley.yaml");
  const { is_right, words } = check_settings(settings);
  assert.ok(is_right, words);
  assert.equal(kubernetes["configmap.yaml"].data["parley.yaml"], settings);
});

test("settings that are wrong would be noticed", () => {
  const { is_right, words } = check_settings("server: {prt: 3000}\n");
  assert.ok(!is_right);
  assert.match(words, /prt/);
});

test("whoever stops it waits until calls have ended", () => {
  assert.ok(seconds(unit.one("Service.TimeoutStopSec")) > stop_takes_s);
  assert.ok(seconds(compose.services.parley.stop_grace_period) > stop_takes_s);
  const pre_stop_s = Number(container.lifecycle.preStop.exec.command[1]);
  assert.ok(pod.terminationGracePeriodSeconds > pre_stop_s + stop_takes_s);
  const advice = text_of("Dockerfile").match(/--stop-timeout (\d+)/);
  assert.ok(Number(advice[1]) > stop_takes_s);
  assert.equal(unit.one("Service.KillSignal"), "SIGTERM");
  assert.deepEqual(image.at(-1).steps.filter(({ instruction }) => instruction === "STOPSIGNAL").map(({ text }) => text), ["SIGTERM"]);
});

test("settings and data lie in the same places everywhere", () => {
  const settings = "/etc/parley";
  const data = "/var/lib/parley";
  assert.equal(unit.one("Service.WorkingDirectory"), data);
  assert.equal(unit.one("Service.StateDirectory"), "parley", "systemd puts it below /var/lib");
  const words = unit.one("Service.ExecStart").split(" ");
  assert.deepEqual(files_named(words.slice(1)), [`${settings}/parley.yaml`]);
  assert.ok(unit.one("Service.EnvironmentFile").startsWith(`${settings}/`));

  const steps = image.at(-1).steps;
  assert.equal(steps.find(({ instruction }) => instruction === "WORKDIR").text, data);
  assert.equal(steps.find(({ instruction }) => instruction === "VOLUME").text, data);

  const mounts = Object.fromEntries(compose.services.parley.volumes.map((each) => each.split(":").slice(0, 2).reverse()));
  assert.equal(mounts[data], "data");
  assert.deepEqual(files_named(compose.services.parley.command), [`${settings}/parley.yaml`]);
  assert.ok(existsSync(join(folder, mounts[settings], "parley.yaml")));

  const mounted = new Map(container.volumeMounts.map(({ mountPath, name }) => [mountPath, pod.volumes.find((each) => each.name === name)]));
  assert.equal(mounted.get(data).persistentVolumeClaim.claimName, kubernetes["volume.yaml"].metadata.name);
  assert.equal(mounted.get(settings).configMap.name, kubernetes["configmap.yaml"].metadata.name);
  assert.deepEqual(files_named(container.args), [`${settings}/parley.yaml`]);
});

test("what compose names is there", () => {
  for (const [name, service] of Object.entries(compose.services)) {
    for (const volume of service.volumes) {
      const source = volume.split(":")[0];
      assert.ok(source.startsWith(".") ? existsSync(join(folder, source)) : source in compose.volumes, `${name}: ${source}`);
    }
    assert.ok(service.healthcheck.test[0] === "CMD", `${name} has a health check`);
    for (const needed of service.depends_on ?? []) assert.ok(needed in compose.services);
  }
  const { context, dockerfile } = compose.services.parley.build;
  assert.ok(existsSync(join(folder, context, dockerfile)), "relative to the context, as compose reads it");
  assert.equal(`${compose.services.parley.env_file}.example`, "etc/parley.env.example");
  assert.ok(compose.services.parley.ports.every((port) => port.startsWith("127.0.0.1:")), "only the proxy reaches it");
});

test("the pod is asked for its health where Parley answers", () => {
  const ports = new Set(container.ports.map(({ name }) => name));
  for (const [probe, path] of [["startupProbe", "/health"], ["readinessProbe", "/ready"], ["livenessProbe", "/health"]]) {
    assert.equal(container[probe].httpGet.path, path);
    assert.ok(ports.has(container[probe].httpGet.port));
  }
  const service = kubernetes["service.yaml"].spec;
  assert.ok(service.ports.every(({ targetPort }) => ports.has(targetPort)));
  const { labels } = kubernetes["deployment.yaml"].spec.template.metadata;
  for (const selector of [service.selector, kubernetes["deployment.yaml"].spec.selector.matchLabels])
    assert.deepEqual(selector, labels);
  assert.equal(container.envFrom[0].secretRef.name, kubernetes["secret.yaml"].metadata.name);
});

test("never do two pods have the same database", () => {
  const { replicas, strategy } = kubernetes["deployment.yaml"].spec;
  assert.equal(replicas, 1);
  assert.equal(strategy.type, "Recreate");
});

test("an apply of the folder takes all of it but the template of secrets", () => {
  const { resources } = kubernetes["kustomization.yaml"];
  const others = Object.keys(kubernetes).filter((name) => !["kustomization.yaml", "secret.yaml"].includes(name));
  assert.deepEqual([...resources].sort(), others.sort());
});

test("nothing runs as root, nor may become it", () => {
  const user = image.at(-1).steps.filter(({ instruction }) => instruction === "USER").at(-1);
  assert.equal(user.text, `${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`);
  assert.ok(image.at(-1).steps.some(({ text }) => text.includes(`useradd --uid ${pod.securityContext.runAsUser} `)));
  assert.ok(pod.securityContext.runAsNonRoot);
  assert.equal(container.securityContext.allowPrivilegeEscalation, false);
  assert.deepEqual(container.securityContext.capabilities.drop, ["ALL"]);
  assert.deepEqual(compose.services.parley.cap_drop, ["ALL"]);
  assert.match(text_of("systemd/parley.sysusers"), new RegExp(`^u ${unit.one("Service.User")} `, "m"));
});

test("the image is built of files that are there, and sees no others", () => {
  const sent = text_of("Dockerfile.dockerignore").split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  const copied = image.flatMap(({ steps }) => steps).filter(({ instruction }) => instruction === "COPY").map(copy_of);
  const from_tree = copied.filter(({ stage }) => stage === undefined).flatMap(({ sources }) => sources);
  for (const source of from_tree) assert.ok(existsSync(join(tree, source)), source);
  assert.deepEqual([...from_tree].sort(), [...sent].sort());
  for (const { stage } of copied) assert.ok(stage === undefined || image.some(({ name }) => name === stage), stage);
  assert.match(image.at(-1).steps.find(({ instruction }) => instruction === "HEALTHCHECK").text, /\/health"?$/);
});

test("a Dockerfile that says more than we understand is not passed over", () => {
  assert.throws(() => stages_of("FROM debian\nADD https://example.com/x /\n"), /not understood: ADD/);
});

test("YAML is read strictly", () => {
  assert.throws(() => yaml.parse("a: 1\na: 2\n", { uniqueKeys: true, strict: true }));
});
