// The official twilio package signs; Parley accepts that, and nothing that was altered.
import assert from 'node:assert/strict';
import test from 'node:test';
import twilio from 'twilio';
import WebSocket from 'ws';
import { startParley } from './parley.mjs';

const token = '12345678901234567890123456789012';
const publicUrl = 'https://voice.example.com';
const form = {
  AccountSid: 'AC00000000000000000000000000000001', ApiVersion: '2010-04-01', CallSid: 'CA00000000000000000000000000000001',
  CallStatus: 'ringing', Called: '+15550100002', Caller: '+15550100001', Direction: 'inbound', From: '+15550100001',
  To: '+15550100002', FromCity: '', CallerName: 'naïve café + 2',
};
const sign = (url, params, key = token) => twilio.getExpectedTwilioSignature(key, url, params);

async function serve(t) {
  return startParley(t, { TWILIO_AUTH_TOKEN: token, PUBLIC_URL: publicUrl, OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
}

async function post(parley, params, signature, path = '/voice') {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  if (signature !== undefined) headers['x-twilio-signature'] = signature;
  return fetch(parley.url + path, { method: 'POST', headers, body: new URLSearchParams(params) });
}

test('a webhook signed by the official package is answered with a stream', async (t) => {
  const parley = await serve(t);
  const answer = await post(parley, form, sign(`${publicUrl}/voice`, form));
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /xml/);
  const document = await answer.text();
  assert.match(document, /<Connect[^>]*>\s*<Stream url="wss:\/\/voice\.example\.com\/media-stream[^"]*"/);
  assert.match(document, /<Parameter name="callSid" value="CA00000000000000000000000000000001"\/>/);
  assert.match(document, /<Parameter name="callerNumber" value="\+15550100001"\/>/);
  assert.match(document, /<Parameter name="token" value="[0-9a-f]{32}"\/>/);
});

test('a query string is part of what is signed', async (t) => {
  const parley = await serve(t);
  const path = '/voice?tenant=7&mode=a%20b';
  assert.equal((await post(parley, form, sign(publicUrl + path, form), path)).status, 200);
  assert.equal((await post(parley, form, sign(`${publicUrl}/voice`, form), path)).status, 403);
});

test('every altered webhook is refused with 403', async (t) => {
  const parley = await serve(t);
  const good = sign(`${publicUrl}/voice`, form);
  const flipped = (good[0] === 'A' ? 'B' : 'A') + good.slice(1);
  const refused = [
    ['no signature', form, undefined],
    ['empty signature', form, ''],
    ['one character changed', form, flipped],
    ['padding removed', form, good.replace(/=+$/, '')],
    ['other case', form, good.toLowerCase() === good ? good.toUpperCase() : good.toLowerCase()],
    ['another key', form, sign(`${publicUrl}/voice`, form, token.replace('1', '2'))],
    ['another address', form, sign('https://voice.example.org/voice', form)],
    ['http instead of https', form, sign('http://voice.example.com/voice', form)],
    ['a parameter changed', { ...form, From: '+15550100009' }, good],
    ['a parameter added', { ...form, Extra: '1' }, good],
    ['a parameter removed', (({ CallStatus, ...rest }) => rest)(form), good],
    ['signed without the parameters', form, sign(`${publicUrl}/voice`, {})],
  ];
  for (const [name, params, signature] of refused) {
    assert.equal((await post(parley, params, signature)).status, 403, name);
  }
  for (let i = 0; i < good.length; ++i) {
    const altered = good.slice(0, i) + (good[i] === 'x' ? 'y' : 'x') + good.slice(i + 1);
    assert.equal((await post(parley, form, altered)).status, 403, `character ${i} altered`);
  }
});

function upgrade(parley, path, signature) {
  return new Promise((done, fail) => {
    const headers = signature === undefined ? {} : { 'x-twilio-signature': signature };
    const socket = new WebSocket(`ws://127.0.0.1:${parley.port}${path}`, { headers });
    socket.on('open', () => { socket.close(); done(101); });
    socket.on('unexpected-response', (_request, response) => { response.resume(); done(response.statusCode); });
    socket.on('error', fail);
  });
}

test('a media stream signed by the official package is accepted, an altered one refused', async (t) => {
  const parley = await serve(t);
  const url = 'wss://voice.example.com/media-stream';
  assert.equal(await upgrade(parley, '/media-stream', sign(url, {})), 101);
  assert.equal(await upgrade(parley, '/media-stream', sign(`${url}/`, {})), 101, 'signed with a slash, as Twilio sometimes does');
  const good = sign(url, {});
  for (const [name, signature] of [
    ['no signature', undefined],
    ['another key', sign(url, {}, 'x'.repeat(32))],
    ['another path', sign('wss://voice.example.com/other', {})],
    ['a parameter', sign(url, { a: 'b' })],
    ['one character', (good[0] === 'A' ? 'B' : 'A') + good.slice(1)],
  ]) {
    assert.equal(await upgrade(parley, '/media-stream', signature), 403, name);
  }
});
