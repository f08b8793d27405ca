// Twilio's side of a call: the signed webhook, the TwiML, the media stream with its playout clock. Written from Twilio's
// documentation with the official package for the signatures, and sharing nothing with parley-sim.
import assert from 'node:assert/strict';
import twilio from 'twilio';
import WebSocket from 'ws';
import { noise } from './model.mjs';
import { authToken, publicUrl, until } from './parley.mjs';

export const sign = (url, params = {}, key = authToken) => twilio.getExpectedTwilioSignature(key, url, params);
export const ms = (milliseconds) => milliseconds * 8;  // bytes of mu-law
let calls = 0;

export async function post(parley, params, signature, path = '/voice') {
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };
  if (signature !== undefined) headers['x-twilio-signature'] = signature;
  return fetch(parley.url + path, { method: 'POST', headers, body: new URLSearchParams(params) });
}

function unescaped(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code, name) => (code ? String.fromCodePoint(code) : named[name]));
}
const attributes = (tag) => Object.fromEntries([...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, unescaped(value)]));

export function readTwiml(text) {
  const connect = attributes(text.match(/<Connect[^>]*>/)?.[0] ?? '');
  const stream = attributes(text.match(/<Stream[^>]*>/)?.[0] ?? '');
  const parameters = [...text.matchAll(/<Parameter[^>]*>/g)].map(([tag]) => attributes(tag)).map(({ name, value }) => [name, value]);
  return { action: connect.action, url: stream.url, parameters: Object.fromEntries(parameters) };
}

// What a stream may carry from us to Twilio, field by field: with any other Twilio warns (31951) and drops the message.
const shapes = {
  media: { event: 'string', media: { payload: 'string' }, streamSid: 'string' },
  mark: { event: 'string', mark: { name: 'string' }, streamSid: 'string' },
  clear: { event: 'string', streamSid: 'string' },
};
function shapeOf(value) {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, shapeOf(value[key])]));
}

export class Phone {
  violations = [];
  messages = [];      // from the server: {event, at, ...}
  sent = [];          // the caller's audio
  longestPauseMs = 0; // between two of our frames: a starved test must not blame the server
  plays = [];         // {from, bytes}: what is heard from when on
  marks = new Map();  // sent and not yet echoed: name -> timer
  echoed = [];        // {name, at, cleared}
  closed = null;

  // style: counters 'string' | 'number', marks 'echo' | 'never', path 'twiml' | 'bare', voice: the webhook's path, frameBytes
  constructor(parley, style = {}) {
    const n = String(++calls).padStart(4, '0');
    this.parley = parley;
    this.style = { counters: 'string', marks: 'echo', path: 'twiml', voice: '/voice', frameBytes: [160], ...style };
    this.sid = `CA${n.padStart(32, '0')}`;
    this.streamSid = `MZ${n.padStart(32, '0')}`;
    this.account = `AC${'7'.repeat(32)}`;
    this.from = `+1555020${n}`;
    this.to = '+15550100002';
    this.seed = 5000 + calls;
  }

  get form() {
    return { AccountSid: this.account, ApiVersion: '2010-04-01', CallSid: this.sid, CallStatus: 'ringing', Called: this.to, Caller: this.from, Direction: 'inbound', From: this.from, To: this.to, FromCity: '' };
  }

  async dial() {
    const { voice } = this.style;
    const answer = await post(this.parley, this.form, sign(publicUrl + voice, this.form), voice);
    assert.equal(answer.status, 200);
    this.twiml = readTwiml(await answer.text());
    return this.twiml;
  }

  async open() {
    const url = this.style.path === 'bare' ? `${publicUrl.replace('https', 'wss')}/media-stream` : this.twiml.url;
    // As behind a proxy that ends TLS: signed for the public address, delivered to the local one.
    const { pathname } = new URL(url);
    this.socket = new WebSocket(`ws://127.0.0.1:${this.parley.port}${pathname}`, { headers: { 'x-twilio-signature': sign(url) }, perMessageDeflate: false });
    this.socket.on('message', (data, isBinary) => this.#hear(data, isBinary));
    this.socket.on('close', (code, reason) => this.#end(code, String(reason)));
    await new Promise((done, fail) => this.socket.once('open', done).once('error', fail));
    this.socket.on('error', () => {});
  }

  number(value) { return this.style.counters === 'number' ? value : String(value); }
  send(message) { this.sendRaw(JSON.stringify(message)); }
  sendRaw(data) { if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data); }
  #event(event, fields) { this.send({ event, sequenceNumber: this.number(++this.sequence), streamSid: this.streamSid, ...fields }); }

  start(parameters = this.twiml.parameters) {
    this.sequence = 0;
    this.startedAt = performance.now();
    this.send({ event: 'connected', protocol: 'Call', version: '1.0.0' });
    this.#event('start', { start: { accountSid: this.account, streamSid: this.streamSid, callSid: this.sid, tracks: ['inbound'], mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 }, customParameters: parameters } });
    this.hasStarted = true;
  }

  // Fifty times a second, on absolute deadlines, until the line is dropped.
  speak() {
    this.chunk = 0;
    this.offsetMs = Math.round(performance.now() - this.startedAt);
    this.spokenMs = 0;
    let last = performance.now();
    this.timer = setInterval(() => {
      const now = performance.now();
      this.longestPauseMs = Math.max(this.longestPauseMs, now - last);
      last = now;
      while (this.startedAt + this.offsetMs + this.spokenMs <= now) this.sendFrame();
    }, 10);
  }

  sendFrame() {
    const { frameBytes } = this.style;
    const frame = noise(this.seed * 7919 + this.chunk, frameBytes[this.chunk % frameBytes.length]);
    this.#event('media', { media: { track: 'inbound', chunk: this.number(++this.chunk), timestamp: this.number(this.offsetMs + this.spokenMs), payload: frame.toString('base64') } });
    this.spokenMs += frame.length / 8;
    this.sent.push(frame);
  }

  // No more frames; waits until the model has all that were sent.
  async fallSilent(session) {
    clearInterval(this.timer);
    await until(() => session.voice.length >= this.sentAudio.length, () => `all caller audio arrives; ${session.voice.length} of ${this.sentAudio.length} bytes did`);
  }

  press(digit) { this.#event('dtmf', { dtmf: { track: 'inbound_track', digit } }); }

  hangUp({ andGoOn = 0 } = {}) {
    clearInterval(this.timer);
    this.#event('stop', { stop: { accountSid: this.account, callSid: this.sid } });
    for (let i = 0; i < andGoOn; ++i) this.sendFrame();
    if (andGoOn === 0) this.socket.close();
  }

  // ---- what the server says ---------------------------------------------------------------------

  #hear(data, isBinary) {
    const at = performance.now();
    if (isBinary) return this.violations.push('a binary message');
    const text = String(data);
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.violations.push(`not JSON: ${text}`);
    }
    if (!this.hasStarted) this.violations.push('a message before the start');
    if (this.hasEnded) this.violations.push('a message after the end');
    const shape = shapes[message.event];
    if (!shape || JSON.stringify(shapeOf(message)) !== JSON.stringify(shape)) this.violations.push(`not Twilio's fields: ${text.slice(0, 200)}`);
    if (message.streamSid !== this.streamSid) this.violations.push(`foreign streamSid: ${message.streamSid}`);
    this.messages.push({ ...message, at });
    if (message.event === 'media') this.#play(message.media.payload, at);
    if (message.event === 'mark') this.#mark(message.mark.name, at);
    if (message.event === 'clear') this.#clear(at);
  }

  #play(payload, at) {
    const bytes = Buffer.from(payload, 'base64');
    if (bytes.toString('base64') !== payload) this.violations.push(`not base64: ${payload.slice(0, 40)}`);
    if (bytes.length === 0 || bytes.length % 160 !== 0) this.violations.push(`a frame of ${bytes.length} bytes`);
    if (payload.length > 32_000) this.violations.push(`a message of ${payload.length} characters`);
    this.plays.push({ from: Math.max(at, this.playedUntil ?? 0), bytes });
    this.playedUntil = this.plays.at(-1).from + bytes.length / 8;
  }

  #mark(name, at) {
    if (this.marks.has(name) || this.echoed.some((mark) => mark.name === name)) this.violations.push(`a mark twice: ${name}`);
    if (name.length > 64) this.violations.push(`a long mark: ${name}`);
    const wait = Math.max(0, (this.playedUntil ?? 0) - at);
    this.marks.set(name, setTimeout(() => this.#echo(name, false), Math.ceil(wait)));
  }

  #echo(name, cleared) {
    clearTimeout(this.marks.get(name));
    this.marks.delete(name);
    if (this.style.marks === 'never') return;
    this.echoed.push({ name, at: performance.now(), cleared });
    this.#event('mark', { mark: { name } });
  }

  #clear(at) {
    this.#cut(at);
    for (const name of [...this.marks.keys()]) this.#echo(name, true);
  }

  // What has not been played by now never will be.
  #cut(at) {
    this.plays = this.plays.filter((play) => play.from < at);
    const last = this.plays.at(-1);
    if (last) last.bytes = last.bytes.subarray(0, Math.floor((at - last.from) * 8));
    this.playedUntil = at;
  }

  #end(code, reason) {
    this.hasEnded = true;
    clearInterval(this.timer);
    this.#cut(performance.now());
    this.closed = { code, reason, at: performance.now(), unechoed: [...this.marks.keys()] };
    this.marks.forEach((timer) => clearTimeout(timer));
  }

  // ---- for the tests ----------------------------------------------------------------------------

  of(event) { return this.messages.filter((message) => message.event === event); }
  get receivedAudio() { return Buffer.concat(this.of('media').map(({ media }) => Buffer.from(media.payload, 'base64'))); }
  get sentAudio() { return Buffer.concat(this.sent); }
  heardBytes(now = performance.now()) {
    return this.plays.reduce((sum, { from, bytes }) => sum + Math.max(0, Math.min(bytes.length, Math.floor((now - from) * 8))), 0);
  }
  get heardAudio() { return Buffer.concat(this.plays.map(({ bytes }) => bytes)); }
  isHeard(bytes) { return until(() => this.heardBytes() >= bytes, () => `${bytes} bytes are heard; there are ${this.heardBytes()}`); }
  isClosed() { return until(() => this.closed, 'the server closes the stream'); }
  end() {
    clearInterval(this.timer);
    this.socket?.terminate();
  }
}

// Whole 20 ms frames, as they must reach the carrier.
export function padded(audio) {
  return Buffer.concat([audio, Buffer.alloc((160 - (audio.length % 160)) % 160, 0xff)]);
}

// A caller whose call is answered and who has heard the greeting, and the model's side of it.
export async function greeted(t, parley, model, phone = new Phone(parley)) {
  t.after(() => phone.end());
  await phone.dial();
  const session = await model.sessionOf(phone.from);
  const greeting = noise(11, ms(200));
  session.script.push([{ says: 'Hello, this is Sarah.', audio: greeting }]);
  await phone.open();
  phone.start();
  phone.speak();
  await phone.isHeard(padded(greeting).length);
  await until(() => phone.echoed.length && phone.marks.size === 0, 'the greeting is heard');
  return { phone, session };
}
