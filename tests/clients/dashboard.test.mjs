// The dashboard in Chromium during a live call: a real `parley serve` with the shipped settings, between the simulated
// model and a simulated caller. Log in, follow the call turn by turn, see an interruption, tools and a booking, end the
// call, find it in the history, read what was said, play its recording. Pictures are left in build/dashboard/.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { isAccessible, openTab, picture, startBrowser } from './page/browser.mjs';
import { authToken, bin, publicUrl, startParley, startSimulatedModel, tree, until } from './parley.mjs';

// The demo's pair, but the agent does not hang up: that is for the operator.
const modelScript = readFileSync(join(tree, 'examples/demo/model.yaml'), 'utf8')
  .replace(/Your confirmation number is\s+\{digits: result\.confirmation_number\}\. Goodbye, and have a nice day\.\n\s+calls: \[end_call\]/, 'Can I do anything else for you?');
const callerScript = `
voice: en-gb+m3
words_per_minute: 175
time_limit_s: 150
steps:
  - wait_for_agent: {silent_for_ms: 700, within_s: 20}
  - say: "Hello, I would like to see the doctor on {weekday: open_weekday}, please."
  - wait_for_agent: {silent_for_ms: 100, within_s: 20}
  - interrupt_after_ms: 4000
    say: "Ten o'clock, please."
  - wait_for_agent: {silent_for_ms: 600, within_s: 20}
  - say: "Maria Lopez. M, A, R, I, A. L, O, P, E, Z."
  - wait_for_hang_up: {within_s: 100}
expect: {ended_by: agent, clears_min: 1}
`;

function startCall(t, parley) {
  const file = join(dirname(parley.database), 'caller.yaml');
  writeFileSync(file, callerScript);
  const abort = new AbortController();
  t.after(() => abort.abort());
  const over = promisify(execFile)(join(bin, 'parley-sim'), ['call', '--webhook', `${publicUrl}/voice`, '--connect-to', parley.url, '--auth-token', authToken,
    '--from', '+15550100001', '--to', '+15550100002', '--script', file], { cwd: tree, signal: abort.signal, killSignal: 'SIGKILL' });
  over.catch(() => {});  // looked at where it is awaited
  return over;
}

function newToken(parley, name, role) {
  return execFileSync(join(bin, 'parley'), ['token', 'new', name, '--role', role, '--database', parley.database], { cwd: tree, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

test('the whole story of a call, as an operator sees it', async (t) => {
  assert.match(modelScript, /anything else/, 'the demo is as this test knows it');
  const model = await startSimulatedModel(t, modelScript);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url }, 'calls: {record: events}\n');
  const token = newToken(parley, 'maria', 'operator');
  const browser = await startBrowser(t);
  const tab = await openTab(browser);
  t.after(() => assert.deepEqual(tab.complaints, [], 'the console is free of errors, also of the content security policy'));
  const live = tab.locator('#live-detail');

  await t.test('logs in', async () => {
    await tab.goto(`${parley.url}/dashboard`);
    await tab.waitForURL(/\/login/);
    await tab.getByLabel('Access token').fill('not a token');
    await tab.getByRole('button', { name: 'Log in' }).click();
    await tab.getByText('This token is not known').waitFor();
    await picture(tab, 'story-1-login');
    await tab.getByLabel('Access token').fill(token);
    await tab.getByRole('button', { name: 'Log in' }).click();
    await tab.waitForURL(/\/dashboard/);
    await tab.getByText('maria').waitFor();
    await tab.getByText('Nobody is calling.').waitFor();
    await isAccessible(tab, 'before the first call');
  });

  const over = startCall(t, parley);

  await t.test('follows the call turn by turn', async () => {
    await live.getByRole('heading', { name: '+15550100001' }).waitFor();
    await live.locator('.pill', { hasText: /Speaking|Listening/ }).waitFor();
    await live.locator('.said[data-who="agent"]', { hasText: /Riverside/ }).waitFor();
    await picture(tab, 'story-2-greeting');
    await live.locator('.said[data-who="caller"]', { hasText: 'see the doctor' }).waitFor();
    await live.locator('.tool-run[data-how="done"]', { hasText: 'check_slots' }).waitFor();
  });

  await t.test('sees the interruption, and what was not heard', async () => {
    const cut = live.locator('.said:has(.cut:not([hidden]))');
    await cut.waitFor();
    assert.match(await cut.locator('.heard').textContent(), /^On /);
    assert.match(await cut.locator('.unheard').textContent(), /another day for you/);
    await picture(tab, 'story-3-interruption');
  });

  let confirmation;
  await t.test('sees the tool and its booking', async () => {
    const booking = live.locator('.tool-run[data-how="done"]', { hasText: 'book_appointment' });
    await booking.waitFor();
    await booking.locator('summary').click();
    confirmation = (await booking.locator('pre').last().textContent()).match(/APT-[\w-]+/)[0];
    assert.match(await booking.locator('pre').first().textContent(), /Maria Lopez/);
    await live.getByText('Time to answer').waitFor();
    assert.ok(await live.locator('.bars li').count() >= 2, 'answers are measured');
    await picture(tab, 'story-4-booking');
    await isAccessible(tab, 'during the call');
    await tab.getByRole('link', { name: 'Bookings' }).click();
    await tab.locator('#bookings tr', { hasText: confirmation }).getByText('Maria Lopez').waitFor();
    await picture(tab, 'story-5-bookings');
    await tab.getByRole('link', { name: 'Live', exact: true }).click();
  });

  await t.test('ends the call', async () => {
    await live.locator('.said[data-who="agent"]', { hasText: 'anything else' }).waitFor();
    await live.getByRole('button', { name: 'End call' }).click();
    await picture(tab, 'story-6-end');
    await tab.getByRole('button', { name: 'End the call' }).click();
    const [{ stdout }] = await Promise.all([over, tab.getByText('Nobody is calling.').waitFor()]);
    assert.doesNotMatch(stdout, /violation/i);
    await live.locator('.call-now .outcome:not([hidden])').waitFor();
    await live.locator('.said[data-who="agent"]', { hasText: 'I have to end this call now' }).waitFor();
  });

  await t.test('finds it in the history, by a word that was said, and reads it', async () => {
    await tab.getByRole('link', { name: 'History' }).click();
    await tab.getByLabel('Search calls').fill('no such word');
    await tab.getByText('No call matches.').waitFor();
    await tab.getByLabel('Search calls').fill('lopez');
    await tab.locator('#past-list .call').click();
    const read = tab.locator('#history-detail');
    await read.locator('.said[data-who="caller"]', { hasText: 'Maria Lopez' }).waitFor();
    await read.locator('.facts dd', { hasText: confirmation }).waitFor();
    assert.match(await read.locator('.facts div', { hasText: 'Cost' }).locator('dd').textContent(), /^\$\d/);
  });

  await t.test('plays its recording', async () => {
    const audio = tab.locator('#history-detail audio');
    await audio.waitFor();
    await until(() => audio.evaluate((node) => node.readyState >= 1), 'the recording can be played');
    assert.ok(await audio.evaluate((node) => node.duration) > 15, 'all of the call is there');
    await audio.evaluate((node) => { node.muted = true; return node.play(); });
    await until(() => audio.evaluate((node) => node.currentTime > 0.3), 'it plays');
    // To the middle, which only a part of the file is fetched for.
    await audio.evaluate((node) => { node.currentTime = node.duration / 2; });
    await until(() => audio.evaluate((node) => !node.seeking && node.currentTime > node.duration / 2), 'it plays from there');
    assert.equal(await audio.evaluate((node) => node.error), null);
    await picture(tab, 'story-7-history');
    await isAccessible(tab, 'in the history');

    const url = new URL(await audio.getAttribute('src'), parley.url);
    const ask = (headers) => fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers } });
    const whole = await ask({});
    assert.equal(whole.headers.get('content-type'), 'audio/wav');
    const bytes = Buffer.from(await whole.arrayBuffer());
    assert.equal(bytes.subarray(0, 4).toString(), 'RIFF');
    const part = await ask({ range: 'bytes=44-143' });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes 44-143/${bytes.length}`);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(44, 144));
    assert.equal((await ask({ range: `bytes=${bytes.length}-` })).status, 416);
    assert.equal((await fetch(url)).status, 401);
    // Both voices are in it: the caller left, the agent right.
    const loudest = [0, 2].map((offset) => {
      let most = 0;
      for (let at = 44 + offset; at + 1 < bytes.length; at += 4) most = Math.max(most, Math.abs(bytes.readInt16LE(at)));
      return most;
    });
    assert.ok(loudest.every((most) => most > 2000), `both are heard: ${loudest}`);
  });

  await t.test('logs out, and sees nothing any more', async () => {
    await tab.getByRole('button', { name: 'Log out' }).click();
    await tab.waitForURL(/\/login/);
    await tab.goto(`${parley.url}/dashboard`);
    await tab.waitForURL(/\/login/);
  });
});
