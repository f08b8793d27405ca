// The systemd unit under a systemd that runs: booted in a namespace, in a Debian root made by debootstrap, installed as
// examples/deploy/README.md says.
//
//   ./dev build && sudo node tests/deploy/booted.mjs FOLDER [MIRROR]
//
// By hand, for it downloads. Needs a kernel with cgroup2. FOLDER keeps the roots, as for image.mjs.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { authToken, bin, freePort, tree, until } from "../clients/parley.mjs";
import { caller_in_mid_call, start_model } from "./call.mjs";
import { folder as deploy, text_of, variables_in } from "./files.mjs";
import { children_of, debian_in, run_in } from "./root.mjs";

const { copy_of_base } = debian_in(process.argv.slice(2));
const root = copy_of_base("machine");
const port = await freePort();
const model = await start_model({ after });
const url = `http://127.0.0.1:${port}`;
const cgroup = join(readFileSync("/proc/mounts", "utf8").match(/^\S+ (\S+) cgroup2 /m)[1], `parley-booted-${process.pid}`);
let machine;

async function install() {
  const packages = execFileSync("./dev", ["packages", "run"], { cwd: tree, encoding: "utf8" }).split("\n").filter((name) => name);
  const command = `apt-get update -q && apt-get install -y -q --no-install-recommends systemd ${packages.join(" ")}`;
  const apt = run_in({ after }, root, { command: ["sh", "-c", command], env: { HOME: "/root", DEBIAN_FRONTEND: "noninteractive" } });
  assert.equal(await apt.ended, 0, apt.log);
  execFileSync("cmake", ["--install", dirname(bin), "--prefix", join(root, "usr/local")]);
  const put = (from, to) => cpSync(join(deploy, from), join(root, to), { recursive: true });
  put("etc/parley.yaml", "etc/parley/parley.yaml");
  put("systemd/parley.sysusers", "etc/sysusers.d/parley.conf");
  put("systemd/parley.service", "etc/systemd/system/parley.service");
  const variables = { ...variables_in(text_of("etc/parley.env.example")), PUBLIC_URL: url, PORT: port, HOST: "127.0.0.1",
    TWILIO_ACCOUNT_SID: "", TWILIO_AUTH_TOKEN: authToken, OPENAI_BASE_URL: model.url };
  writeFileSync(join(root, "etc/parley/parley.env"), Object.entries(variables).map((pair) => `${pair.join("=")}\n`).join(""));
  chmodSync(join(root, "etc/parley/parley.env"), 0o600);
}

// Everything of the machine's own but the network: that is how the test reaches it.
function boot() {
  mkdirSync(cgroup);
  const prepare = `
    echo $$ > ${cgroup}/cgroup.procs
    exec unshare --cgroup sh -ec '
      mount --bind "$root" "$root"
      mount -t proc proc "$root/proc"
      mount -t sysfs -o ro sysfs "$root/sys"
      mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
      mount --rbind /dev "$root/dev"
      mount -t tmpfs tmpfs "$root/run"
      cd "$root"; pivot_root . mnt; cd /; umount -l /mnt
      exec env -i container=other /lib/systemd/systemd --unit=multi-user.target'`;
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private", "--uts", "--ipc"];
  machine = spawn("unshare", [...namespaces, "sh", "-ec", prepare], { stdio: "ignore", env: { ...process.env, root } });
}

const entered = (command) => ["-t", String(children_of(machine.pid)[0]), "-a", "env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", ...command];
const inside = (...command) => spawnSync("nsenter", entered(command), { encoding: "utf8" });
const systemctl = (...words) => inside("systemctl", ...words);
const shown = (property) => systemctl("show", "--value", "-p", property, "parley").stdout.trim();
const is_active = () => until(() => shown("ActiveState") === "active", () => systemctl("status", "parley").stdout);
const journal = () => inside("journalctl", "-u", "parley", "--no-pager").stdout;
const settings = (text) => writeFileSync(join(root, "etc/parley/parley.yaml"), text);

before(async () => {
  await install();
  boot();
  await until(() => /running|degraded/.test(systemctl("is-system-running").stdout), "systemd has booted");
});
after(async () => {
  children_of(machine.pid).forEach((pid) => process.kill(pid, "SIGKILL"));
  await new Promise((done) => machine.once("exit", done));
  execFileSync("find", [cgroup, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
});

test("it starts as the unit says, and says how it is", async () => {
  assert.equal(systemctl("start", "parley").status, 0, journal());
  assert.equal(shown("ActiveState"), "active");
  await until(() => shown("StatusText") === "0 calls, generation 1", "it has told its state");
  assert.equal(inside("stat", "-c", "%U", `/proc/${shown("MainPID")}`).stdout.trim(), "parley");
});

test("a stop waits for the call to end", async (t) => {
  const call = await caller_in_mid_call(t, url);
  const stopped = spawn("nsenter", entered(["systemctl", "stop", "parley"]), { stdio: "ignore" });
  await until(() => shown("StatusText").startsWith("draining, 1 call"), () => shown("StatusText"));
  assert.equal(shown("ActiveState"), "deactivating");
  assert.equal(await call.ended, 0, call.log);
  await new Promise((done) => stopped.once("exit", done));
  assert.equal(shown("Result"), "success");
  assert.equal(systemctl("start", "parley").status, 0);
});

test("a reload takes the files over, or fails with what is wrong", async () => {
  settings(text_of("etc/parley.yaml").replace("Riverside Medical", "Hillside Medical"));
  assert.equal(systemctl("reload", "parley").status, 0, journal());
  assert.match(inside("sh", "-c", "cd /var/lib/parley && parley status").stdout, /Generation 2 serves/);
  settings("agents: {sarah: {skript: sarah}}\n");
  assert.notEqual(systemctl("reload", "parley").status, 0);
  assert.match(journal(), /skript/);
  assert.equal(shown("ActiveState"), "active", "it serves on");
  settings(text_of("etc/parley.yaml"));
});

test("it is started anew after a crash, and when it hangs", async () => {
  inside("mkdir", "-p", "/run/systemd/system/parley.service.d");
  inside("sh", "-c", "printf '[Service]\\nWatchdogSec=2\\n' > /run/systemd/system/parley.service.d/impatient.conf");
  systemctl("daemon-reload");
  systemctl("restart", "parley");
  const before = Number(shown("NRestarts"));
  for (const [times, signal] of [[1, "SEGV"], [2, "STOP"]]) {
    systemctl("kill", "--kill-whom=main", `--signal=${signal}`, "parley");
    await until(() => Number(shown("NRestarts")) === before + times, () => systemctl("status", "parley").stdout, 60_000);
    await is_active();
  }
  assert.match(journal(), /[Ww]atchdog timeout/);
});

test("it is not started anew with settings that are wrong", async () => {
  settings("agents: {sarah: {skript: sarah}}\n");
  assert.notEqual(systemctl("restart", "parley").status, 0);
  await until(() => shown("ActiveState") === "failed", () => systemctl("status", "parley").stdout);
  assert.equal(shown("ExecMainStatus"), "2");
});
