// The official twilio package against the fake's REST API: what it accepts from the fake, it accepts from Twilio.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import twilio from 'twilio';
import { authToken, startSimulatedTwilio, until } from './parley.mjs';

const accountSid = 'AC00000000000000000000000000000001';
const callees = `
numbers:
${Array.from({ length: 120 }, (_, i) => `  - {number: "+1555${2000000 + i}", name: "Line ${i}"}`).join('\n')}
callees:
  - {to: "+15550101001", answer: busy, rings_ms: 1}
  - {to: "+15550101002", answer: machine, rings_ms: 1, detection_ms: 1}
  - {to: "*", rings_ms: 1}
`;
const from = '+15552000000';
const pause = '<Response><Pause length="30"/></Response>';

const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let fake;
let client;

// The package's own client, its requests sent to the fake.
function clientOf(fake, user = accountSid, password = authToken, options = {}) {
  const client = twilio(user, password, { accountSid, ...options });
  const send = client.httpClient.request.bind(client.httpClient);
  client.httpClient.request = (request) => send({ ...request, uri: request.uri.replace('https://api.twilio.com', fake.url) });
  return client;
}

before(async () => {
  fake = await startSimulatedTwilio(suite, callees);
  client = clientOf(fake);
});
after(async () => {
  for (const stop of suite.stops) await stop();
});

test('a call is placed, seen, redirected and ended', async () => {
  const placed = await client.calls.create({ to: '+15550101009', from, twiml: pause });
  assert.match(placed.sid, /^CA[0-9a-f]{32}$/);
  assert.equal(placed.status, 'queued');
  assert.equal(placed.direction, 'outbound-api');
  assert.ok(placed.dateCreated instanceof Date && !Number.isNaN(placed.dateCreated.getTime()));
  await until(async () => (await client.calls(placed.sid).fetch()).status === 'in-progress', 'it is answered');
  const recording = await client.calls(placed.sid).recordings.create({ recordingChannels: 'dual' });
  assert.match(recording.sid, /^RE/);
  assert.equal((await client.calls(placed.sid).recordings('Twilio.CURRENT').update({ status: 'paused' })).status, 'paused');
  await client.calls(placed.sid).update({ twiml: '<Response><Say>Bye</Say></Response>' });
  await until(async () => (await client.calls(placed.sid).fetch()).status === 'completed', 'it is over');
  assert.equal((await client.recordings(recording.sid).fetch()).status, 'completed');
  await assert.rejects(client.calls(placed.sid).update({ status: 'completed' }), { status: 400, code: 21220 });
});

test('a busy line and an answering machine look as they should', async () => {
  const busy = await client.calls.create({ to: '+15550101001', from, twiml: pause });
  await until(async () => (await client.calls(busy.sid).fetch()).status === 'busy', 'it is busy');
  const machine = await client.calls.create({ to: '+15550101002', from, twiml: pause, machineDetection: 'Enable' });
  await until(async () => (await client.calls(machine.sid).fetch()).answeredBy === 'machine_start', 'a machine answers');
  await client.calls(machine.sid).update({ status: 'completed' });
});

test('lists are read page by page', async () => {
  const numbers = await client.incomingPhoneNumbers.list({ pageSize: 50 });
  assert.equal(numbers.length, 120);
  assert.equal(numbers[119].friendlyName, 'Line 119');
  assert.equal(numbers[0].capabilities.voice, true);
  const calls = await client.calls.list({ to: '+15550101001', pageSize: 1 });
  assert.ok(calls.length >= 1);
});

test('errors come with their codes', async () => {
  const create = (options) => client.calls.create({ to: '+15550101009', from, twiml: pause, ...options });
  await assert.rejects(create({ to: '123' }), { status: 400, code: 21211, moreInfo: 'https://www.twilio.com/docs/errors/21211' });
  await assert.rejects(create({ from: '+15559999999' }), { status: 400, code: 21210 });
  await assert.rejects(client.calls('CA00000000000000000000000000000404').fetch(), { status: 404, code: 20404 });
  await assert.rejects(clientOf(fake, accountSid, 'wrong').calls.list({ limit: 1 }), { status: 401, code: 20003 });
});

test('a message is sent and seen', async () => {
  const sent = await client.messages.create({ to: '+15550101009', from, body: 'x'.repeat(200) });
  assert.equal(sent.status, 'queued');
  assert.equal(sent.numSegments, '2');
  assert.equal((await client.messages(sent.sid).fetch()).body.length, 200);
});

test('a message that Twilio would refuse is refused', async () => {
  const send = (options) => client.messages.create({ to: '+15550101009', from, body: 'x', ...options });
  await assert.rejects(send({ from: '+15559999999' }), { status: 400, code: 21606 });
  await assert.rejects(send({ to: from }), { status: 400, code: 21266 });
  await assert.rejects(send({ body: 'ü'.repeat(1601) }), { status: 400, code: 21617 });
  assert.ok((await send({ body: 'ü'.repeat(1600) })).sid, 'characters count, not bytes');
});

test('too many calls at once are refused, and may be tried again', async (t) => {
  const slow = await startSimulatedTwilio(t, callees, ['--calls-per-second', '0.2']);
  const impatient = clientOf(slow);
  const all = await Promise.allSettled([1, 2, 3].map((i) => impatient.calls.create({ to: `+1555010110${i}`, from, twiml: pause })));
  const refused = all.filter((one) => one.status === 'rejected').map((one) => one.reason);
  assert.equal(refused.length, 2);
  for (const error of refused) assert.deepEqual([error.status, error.code], [429, 20429]);
  const patient = clientOf(slow, accountSid, authToken, { autoRetry: true, maxRetries: 30 });
  assert.ok((await patient.calls.create({ to: '+15550101104', from, twiml: pause })).sid);
});
