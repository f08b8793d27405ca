// The example folder examples/outbound-calls, started as its README says and used as its users do: with curl and with the
// official twilio package, between the fake carrier and a model.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';
import twilio from 'twilio';
import { startModel } from './model.mjs';
import { authToken, bin, freePort, publicUrl, startParley, startSimulatedTwilio, tree, until } from './parley.mjs';
import { sign } from './phone.mjs';

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

before(async () => {
  model = await startModel(suite);
  // The fake must know where parley is, and parley where the fake is.
  const port = await freePort();
  parley = await startParley(suite, {
    OPENAI_BASE_URL: model.url, TWILIO_ACCOUNT_SID: accountSid, TWILIO_BASE_URL: `http://127.0.0.1:${port}`,
  }, 'outbound: {quiet_hours: "", calls_per_second: 50}', 'examples/outbound-calls/parley.yaml');
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
const outcomeOf = (callSid) => until(() => parley.query(`SELECT outcome FROM calls WHERE call_sid = '${callSid}' AND ended_at_ms IS NOT NULL`)[0]?.outcome, `${callSid} is over`);

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
  for (const [method, path] of [['POST', '/api/call'], ['POST', '/api/end-call'], ['GET', '/api/numbers'], ['GET', '/twilio/call-me'], ['POST', '/twilio/call-me']]) {
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
});

test('its scenarios pass', async () => {
  await run(join(bin, 'parley'), ['-c', 'examples/outbound-calls/parley.yaml', 'test', 'examples/outbound-calls/scenarios'], { cwd: tree, env: { PATH: process.env.PATH } });
});
