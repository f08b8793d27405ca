// A `parley serve` or `parley-sim openai` of its own for a test: free port, own folder, ended with the test.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const tree = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const bin = process.env.PARLEY_BIN ?? join(tree, 'build/bin');
export const authToken = '12345678901234567890123456789012';
export const publicUrl = 'https://voice.example.com';

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export async function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// What `condition` returns once that is not falsy. The limit is generous: it only ends a test that has failed.
export async function until(condition, what, limitMs = 40_000) {
  const end = Date.now() + limitMs;
  while (true) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never happened: ${typeof what === 'function' ? what() : what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

// Server-sent events in the body of an answer, until it ends or the reader is done with it.
export async function* eventsOf(body) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of body) {
    text += decoder.decode(piece, { stream: true });
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const fields = Object.fromEntries(text.slice(0, end).split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
      if (fields.data !== undefined) yield { name: fields.event ?? '', id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}

// Only what is given is in the environment: the one of whoever runs the tests must not matter.
function start(t, program, args, env, folder) {
  const child = spawn(join(bin, program), args, { cwd: tree, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } });
  children.add(child);
  child.log = '';
  child.stdout.on('data', (text) => (child.log += text));
  child.stderr.on('data', (text) => (child.log += text));
  // When it has ended and all that it has said is in `log`.
  child.ended = new Promise((done) => child.once('close', done).once('error', (error) => { child.log += error; done(); }));
  t.after(async () => {
    child.kill('SIGKILL');
    await child.ended;
    children.delete(child);
    rmSync(folder, { recursive: true, force: true });
  });
  return child;
}

// The port that the program has chosen, when it listens there: one that is found free beforehand may be taken by then.
export async function portOf(child, line) {
  return Number(await until(() => {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${child.spawnfile} ended:\n${child.log}`);
    return child.log.match(line)?.[1];
  }, () => `${child.spawnfile} listens; it says\n${child.log}`));
}
export const parleyListens = /server\.listening .*\bport=(\d+) /;

// `overlay`: settings beside the shipped ones, as YAML. `config`: another file in place of the shipped one.
export async function startParley(t, env, overlay, config) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'));
  const database = env?.DATABASE_PATH ?? join(folder, 'parley.db');
  const args = config ? ['serve', '-c', config] : ['serve'];
  if (overlay) {
    const file = join(folder, 'overlay.yaml');
    writeFileSync(file, overlay);
    args.unshift('--overlay', file);
  }
  const child = start(t, 'parley', args, {
    PORT: '0', HOST: '127.0.0.1', PUBLIC_URL: publicUrl, TWILIO_AUTH_TOKEN: authToken, OPENAI_API_KEY: 'sk-test',
    DATABASE_PATH: database, ...env,
  }, folder);
  const port = await portOf(child, parleyListens);
  const url = `http://127.0.0.1:${port}`;
  return {
    port, child, database, url,
    health: async () => (await fetch(`${url}/health`)).json(),
    // What the command line tells of the calls: independent of the process that serves them.
    ask: (...command) => JSON.parse(execFileSync(join(bin, 'parley'), [...command, '--json', '--database', database], { cwd: tree, encoding: 'utf8' })),
    query: (sql) => JSON.parse(execFileSync('sqlite3', ['-readonly', '-json', '-cmd', '.timeout 10000', database, sql], { encoding: 'utf8' }) || '[]'),
  };
}

export async function startSimulatedModel(t, script, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-sim-test-'));
  const file = join(folder, 'model.yaml');
  writeFileSync(file, script);
  const child = start(t, 'parley-sim', ['openai', '--port', '0', '--script', file, ...args], {}, folder);
  const port = await portOf(child, /OPENAI_BASE_URL=http:\/\/[\w.]+:(\d+)\//);
  return { port, child, url: `http://127.0.0.1:${port}/v1` };
}

// `callees`: the account's numbers and who answers, as YAML.
export async function startSimulatedTwilio(t, callees, args = [], wantedPort = 0) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-sim-test-'));
  const file = join(folder, 'callees.yaml');
  writeFileSync(file, callees);
  const child = start(t, 'parley-sim', ['twilio', '--port', String(wantedPort), '--auth-token', authToken, '--callees', file, ...args], {}, folder);
  const port = await portOf(child, /TWILIO_BASE_URL=http:\/\/[\w.]+:(\d+)\n/);
  return { port, child, url: `http://127.0.0.1:${port}` };
}
