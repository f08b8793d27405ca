// A `parley serve` of its own for a test: free port, own folder, stopped with the test.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const tree = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const bin = process.env.PARLEY_BIN ?? join(tree, 'build/bin');

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

export async function until(condition, what, limitMs = 20_000) {
  const end = Date.now() + limitMs;
  while (Date.now() < end) {
    const found = await condition();
    if (found) return found;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`never happened: ${what}`);
}

function start(program, args, env) {
  const child = spawn(join(bin, program), args, { cwd: tree, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } });
  child.log = '';
  child.stdout.on('data', (text) => (child.log += text));
  child.stderr.on('data', (text) => (child.log += text));
  return child;
}

export async function startParley(t, env) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'));
  const port = await freePort();
  const child = start('parley', ['serve'], { PORT: String(port), HOST: '127.0.0.1', DATABASE_PATH: join(folder, 'parley.db'), ...env });
  t.after(async () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`parley ended:\n${child.log}`);
    return fetch(`http://127.0.0.1:${port}/health`).then((r) => r.ok, () => false);
  }, 'parley listens');
  return { port, child, folder, url: `http://127.0.0.1:${port}` };
}

export async function startModel(t, args) {
  const port = await freePort();
  const child = start('parley-sim', ['openai', '--port', String(port), ...args], {});
  t.after(() => child.kill('SIGKILL'));
  await until(() => {
    if (child.exitCode !== null) throw new Error(`parley-sim ended:\n${child.log}`);
    return fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false);
  }, 'the model listens');
  return { port, child, url: `http://127.0.0.1:${port}/v1` };
}
