// A real redis-server for a test, with a password, which can be stopped and started again.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from './parley.mjs';

export async function startRedis(t) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-redis-'));
  const redis = { port: await freePort(), password: 'sesame' };
  redis.url = `redis://127.0.0.1:${redis.port}`;
  // What redis-cli prints, one line an element.
  redis.cli = (...words) => execFileSync('redis-cli', ['-p', String(redis.port), '-a', redis.password, '--no-auth-warning', ...words], { encoding: 'utf8' }).trimEnd().split('\n').filter((line) => line);
  redis.start = async () => {
    redis.child = spawn('redis-server', ['--port', String(redis.port), '--bind', '127.0.0.1', '--dir', folder, '--requirepass', redis.password, '--save', '3600 1000'], { stdio: 'ignore' });
    redis.child.ended = new Promise((done) => redis.child.once('exit', done).once('error', done));
    await until(() => { try { return redis.cli('PING')[0] === 'PONG'; } catch { return false; } }, 'redis-server listens');
  };
  redis.stop = async () => {
    redis.cli('SAVE');
    redis.child.kill('SIGTERM');
    await redis.child.ended;
  };
  t.after(async () => {
    redis.child.kill('SIGKILL');
    await redis.child.ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await redis.start();
  return redis;
}
