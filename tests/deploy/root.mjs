// A folder as the root of a process: as in a container, the process is number 1 and sees no other, nor anything outside of it.
//
// Needs root, or user namespaces: without root the process runs as whoever runs the test, under the number of the wanted user.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { until } from "../clients/parley.mjs";

export const is_root = process.getuid() === 0;

// The folders that every Debian has.
export function make_root(root) {
  chmodSync(root, 0o755);
  for (const name of ["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "dev", "proc", "run", "tmp", "var/lib"])
    mkdirSync(join(root, name), { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  chmodSync(join(root, "tmp"), 0o1777);
}

// Whole Debians, for the checks that are made by hand: `base` in that folder, made once, and copies of it. Without a mirror
// they come from debootstrap's own.
export function debian_in([folder, ...mirror]) {
  if (!folder || !is_root) throw new Error("to be run as root, with a folder for the roots and perhaps a Debian mirror");
  const root_of = (name) => resolve(folder, name);
  const copy_of_base = (name) => {
    if (!existsSync(root_of("base"))) execFileSync("debootstrap", ["--variant=minbase", "bookworm", root_of("base"), ...mirror], { stdio: "inherit" });
    rmSync(root_of(name), { recursive: true, force: true });
    execFileSync("cp", ["-a", "--reflink=auto", root_of("base"), root_of(name)]);
    return root_of(name);
  };
  return { root_of, copy_of_base };
}

// A file or folder of this machine, at the same place.
export function add(root, path) {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  cpSync(path, join(root, path), { recursive: true, dereference: true });
}

// The libraries that a program of this machine is linked with.
export function libraries_of(program) {
  return execFileSync("ldd", [program], { encoding: "utf8" }).match(/\/\S+/g).filter((path) => path.includes(".so"));
}

export const give_to = (user, path) => is_root && chownSync(path, user.uid, user.gid);

// The user of that name in the root's /etc/passwd.
export function user_of(root, name) {
  const line = readFileSync(join(root, "etc/passwd"), "utf8").split("\n").find((each) => each.startsWith(`${name}:`));
  const [uid, gid] = line.split(":").slice(2, 4).map(Number);
  return { uid, gid };
}

// Starts a program in the root; `child.first()` is its number seen from outside. It ends with the test. With `writable`, nothing but
// that folder and /tmp can be written to.
export function run_in(t, root, { command, cwd = "/", env = {}, user = { uid: 0, gid: 0 }, writable, stdio = ["ignore", "pipe", "pipe"] }) {
  const variables = Object.entries({ PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", ...env }).map(([name, value]) => `${name}=${value}`);
  // In a chroot there may be no mount at / that could be made private; then nothing outside hears of its mounts anyway.
  const prepare = ["mount --make-rprivate / 2> /dev/null || true", 'mount --bind "$root" "$root"', 'mount --rbind /dev "$root/dev"', 'mount -t proc proc "$root/proc"'];
  if (writable !== undefined)
    prepare.push('mount -t tmpfs tmpfs "$root/tmp"', 'mount --bind "$root$writable" "$root$writable"', 'mount -o remount,bind,ro "$root"');
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "unchanged"];
  const as_user = is_root ? ["--setgid", user.gid, "--setuid", user.uid] : ["--user", `--map-user=${user.uid}`, `--map-group=${user.gid}`];
  const words = [...(is_root ? [] : ["--user", "--map-root-user"]), ...namespaces, "--", "sh", "-ec", [...prepare, 'exec "$@"'].join("\n"), "sh",
    "env", "-i", ...variables, "unshare", `--root=${root}`, `--wd=${cwd}`, ...as_user, "--", ...command].map(String);
  const child = spawn("unshare", words, { stdio, env: { ...process.env, root, writable: writable ?? "" } });
  child.log = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (child.log += text));
  // When it has ended and all that it has said is in `log`.
  child.ended = new Promise((done) => child.once("close", (code, signal) => done(code ?? signal)));
  child.first = () => until(() => children_of(child.pid)[0], "it has started");
  t.after(async () => {
    // A change of user has taken away its tie to the parent.
    if (child.exitCode === null && child.signalCode === null) children_of(child.pid).forEach((pid) => process.kill(pid, "SIGKILL"));
    child.kill("SIGKILL");
    await child.ended;
  });
  return child;
}

export function children_of(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return (readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").match(/\d+/g) ?? []).map(Number);
    } catch (error) {
      if (error.code === "ENOENT" || error.code === "ESRCH") return [];  // the thread has ended meanwhile
      throw error;
    }
  });
}
