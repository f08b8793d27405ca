// The example folder examples/outbound-calls, started as its README says and used as its users do: with curl and with the
// official twilio package, between the fake carrier and a model.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';
import twilio from 'twilio';
import { noise, startModel } from './model.mjs';
import { authToken, bin, freePort, publicUrl, startParley, startSimulatedTwilio, tree, until } from './parley.mjs';
import { Phone, padded, post, sign } from './phone.mjs';

const run = promisify(execFile);
const accountSid = 'AC00000000000000000000000000000001';
const ours = '+15550100001';
const callees = `
numbers:
  - {number: "${ours}", name: My Twilio Number}
  - {number: "+15550100002", name: Second}
callees:
  - {to: "+15550101001", answer: busy, rings_ms: 1}
  - {to: "+15550101003", answer: machine, rings_ms: 1, detection_ms: 50, steps: [wait_for_hang_up]}
  - {to: "+15550101004", rings_ms: 60000}
  - {to: "*", rings_ms: 1, steps: [{wait_for_agent: {silent_for_ms: 300}}, hang_up]}
`;

const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let fake;
let model;
let parley;
let token;
let logs;

before(async () => {
  logs = mkdtempSync(join(tmpdir(), 'parley-outbound-'));
  suite.after(() => rmSync(logs, { recursive: true, force: true }));
  model = await startModel(suite);
  // The fake must know where parley is, and parley where the fake is.
  const port = await freePort();
  parley = await startParley(suite, {
    OPENAI_BASE_URL: model.url, TWILIO_ACCOUNT_SID: accountSid, TWILIO_BASE_URL: `http://127.0.0.1:${port}`,
  }, `outbound: {quiet_hours: "", calls_per_second: 50}\ntranscripts: {dir: ${logs}}`, 'examples/outbound-calls/parley.yaml');
  fake = await startSimulatedTwilio(suite, callees, ['--connect-to', parley.url, '--callbacks', 'shuffled'], port);
  token = readFileSync(join(dirname(parley.database), 'admin.token'), 'utf8').trim();
});
after(async () => {
  for (const stop of suite.stops.reverse()) await stop();
});

// As the README of the system before had it, with the token that a call costs.
async function curl(method, path, body, headers = []) {
  const args = ['-s', '-X', method, '-w', '\n%{http_code}', '-H', `Authorization: Bearer ${token}`];
  for (const header of headers) args.push('-H', header);
  if (body !== undefined) args.push('-H', 'Content-Type: application/json', '-d', JSON.stringify(body));
  const { stdout } = await run('curl', [...args, parley.url + path]);
  const at = stdout.lastIndexOf('\n');
  const text = stdout.slice(0, at);
  return { status: Number(stdout.slice(at + 1)), text, json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined };
}
const isCallBack = ({ isReady, settings }) => isReady && settings.instructions.includes('They are calling back.');
const outcomeOf = (callSid) => until(() => parley.query(`SELECT outcome FROM calls WHERE call_sid = '${callSid}' AND ended_at_ms IS NOT NULL`)[0]?.outcome, `${callSid} is over`);

test('GET / says that it is there, to anybody', async () => {
  const answer = await fetch(`${parley.url}/`);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), 'Voice Backend API is running');
});

test('GET /api/numbers lists the numbers', async () => {
  const { status, json } = await curl('GET', '/api/numbers');
  assert.equal(status, 200);
  assert.equal(json.length, 2);
  assert.deepEqual(Object.keys(json[0]), ['sid', 'phoneNumber', 'friendlyName']);
  assert.equal(json[0].phoneNumber, ours);
  assert.equal(json[0].friendlyName, 'My Twilio Number');
});

test('POST /api/call places a call that the agent leads, from the first number', async () => {
  const { status, json } = await curl('POST', '/api/call', { number: '+15550101009', vars: { name: 'Ann', subject: 'your test' } });
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(json, { success: true, callSid: json.callSid, message: 'Call initiated to +15550101009' });
  assert.match(json.callSid, /^CA[0-9a-f]{32}$/);
  assert.equal(await outcomeOf(json.callSid), 'caller_hung_up');
  const [row] = parley.query(`SELECT from_number, to_number, agent FROM calls WHERE call_sid = '${json.callSid}'`);
  assert.deepEqual(row, { from_number: ours, to_number: '+15550101009', agent: 'reminder' });
  const client = twilio(accountSid, authToken);
  const send = client.httpClient.request.bind(client.httpClient);
  client.httpClient.request = (request) => send({ ...request, uri: request.uri.replace('https://api.twilio.com', fake.url) });
  await until(async () => (await client.calls(json.callSid).fetch()).status === 'completed', 'Twilio sees it over');
});

test('a call comes from the number that was asked for, and leaves its transcript', async () => {
  const { json: { callSid } } = await curl('POST', '/api/call', { number: '+15550101013', fromNumber: '+15550100002', vars: { name: 'Bea' } });
  assert.equal(await outcomeOf(callSid), 'caller_hung_up');
  assert.equal(parley.query(`SELECT from_number FROM calls WHERE call_sid = '${callSid}'`)[0].from_number, '+15550100002');
  const session = await until(() => model.sessions.find(({ settings }) => settings.instructions.includes('Bea')), 'a session for Bea');
  assert.equal(session.settings.audio.output.voice, 'sage');
  assert.match(session.of('response.create')[0].response.instructions, /Am I speaking with Bea\?/);

  const { status, json } = await curl('GET', `/api/transcript/${callSid}`);
  assert.equal(status, 200);
  assert.deepEqual([json.callSid, json.phoneNumber, json.complete], [callSid, '+15550101013', true]);
  assert.match(json.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const said = json.messages.filter(({ role }) => role !== 'system');
  assert.ok(said.length && said.every(({ role, content, timestamp }) => ['user', 'assistant'].includes(role) && content && timestamp), JSON.stringify(json));
  assert.match((await curl('GET', `/api/transcript/${callSid}?format=text`)).text, /^Assistant: Yes\?/);
  assert.deepEqual(await curl('GET', '/api/transcript/CA404').then(({ status: code, json: body }) => [code, body]), [404, { error: 'No transcript found for call SID: CA404' }]);
  const file = await until(() => readdirSync(logs).find((name) => name.startsWith(`${callSid}_+15550101013_`) && name.endsWith('.json')), 'the transcript is a file');
  await until(() => JSON.parse(readFileSync(join(logs, file))).complete, 'the file is complete');
});

test('POST /api/call says what is wrong', async () => {
  assert.deepEqual((await curl('POST', '/api/call', {})), { status: 400, text: '{"error":"Phone number is required"}', json: { error: 'Phone number is required' } });
  const refused = await curl('POST', '/api/call', { number: '+4915550100009' });
  assert.equal(refused.status, 403);
  assert.ok(refused.json.error && refused.json.details);
  const foreign = await curl('POST', '/api/call', { number: '+15550101009', fromNumber: '+15559999999' });
  assert.equal(foreign.status, 500);
  assert.ok(foreign.json.error && foreign.json.details.includes('21210'));
});

test('nothing is called without a token', async () => {
  for (const [method, path] of [['POST', '/api/call'], ['POST', '/api/end-call'], ['GET', '/api/numbers'], ['GET', '/api/transcript/CA1'], ['GET', '/twilio/call-me'], ['POST', '/twilio/call-me']]) {
    assert.ok([401, 403].includes((await fetch(parley.url + path, { method })).status), path);
  }
});

test('POST /api/end-call ends a call that rings', async () => {
  const { json: { callSid } } = await curl('POST', '/api/call', { number: '+15550101004' });
  const { status, json } = await curl('POST', '/api/end-call', { callSid });
  assert.equal(status, 200);
  assert.deepEqual(json, { success: true, message: 'Call ended successfully' });
  assert.equal(await outcomeOf(callSid), 'canceled');
  assert.deepEqual((await curl('POST', '/api/end-call', {})).json, { error: 'Call SID is required' });
  const gone = await curl('POST', '/api/end-call', { callSid });
  assert.equal(gone.status, 500);
  assert.ok(gone.json.error && gone.json.details);
});

test('a busy line and a machine have their outcomes, and the machine its message', async () => {
  const busy = await curl('POST', '/api/call', { number: '+15550101001' });
  assert.equal(await outcomeOf(busy.json.callSid), 'busy');
  const machine = await curl('POST', '/api/call', { number: '+15550101003', vars: { name: 'Mr Miller' } });
  assert.equal(await outcomeOf(machine.json.callSid), 'voicemail');
  await until(() => fake.child.log.includes('<Say> Hello Mr Miller, this is Riverside Medical.'), 'the message is left');
});

test('the same request, sent again with its key, is the same call', async () => {
  const key = ['Idempotency-Key: order 7'];
  const first = await curl('POST', '/api/call', { number: '+15550101010' }, key);
  const again = await curl('POST', '/api/call', { number: '+15550101010' }, key);
  assert.equal(first.status, 200, first.text);
  assert.equal(again.json.callSid, first.json.callSid);
});

test('parley call and parley dnc do it from a terminal', async () => {
  const parleyCommand = (...words) => run(join(bin, 'parley'), [...words, '--database', parley.database], { cwd: tree });
  const { stdout } = await parleyCommand('call', '+15550101011', '--agent', 'reminder', '--var', 'name=Ann', '--url', parley.url);
  const [, callSid] = stdout.match(/^Call initiated to \+15550101011: (CA[0-9a-f]{32})\n$/);
  assert.equal(await outcomeOf(callSid), 'caller_hung_up');
  await parleyCommand('dnc', 'add', '+15550101011', '--reason', 'asked us');
  await assert.rejects(parleyCommand('call', '+15550101011', '--url', parley.url), /do-not-call/);
  assert.match((await parleyCommand('dnc', 'list')).stdout, /\+15550101011 .*asked us/);
  await parleyCommand('dnc', 'remove', '+15550101011');
});

test('the call-me page is a form; asking for it calls nobody', async () => {
  const page = await curl('GET', '/twilio/call-me?to=%2B15550101012');
  assert.equal(page.status, 200);
  assert.match(page.text, /<form method="post" action="\/twilio\/call-me">/);
  assert.match(page.text, /<input id="to" name="to" type="tel"[^>]*value="\+15550101012"/);
  const called = await curl('POST', '/twilio/call-me', { to: '+15550101012' });
  assert.deepEqual(called.json, { ok: true, message: 'Calling you now. Answer the phone!', callSid: called.json.callSid });
  const refused = await curl('POST', '/twilio/call-me', { to: '+4915550100009' });
  assert.equal(refused.json.ok, false);
  assert.ok(refused.json.error);
});

test('/twiml answers GET and POST, and announces /call', async () => {
  const form = { AccountSid: accountSid, CallSid: 'CA00000000000000000000000000000077', CallStatus: 'ringing', From: '+15550101009', To: ours, Direction: 'inbound' };
  const post = await fetch(`${parley.url}/twiml`, {
    method: 'POST', body: new URLSearchParams(form),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': sign(`${publicUrl}/twiml`, form) },
  });
  assert.equal(post.status, 200);
  assert.match(await post.text(), /<Stream url="wss:\/\/voice\.example\.com\/call/);
  const path = `/twiml?${new URLSearchParams({ ...form, CallSid: 'CA00000000000000000000000000000078' })}`;
  const get = await fetch(parley.url + path, { headers: { 'x-twilio-signature': sign(publicUrl + path) } });
  assert.equal(get.status, 200);
  assert.match(await get.text(), /<Stream url="wss:\/\/voice\.example\.com\/call/);
  // Their models are connected behind the answers; the calls of other tests must not take them for their own.
  await until(() => model.sessions.filter(isCallBack).length === 2, 'both are prepared');
});

test('/twiml and /twilio/status take only what Twilio has signed', async () => {
  const form = { AccountSid: accountSid, CallSid: 'CA00000000000000000000000000000079', CallStatus: 'completed', From: ours, To: '+15550101009' };
  for (const path of ['/twiml', '/twilio/status']) {
    assert.equal((await post(parley, form, undefined, path)).status, 403, path);
    assert.equal((await post(parley, form, sign(publicUrl + path, { ...form, To: '+15550101010' }), path)).status, 403, path);
  }
  assert.ok((await post(parley, form, sign(`${publicUrl}/twilio/status`, form), '/twilio/status')).ok);
});

test('who calls back is heard on /call, may cut in, and does not disturb the next', async (t) => {
  const callers = [];
  while (callers.length < 2) {
    const phone = new Phone(parley, { voice: '/twiml' });
    t.after(() => phone.end());
    phone.account = accountSid;
    const earlier = model.sessions.length;
    await phone.dial();
    assert.match(phone.twiml.url, /^wss:\/\/voice\.example\.com\/call/);
    const session = await until(() => model.sessions.slice(earlier).find(isCallBack), 'a session');
    callers.push({ phone, session });
  }
  // Each is told something of its own, and the first cuts in on it.
  await Promise.all(callers.map(async ({ phone, session }, i) => {
    const audio = noise(71 + i, 16_000);
    session.script.push([{ says: 'Hello, this is the virtual assistant.', audio, hold: i === 0 }]);
    await phone.open();
    phone.start();
    phone.speak();
    if (i === 1) return phone.isHeard(padded(audio).length);
    await phone.isHeard(4_000);
    session.speechStarts();
    await until(() => phone.of('clear').length && session.of('conversation.item.truncate').length, 'the agent stops');
    const [cut] = session.of('conversation.item.truncate');
    assert.ok(cut.audio_end_ms >= 400 && cut.audio_end_ms < 2_000, `${cut.audio_end_ms} ms were heard`);
    session.speechStops('Stop.');
  }));
  assert.ok(callers[1].phone.heardAudio.equals(padded(noise(72, 16_000))), 'the other hears all of its own');
  for (const { phone, session } of callers) {
    phone.hangUp();
    assert.deepEqual(phone.violations, []);
    assert.deepEqual(session.problems, []);
    assert.equal(await outcomeOf(phone.sid), 'caller_hung_up');
  }
});

test('its scenarios pass', async () => {
  await run(join(bin, 'parley'), ['-c', 'examples/outbound-calls/parley.yaml', 'test', 'examples/outbound-calls/scenarios'], { cwd: tree, env: { PATH: process.env.PATH } });
});
