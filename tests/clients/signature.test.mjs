// The official twilio package signs; Parley accepts that, and nothing that was altered.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test, { after, before } from 'node:test';
import twilio from 'twilio';
import WebSocket from 'ws';
import { authToken, publicUrl, startParley } from './parley.mjs';
import { post, readTwiml, sign } from './phone.mjs';

const form = {
  AccountSid: 'AC00000000000000000000000000000001', ApiVersion: '2010-04-01', CallSid: 'CA00000000000000000000000000000001',
  CallStatus: 'ringing', Called: '+15550100002', Caller: '+15550100001', Direction: 'inbound', From: '+15550100001',
  To: '+15550100002', FromCity: '', CallerName: ' naïve café + 2 & more ',
};
const voice = `${publicUrl}/voice`;
const stream = `${publicUrl.replace('https', 'wss')}/media-stream`;
const flipped = (text, i = 0) => text.slice(0, i) + (text[i] === 'x' ? 'y' : 'x') + text.slice(i + 1);
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
// Another spelling that a lenient decoder reads as the same twenty bytes: the last digit has two bits too many.
const respelled = (signature) => signature.slice(0, 26) + alphabet[alphabet.indexOf(signature[26]) ^ 1] + '=';

const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let parley;
before(async () => {
  parley = await startParley(suite, { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
});
after(async () => {
  for (const stop of suite.stops) await stop();
});

test('a webhook signed by the official package is answered with a stream', async () => {
  const answer = await post(parley, form, sign(voice, form));
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /xml/);
  const { url, parameters } = readTwiml(await answer.text());
  assert.ok(url.startsWith(stream), url);
  assert.equal(parameters.callSid, form.CallSid);
  assert.equal(parameters.callerNumber, form.From);
  assert.match(parameters.token, /^[0-9a-f]{32}$/);
});

test('a query string is part of what is signed', async () => {
  const path = '/voice?tenant=7&mode=a%20b';
  assert.equal((await post(parley, form, sign(publicUrl + path, form), path)).status, 200);
  assert.equal((await post(parley, form, sign(voice, form), path)).status, 403);
  assert.equal((await post(parley, form, sign(publicUrl + path, form))).status, 403);
});

test('a webhook sent with GET is signed with its query alone', async () => {
  const path = `/voice?${new URLSearchParams({ ...form, CallSid: 'CA00000000000000000000000000000002' })}`;
  const get = (signature) => fetch(parley.url + path, { headers: { 'x-twilio-signature': signature } });
  assert.equal((await get(sign(publicUrl + path))).status, 200);
  assert.equal((await get(sign(voice, form))).status, 403);
  assert.equal((await get(flipped(sign(publicUrl + path)))).status, 403);
});

test('repeated parameters are signed as the official package does', async () => {
  const params = { ...form, MediaUrl: ['b', 'a', 'b'] };
  const body = new URLSearchParams(form);
  params.MediaUrl.forEach((url) => body.append('MediaUrl', url));
  const send = (signature) => fetch(`${parley.url}/voice`, { method: 'POST', headers: { 'x-twilio-signature': signature, 'content-type': 'application/x-www-form-urlencoded' }, body });
  assert.equal((await send(sign(voice, params))).status, 200);
  assert.equal((await send(sign(voice, form))).status, 403);
});

test('the hash of a body that is no form counts', async () => {
  const body = JSON.stringify({ CallSid: form.CallSid });
  const path = `/voice?CallSid=${form.CallSid}&bodySHA256=${createHash('sha256').update(body).digest('hex')}`;
  const send = (content) => fetch(parley.url + path, { method: 'POST', headers: { 'x-twilio-signature': sign(publicUrl + path), 'content-type': 'application/json' }, body: content });
  assert.ok(twilio.validateRequestWithBody(authToken, sign(publicUrl + path), publicUrl + path, body), 'the official package agrees');
  assert.notEqual((await send(body)).status, 403);
  assert.equal((await send(`${body} `)).status, 403);
});

test('every altered webhook is refused with 403', async () => {
  const good = sign(voice, form);
  for (const [name, params, signature] of [
    ['no signature', form, undefined],
    ['empty signature', form, ''],
    ['padding removed', form, good.replace(/=+$/, '')],
    ['something appended', form, `${good}=`],
    ['spelled otherwise', form, respelled(good)],
    ['other case', form, good.toLowerCase() === good ? good.toUpperCase() : good.toLowerCase()],
    ['twice', form, `${good}, ${good}`],
    ['another key', form, sign(voice, form, flipped(authToken))],
    ['another address', form, sign('https://voice.example.org/voice', form)],
    ['another path', form, sign(`${publicUrl}/voice/ended`, form)],
    ['http instead of https', form, sign(voice.replace('https', 'http'), form)],
    ['a parameter changed', { ...form, From: '+15550100009' }, good],
    ['a parameter added', { ...form, Extra: '1' }, good],
    ['an empty parameter removed', (({ FromCity, ...rest }) => rest)(form), good],
    ['a parameter trimmed', { ...form, CallerName: form.CallerName.trim() }, good],
    ['a parameter renamed', (({ Caller, ...rest }) => ({ ...rest, caller: Caller }))(form), good],
    ['signed without the parameters', form, sign(voice)],
  ]) {
    assert.equal((await post(parley, params, signature)).status, 403, name);
  }
  for (let i = 0; i < good.length; ++i) {
    assert.equal((await post(parley, form, flipped(good, i))).status, 403, `character ${i} altered`);
  }
  assert.equal((await post(parley, form, sign(voice, form), '/voice/ended')).status, 403, 'the webhook after the call is guarded too');
});

function upgrade(path, signature) {
  return new Promise((done, fail) => {
    const headers = signature === undefined ? {} : { 'x-twilio-signature': signature };
    const socket = new WebSocket(`ws://127.0.0.1:${parley.port}${path}`, { headers });
    socket.on('open', () => { socket.terminate(); done(101); });
    socket.on('unexpected-response', (_request, response) => { response.resume(); done(response.statusCode); });
    socket.on('error', fail);
  });
}

test('a media stream signed by the official package is accepted, an altered one refused', async () => {
  assert.equal(await upgrade('/media-stream', sign(stream)), 101);
  assert.equal(await upgrade('/media-stream', sign(`${stream}/`)), 101, 'signed with a slash, as Twilio sometimes does');
  const { url } = readTwiml(await (await post(parley, form, sign(voice, form))).text());
  assert.equal(await upgrade(new URL(url).pathname, sign(url)), 101, 'the address in the TwiML');
  const good = sign(stream);
  for (const [name, signature] of [
    ['no signature', undefined],
    ['empty signature', ''],
    ['another key', sign(stream, {}, flipped(authToken))],
    ['another host', sign(stream.replace('.com', '.org'))],
    ['another path', sign(`${publicUrl.replace('https', 'wss')}/other`)],
    ['another stream', sign(`${stream}/7777`)],
    ['a parameter', sign(stream, { a: 'b' })],
    ['a query', sign(`${stream}?a=b`)],
    ['not encrypted', sign(stream.replace('wss', 'ws'))],
    ["the webhook's", sign(voice, form)],
    ['spelled otherwise', respelled(good)],
    ['padding removed', good.slice(0, -1)],
  ]) {
    assert.equal(await upgrade('/media-stream', signature), 403, name);
  }
  for (let i = 0; i < good.length; ++i) {
    assert.equal(await upgrade('/media-stream', flipped(good, i)), 403, `character ${i} altered`);
  }
});
