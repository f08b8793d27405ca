// The dashboard's page in Chromium, against literal data: every view in light, dark and on a phone, by keyboard, with
// hostile text, and with a stream that breaks. Pictures of each are left in build/dashboard/.
import assert from 'node:assert/strict';
import test, { before, after, describe } from 'node:test';
import { until } from '../parley.mjs';
import { isAccessible, openTab, overflowOf, picture, startBrowser } from './browser.mjs';
import { detailOfLive, liveCall, startPretendServer } from './pretend_server.mjs';

const views = ['live', 'history', 'bookings', 'latency', 'scripts'];
const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let browser;

before(async () => { browser = await startBrowser(suite); });
after(async () => { for (const stop of suite.stops.reverse()) await stop(); });

async function open(t, { scenario, role, hash = '', ...options } = {}) {
  const server = await startPretendServer({ scenario, role });
  t.after(() => server.stop());
  const tab = await openTab(browser, options);
  t.after(() => tab.context().close());
  await tab.goto(`${server.url}/dashboard${hash}`);
  await tab.waitForFunction(() => document.getElementById('link').dataset.is === 'live');
  // All that is fetched at the start is there.
  await tab.waitForFunction((isEmpty) => isEmpty || document.getElementById('view-live').hidden
    || [...document.querySelectorAll('#cards .figure')].every(({ textContent }) => textContent !== '–'), scenario === 'empty');
  t.after(() => assert.deepEqual(tab.complaints, [], 'the console is free of errors, also of the content security policy'));
  return { server, tab };
}

for (const [name, scenario, options] of [
  ['light', 'busy', { colorScheme: 'light' }], ['dark', 'refused', { colorScheme: 'dark' }], ['phone-light', 'refused', { colorScheme: 'light', ...phone }],
  ['phone-dark', 'busy', { colorScheme: 'dark', ...phone }], ['phone-empty', 'empty', { colorScheme: 'light', ...phone }],
]) {
  test(`every view is accessible and fits: ${name}`, async (t) => {
    const { tab, server } = await open(t, { scenario, ...options });
    for (const hash of [...views, `live/${liveCall().callSid}`, 'history/CA90000000000000000000000000000000']) {
      if (scenario === 'empty' && hash.includes('/')) continue;
      await tab.evaluate((to) => { location.hash = to; }, hash);
      const [view, sid] = hash.split('/');
      await tab.waitForSelector(sid ? `#${view}-detail .call-head h2:not(:empty)` : `#view-${view}:not([hidden])`);
      if (view === 'live' && options.viewport === undefined) await tab.waitForSelector('#live-detail .said');  // one is chosen by itself
      if (view === 'history' && scenario !== 'empty' && !sid) await tab.waitForSelector('#past-list .call');
      await picture(tab, `${name}-${view}${sid ? '-call' : ''}`);
      assert.equal(await overflowOf(tab), 0, `${hash} is not wider than the window`);
      await isAccessible(tab, `in ${hash}`);
    }
    assert.equal(server.asked.length, 0, 'looking changes nothing');
  });
}

test('the login page is accessible and says why a login failed', async (t) => {
  const server = await startPretendServer();
  t.after(() => server.stop());
  for (const [name, options] of [['light', {}], ['phone-dark', { colorScheme: 'dark', ...phone }]]) {
    const tab = await openTab(browser, options);
    t.after(() => tab.context().close());
    await tab.goto(`${server.url}/login?error=wrong&next=%2Fdashboard%23history`);
    await tab.waitForSelector('#problem:not([hidden])');
    assert.match(await tab.textContent('#problem'), /not known/);
    assert.equal(await tab.inputValue('#next'), '/dashboard#history');
    await isAccessible(tab, 'on the login page');
    assert.equal(await overflowOf(tab), 0);
    await picture(tab, `login-${name}`);
    assert.deepEqual(tab.complaints, []);
  }
});

describe('a call', () => {
  test('is followed turn by turn', async (t) => {
    const { tab, server } = await open(t);
    const { callSid } = liveCall();
    await tab.waitForSelector('#live-detail .said');
    server.send('turn', { callSid, entry: { id: 'new', timestamp: new Date().toISOString(), role: 'user', content: 'And what does it cost?' } });
    server.send('state', { callSid, state: 'running_tool', tool: 'find_price' });
    server.send('tool', { callSid, tool: { ...detailOfLive().tools[1], result: '{"success":true,"confirmation_number":"APT-12345"}', ok: true, durationMs: 18 } });
    await tab.getByText('And what does it cost?').waitFor();
    await tab.locator('#live-detail .call-now').getByText('Running find_price').waitFor();
    const booking = tab.locator('.tool-run', { hasText: 'book_appointment' });
    await booking.getByText('done').waitFor();
    await booking.locator('summary').click();
    await booking.getByText('APT-12345').waitFor();
    // What is open stays open, and focus where it is, when more happens.
    server.send('turn', { callSid, entry: { id: 'newer', timestamp: new Date().toISOString(), role: 'assistant', content: 'Nothing at all.' } });
    await tab.getByText('Nothing at all.').waitFor();
    assert.equal(await booking.locator('details').getAttribute('open'), '');
    assert.equal(await tab.evaluate(() => document.activeElement.tagName), 'SUMMARY');
  });

  test('shows what was not heard apart from what was', async (t) => {
    const { tab } = await open(t);
    const cut = tab.locator('#live-detail .said:has(.cut:not([hidden]))');
    await cut.waitFor();
    assert.equal(await cut.locator('.heard').textContent(), 'On Tuesday I have nine, nine thirty, ten o’clock,');
    assert.match(await cut.locator('.unheard').textContent(), /^Not heard.*eleven o’clock/);
  });

  test('is ended after a question, with the CSRF token', async (t) => {
    const { tab, server } = await open(t);
    await tab.locator('#live-detail').getByRole('button', { name: 'End call' }).click();
    await tab.getByRole('dialog', { name: /End the call with \+15550100001/ }).waitFor();
    await isAccessible(tab, 'with the dialog open');
    await picture(tab, 'light-end-dialog');
    assert.equal(await tab.evaluate(() => document.activeElement.textContent), 'Cancel', 'Enter by accident does nothing');
    await tab.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(server.asked.length, 0);
    assert.equal(await tab.evaluate(() => document.activeElement.textContent), 'End call', 'focus is back where it was');
    await tab.locator('#live-detail').getByRole('button', { name: 'End call' }).click();
    await tab.getByLabel('What the agent says').fill('We close now. Goodbye.');
    await tab.getByRole('button', { name: 'End the call' }).click();
    await until(() => server.asked.length === 1, 'the call is ended');
    assert.deepEqual(server.asked[0], { path: `/api/calls/${liveCall().callSid}/end`, body: { say: 'We close now. Goodbye.' }, csrf: 'csrf-1' });
    const end = { ...liveCall(), endTime: new Date().toISOString(), duration: 80, outcome: 'completed', reason: 'operator', state: undefined };
    server.send('ended', { callSid: end.callSid, call: end });
    await tab.locator('#live-detail .call-now').getByText('Completed').waitFor();
    assert.equal(await tab.locator('#live-detail').getByRole('button', { name: 'End call' }).isVisible(), false);
  });

  test('says in the dialog why it could not be ended', async (t) => {
    const { tab, server } = await open(t);
    server.data.refusal = 'The call has just ended.';
    await tab.locator('#live-detail').getByRole('button', { name: 'End call' }).click();
    await tab.getByLabel('At once').check();
    await tab.getByRole('button', { name: 'End the call' }).click();
    await tab.getByText('The call has just ended.').waitFor();
    assert.deepEqual(server.asked[0].body, { at_once: true });
  });

  test('cannot be ended or taken over by a viewer', async (t) => {
    const { tab } = await open(t, { role: 'viewer' });
    await tab.waitForSelector('#live-detail .said');
    for (const name of ['End call', 'Take over']) assert.equal(await tab.getByRole('button', { name }).isVisible(), false);
  });

  test('is taken over by keyboard, and the number is remembered', async (t) => {
    const { tab, server } = await open(t);
    const { callSid } = liveCall();
    const button = tab.locator('#live-detail').getByRole('button', { name: 'Take over' });
    await button.focus();
    await tab.keyboard.press('Enter');
    await tab.getByRole('dialog', { name: /Take over the call with \+15550100001/ }).waitFor();
    await isAccessible(tab, 'with the take-over dialog open');
    await picture(tab, 'light-take-over-dialog');
    assert.equal(await tab.evaluate(() => document.activeElement.id), 'ask-to', 'the number is asked for first');
    await tab.keyboard.type('555');
    await tab.keyboard.press('Enter');
    assert.equal(server.asked.length, 0, 'what is no number is not sent');
    await tab.getByLabel('Number to connect to').fill('+1 555 010 0123');
    await tab.keyboard.press('Enter');
    await until(() => server.asked.length === 1, 'the call is taken over');
    assert.deepEqual(server.asked[0], { path: `/dashboard/api/calls/${callSid}/transfer`, body: { to: '+15550100123' }, csrf: 'csrf-1' });
    await tab.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal(await tab.evaluate(() => document.activeElement.textContent), 'Take over', 'focus is back where it was');
    server.send('state', { callSid, state: 'transferred', tool: null });
    server.send('happening', { callSid, happening: { timestamp: new Date().toISOString(), what: 'transfer_started', detail: '+15550100123' } });
    await tab.locator('#live-detail .call-now').getByText('Transferred').waitFor();
    await tab.getByText('Put through to +15550100123').waitFor();
    assert.equal(await button.isVisible(), false, 'it is under way');
    server.send('happening', { callSid, happening: { timestamp: new Date().toISOString(), what: 'transfer_ended', detail: 'no_answer' } });
    server.send('state', { callSid, state: 'speaking', tool: null });
    await tab.getByText('Nobody took the call (no answer)').waitFor();
    await button.click();
    assert.equal(await tab.getByLabel('Number to connect to').inputValue(), '+15550100123');
    await tab.keyboard.press('Escape');
    await tab.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal(server.asked.length, 1);
  });

  test('says in the dialog why it could not be taken over', async (t) => {
    const { tab, server } = await open(t);
    server.data.refusal = 'calls.transfer_to does not allow this number';
    await tab.locator('#live-detail').getByRole('button', { name: 'Take over' }).click();
    await tab.getByLabel('Number to connect to').fill('+15550109999');
    await tab.getByRole('button', { name: 'Connect' }).click();
    await tab.getByText('calls.transfer_to does not allow this number').waitFor();
    await tab.keyboard.press('Escape');
    await tab.locator('#live-detail').getByRole('button', { name: 'Take over' }).click();
    assert.equal(await tab.getByLabel('Number to connect to').inputValue(), '', 'a number that is refused is not remembered');
  });

  test('that nobody knows is said to be unknown', async (t) => {
    const { tab } = await open(t, { hash: '#history/CAdoesnotexist' });
    await tab.getByText('There is no such call.').waitFor();
  });
});

test('what callers, tools and models say is text, never HTML', async (t) => {
  const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  const { tab, server } = await open(t, { hash: '#bookings' });
  const bad = { ...liveCall(), callSid: 'CAevil', phoneNumber: evil, customerName: evil, agent: evil };
  server.data.details.set('CAevil', { ...detailOfLive(), ...bad, transcript: [{ id: 'e', timestamp: bad.startTime, role: 'user', content: evil, unheard: evil }], tools: [{ ...detailOfLive().tools[0], name: evil, arguments: evil, result: evil }], notes: [{ timestamp: bad.startTime, text: evil, fields: { [evil]: evil } }], problems: [{ timestamp: bad.startTime, what: evil, detail: evil }], summary: { [evil]: evil } });
  server.send('active_calls', [bad]);
  server.send('appointments', [{ customer_name: evil, phone_number: evil, appointment_date: evil, appointment_time: evil, confirmation_number: evil, status: evil }]);
  server.send('scripts', { ...server.data.scripts, last_failure: { at: bad.startTime, at_ms: 1, is_current: true, findings: [{ file: evil, line: 1, severity: 'error', message: evil, remedy: evil, source_line: evil }] } });
  await tab.locator('#bookings td', { hasText: '<script>' }).first().waitFor();
  for (const [hash, place] of [['live/CAevil', '#live-detail .tool-name'], ['scripts', '.finding-what']]) {
    await tab.evaluate((to) => { location.hash = to; }, hash);
    await tab.locator(place, { hasText: '<img src=x' }).waitFor();
  }
  assert.equal(await tab.evaluate(() => window.hacked), undefined);
  assert.equal(await tab.evaluate(() => document.querySelectorAll('main img, main script').length), 0);
});

test('an answer on its way does not undo what the stream tells meanwhile', async (t) => {
  const { tab, server } = await open(t);
  const path = '/dashboard/api/calls/appointments';
  let letGo;
  server.data.held = new Map([[path, new Promise((done) => { letGo = done; })]]);
  const late = tab.waitForResponse((response) => new URL(response.url()).pathname === path);
  await tab.evaluate(() => { location.hash = 'bookings'; });
  await until(() => server.waiting.has(path), 'the bookings are asked for');
  server.send('appointments', [{ ...server.data.appointments[0], customer_name: 'Newest Caller' }]);
  await tab.locator('#bookings').getByText('Newest Caller').waitFor();
  letGo();
  await (await late).finished();
  await tab.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
  assert.equal(await tab.locator('#bookings').getByText('Newest Caller').count(), 1);
});

test('a lost stream is said plainly, and when it is back all is fetched anew', async (t) => {
  const { tab, server } = await open(t, { hash: `#live/${liveCall().callSid}` });
  await tab.waitForSelector('#live-detail .said');
  server.cutStreams();
  await tab.getByText(/The connection to Parley is lost/).waitFor();
  assert.equal(await tab.textContent('#announcer'), 'Connection lost.');
  await isAccessible(tab, 'while the stream is lost');
  await picture(tab, 'light-lost');
  server.data.details.get(liveCall().callSid).transcript.push({ id: 'missed', timestamp: new Date().toISOString(), role: 'user', content: 'Said while nobody watched.' });
  // From here on the page's own attempts are not answered: it is the button that brings the stream back.
  let letGo;
  server.data.held = new Map([['/dashboard/stream', new Promise((done) => { letGo = done; })]]);
  server.data.isStreamDown = false;
  await tab.getByRole('button', { name: 'Try now' }).click();
  letGo();
  await tab.getByText('Connected again. What you see is up to date.').waitFor();
  await tab.getByText('Said while nobody watched.').waitFor();
  await tab.locator('#banner').waitFor({ state: 'hidden' });
});

test('what is not well is said on top', async (t) => {
  const { tab } = await open(t, { scenario: 'refused' });
  await tab.getByText('Parley needs attention: redis: connection refused').waitFor();
});

test('what was missed is fetched', async (t) => {
  const { tab, server } = await open(t);
  await tab.waitForSelector('#live-detail .said');
  server.data.details.get(liveCall().callSid).transcript.push({ id: 'missed', timestamp: new Date().toISOString(), role: 'user', content: 'Said too fast.' });
  server.send('missed', {});
  await tab.getByText('Said too fast.').waitFor();
});

test('a session that has ended leads to the login, and back', async (t) => {
  const { tab, server } = await open(t, { hash: '#scripts' });
  server.data.isLoggedOut = true;
  server.cutStreams();
  await tab.waitForURL(/\/login\?error=ended&next=%2Fdashboard%23scripts/);
});

describe('history', () => {
  test('is searched as one types, by outcome, and further back', async (t) => {
    const { tab } = await open(t, { hash: '#history' });
    await tab.waitForSelector('#past-list .call');
    assert.equal(await tab.locator('#past-list .call').count(), 30);
    await tab.getByRole('button', { name: 'Show older calls' }).click();
    await until(async () => await tab.locator('#past-list .call').count() === 45, 'the older ones are there');
    await tab.getByLabel('Search calls').fill('customer 7');
    await until(async () => await tab.locator('#past-list .call').count() === 1, 'one is found');
    await tab.getByLabel('Search calls').fill('');
    await tab.getByLabel('Outcome').selectOption('error');
    await until(async () => (await tab.locator('#past-list .outcome').allTextContents()).every((text) => text === 'Error'), 'only errors');
    await tab.getByLabel('Search calls').fill('no such thing');
    await tab.getByText('No call matches.').waitFor();
    await picture(tab, 'light-history-nothing-found');
    assert.equal(await tab.evaluate(() => document.activeElement.id), 'search-text', 'focus stays while results change');
  });
});

test('everything can be reached by keyboard', async (t) => {
  const { tab, server } = await open(t);
  await tab.waitForSelector('#live-detail .said');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => document.activeElement.textContent), 'Skip to content');
  const reached = [];
  for (let i = 0; i < 40; ++i) {
    await tab.keyboard.press('Tab');
    const here = await tab.evaluate(() => {
      const node = document.activeElement;
      const { outlineStyle } = getComputedStyle(node);
      return { text: (node.getAttribute('aria-label') ?? node.textContent).trim().replace(/\s+/g, ' ').slice(0, 40), tag: node.tagName, isSeen: outlineStyle !== 'none' || node.tagName === 'BODY' };
    });
    if (here.tag === 'BODY') break;
    assert.ok(here.isSeen, `focus is seen on ${here.text}`);
    reached.push(here.text);
  }
  for (const wanted of [/^Live$/, /^History$/, /^Scripts/, /^Colours/, /^Log out$/, /^\+15550100001/, /^\+442079460123/, /^Take over$/, /^End call$/, /^Conversation$/, /check_slots/]) {
    assert.ok(reached.some((text) => wanted.test(text)), `${wanted} is reached; there were ${reached.join(' | ')}`);
  }
  // A list that changes keeps the focus.
  await tab.locator('#active-list a').nth(1).focus();
  server.send('active_calls', [{ ...liveCall(), callSid: 'CAnew', phoneNumber: '+15550109999' }, ...server.data.active]);
  await tab.getByText('+15550109999').waitFor();
  assert.match(await tab.evaluate(() => document.activeElement.textContent), /\+442079460123/);
  await tab.keyboard.press('Enter');
  await tab.locator('#live-detail h2', { hasText: '+442079460123' }).waitFor();
});

test('the colours can be chosen, and are kept', async (t) => {
  const { tab } = await open(t, { colorScheme: 'light' });
  const ground = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await tab.getByRole('button', { name: 'Colours: as the system has them' }).click();
  await tab.getByRole('button', { name: 'Colours: light' }).click();
  await tab.getByRole('button', { name: 'Colours: dark' }).waitFor();
  assert.notEqual(await ground(), light);
  await tab.reload();
  await tab.getByRole('button', { name: 'Colours: dark' }).waitFor();
  assert.notEqual(await ground(), light);
});
