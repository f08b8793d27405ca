// Callers put through to somebody else, step by step as Twilio does it: the official package builds the documents that
// Parley's are compared with, and signs what Twilio asks.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after, before, describe } from 'node:test';
import twilio from 'twilio';
import { noise, startModel } from './model.mjs';
import { publicUrl, startParley, until } from './parley.mjs';
import { Phone, padded, post, readTwiml, sign } from './phone.mjs';

const { VoiceResponse } = twilio.twiml;
const adminToken = 'an-admin-token-for-this-test-alone';
const account = `AC${'7'.repeat(32)}`;
const desk = '+15550102001';

// api.twilio.com, as far as a call is changed there.
async function startApi(t) {
  const api = { asked: [], answer: { status: 200, body: { sid: 'CA1', status: 'in-progress' } } };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    api.asked.push({ path: request.url, fields: Object.fromEntries(new URLSearchParams(body)) });
    response.writeHead(api.answer.status, { 'Content-Type': 'application/json' }).end(JSON.stringify(api.answer.body));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  api.url = `http://127.0.0.1:${server.address().port}`;
  return api;
}

const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let api;
let model;
let parley;

describe('a caller who is put through', () => {
  before(async () => {
    api = await startApi(suite);
    model = await startModel(suite);
    parley = await startParley(suite, { OPENAI_BASE_URL: model.url, TWILIO_BASE_URL: api.url, TWILIO_ACCOUNT_SID: account, PARLEY_ADMIN_TOKEN: adminToken }, `calls: {transfer_to: ["${desk}"]}\n`);
  });
  after(async () => { for (const stop of suite.stops.reverse()) await stop(); });

  // A caller who has heard the greeting.
  async function greeted(t) {
    const phone = new Phone(parley);
    t.after(() => phone.end());
    await phone.dial();
    const session = await model.sessionOf(phone.from);
    const greeting = noise(11, 2400);
    session.script.push([{ says: 'Hello, this is Sarah.', audio: greeting }]);
    await phone.open();
    phone.start();
    phone.speak();
    await phone.isHeard(padded(greeting).length);
    return { phone, session };
  }
  const transfer = (phone, body) => fetch(`${parley.url}/dashboard/api/calls/${phone.sid}/transfer`, {
    method: 'POST', headers: { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  // What Twilio asks when the other one has hung up, or was not to be had.
  const over = (phone, fields) => {
    const form = { ...phone.form, CallStatus: 'in-progress', DialCallSid: `CA${'9'.repeat(32)}`, ...fields };
    return post(parley, form, sign(`${publicUrl}/voice/transferred`, form), '/voice/transferred');
  };
  const journal = (phone) => parley.query(`SELECT type, data FROM journal WHERE call_sid = '${phone.sid}' ORDER BY id`).map(({ type, data }) => ({ type, ...JSON.parse(data) }));
  async function handedOver(phone) {
    api.asked.length = 0;
    const answer = await transfer(phone, { to: desk });
    assert.equal(answer.status, 202, await answer.text());
    await until(() => api.asked.length === 1, 'Twilio is asked');
    return api.asked[0];
  }

  test('is given to Twilio by the document that the official package would build, and taken is gone', async (t) => {
    const { phone } = await greeted(t);
    const { path, fields } = await handedOver(phone);
    assert.equal(path, `/2010-04-01/Accounts/${account}/Calls/${phone.sid}.json`);
    const wanted = new VoiceResponse();
    wanted.dial({ action: `${publicUrl}/voice/transferred`, timeout: 20, callerId: phone.to }).number(desk);
    assert.deepEqual(fields, { Twiml: wanted.toString() });
    phone.hangUp();  // `stop`, then the close: no end of the call now
    const done = new VoiceResponse();
    done.hangup();
    assert.equal(await (await over(phone, { DialCallStatus: 'completed', DialBridged: 'true', DialCallDuration: '61' })).text(), done.toString());
    const ended = await until(() => journal(phone).find(({ type }) => type === 'call_ended'), 'the call is over');
    assert.deepEqual([ended.outcome, ended.reason], ['transferred', 'transferred']);
    assert.equal(journal(phone).filter(({ type }) => type === 'transfer_ended')[0].how, 'answered');
  });

  test('whom nobody takes comes back to the same talk, and the model is told', async (t) => {
    const { phone, session } = await greeted(t);
    await handedOver(phone);
    phone.hangUp();
    session.script.push([{ says: 'Nobody is there.', audio: noise(12, 1600) }]);
    const answer = await over(phone, { DialCallStatus: 'no-answer', DialBridged: 'false' });
    const { url, parameters, action } = readTwiml(await answer.text());
    assert.equal(parameters.callSid, phone.sid);
    assert.match(parameters.token, /^[0-9a-f]{32}$/);
    assert.notEqual(parameters.token, phone.twiml.parameters.token);
    assert.equal(action, `${publicUrl}/voice/ended`);
    const back = new Phone(parley);
    t.after(() => back.end());
    Object.assign(back, { sid: phone.sid, from: phone.from, twiml: { url, parameters, action } });
    await back.open();
    back.start();
    back.speak();
    await back.isHeard(1600);
    assert.deepEqual(back.violations, []);
    const told = session.of('conversation.item.create').map(({ item }) => item).filter(({ role }) => role === 'system');
    assert.match(told.at(-1).content[0].text, /Nobody took the call/);
    assert.equal(model.sessions.filter(({ settings }) => settings.instructions.includes(phone.from)).length, 1, 'it is the same session');
    assert.deepEqual(session.problems, []);
    back.hangUp();
    const ended = await until(() => journal(phone).find(({ type }) => type === 'call_ended'), 'the call is over');
    assert.equal(ended.reason, 'caller_hung_up');
  });

  test('stays where they are when Twilio refuses', async (t) => {
    const { phone, session } = await greeted(t);
    api.answer = { status: 400, body: { code: 21218, message: 'Invalid Twiml', status: 400 } };
    t.after(() => { api.answer = { status: 200, body: { sid: 'CA1' } }; });
    session.script.push([{ says: 'That did not work.', audio: noise(13, 1600) }]);
    await handedOver(phone);
    await phone.isHeard(2400 + 1600);
    assert.equal(phone.closed, null);
    const ended = await until(() => journal(phone).find(({ type }) => type === 'transfer_ended'), 'it is in the journal');
    assert.deepEqual([ended.how, ended.detail], ['failed', 'Invalid Twiml']);
    phone.hangUp();
  });

  test('passes doors that only Twilio opens', async (t) => {
    const { phone } = await greeted(t);
    await handedOver(phone);
    const form = { ...phone.form, CallStatus: 'in-progress', DialCallStatus: 'completed' };
    for (const path of ['/voice/transferred', '/voice/briefing?transfer=0123456789abcdef']) {
      const good = sign(publicUrl + path, form);
      assert.ok(twilio.validateRequest('12345678901234567890123456789012', good, publicUrl + path, form));
      for (const [name, params, signature] of [
        ['no signature', form, undefined], ['another path', form, sign(`${publicUrl}/voice`, form)], ['a parameter changed', { ...form, DialCallStatus: 'busy' }, good],
        ['another key', form, sign(publicUrl + path, form, `x${'0'.repeat(31)}`)], ['the query left out', form, path.includes('?') ? sign(publicUrl + path.split('?')[0], form) : ''],
      ]) assert.equal((await post(parley, params, signature, path)).status, 403, `${path}: ${name}`);
    }
    const path = '/voice/briefing?transfer=0123456789abcdef';
    const hangUp = new VoiceResponse();
    hangUp.hangup();
    assert.equal(await (await post(parley, form, sign(publicUrl + path, form), path)).text(), hangUp.toString(), 'of a transfer that nobody knows');
    assert.equal(journal(phone).some(({ type }) => type === 'transfer_ended'), false, 'forgers change nothing');
  });
});
