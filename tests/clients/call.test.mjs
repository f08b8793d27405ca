// Whole calls through `parley serve` with the shipped settings, between a carrier and a model that know nothing of Parley
// but the protocols of Twilio Media Streams and OpenAI Realtime (GA).
import assert from 'node:assert/strict';
import test, { describe, before, after } from 'node:test';
import { noise, startModel } from './model.mjs';
import { publicUrl, startParley, until } from './parley.mjs';
import { Phone, ms, padded, post, sign } from './phone.mjs';

// How far two honest clocks may differ, on a machine that let us wait for so long.
const slackMs = (phone) => 150 + 4 * phone.longestPauseMs;

// A weekday far enough ahead to be bookable, and not one of the shipped holidays.
function openDay() {
  for (let ahead = 4; ; ++ahead) {
    const day = new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
    const weekday = new Date(`${day}T12:00:00Z`).getUTCDay();
    if (weekday > 0 && weekday < 6 && !['12-25', '01-01'].includes(day.slice(5))) return day;
  }
}

// before() has no context whose after() would run when the suite ends.
const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let model;
let parley;

describe('a call with only the documented environment', { concurrency: true }, () => {
  before(async () => {
    model = await startModel(suite);
    parley = await startParley(suite, { OPENAI_BASE_URL: model.url });
  });
  after(async () => {
    for (const stop of suite.stops.reverse()) await stop();
    assert.doesNotMatch(parley.child.log, /^\S+ (error|critical) /m, 'no error is in the log');
  });

  // A phone that has been announced, and the model's session that was opened for it.
  async function announced(t, style) {
    const phone = new Phone(parley, style);
    t.after(() => phone.end());
    await phone.dial();
    const session = await model.sessionOf(phone.from);
    return { phone, session };
  }

  // ... and that has heard a greeting of `length` bytes.
  async function greeted(t, style, length = ms(300)) {
    const { phone, session } = await announced(t, style);
    const greeting = noise(11, length);
    session.script.push([{ says: 'Hello, this is Sarah.', audio: greeting }]);
    await phone.open();
    phone.start();
    await until(() => session.of('response.create').length, 'the greeting is asked for');
    assert.equal(session.of('input_audio_buffer.append').length, 0, 'before a word of the caller');
    phone.speak();
    await phone.isHeard(padded(greeting).length);
    await isQuiet(phone, session);
    return { phone, session, greeting };
  }

  // Parley knows that all has been heard: a frame sent behind the last mark's echo has come through.
  async function isQuiet(phone, session) {
    if (phone.style.marks === 'never') return;
    await until(() => phone.echoed.length && phone.marks.size === 0, 'every mark is echoed');
    const spoken = phone.sentAudio.length;
    await until(() => phone.sentAudio.length > spoken && session.voice.length > spoken, 'the caller is heard');
  }

  function assertClean(phone, session) {
    assert.deepEqual(phone.violations, []);
    assert.deepEqual(session.problems, []);
  }

  // Parley adds a second of silence for a caller who was not to be heard for three quarters of one, which happens here only
  // when this machine lets us or Parley wait for so long.
  function assertCallerHeardByModel(phone, session) {
    assert.ok(session.voice.equals(phone.sentAudio), `the caller's ${phone.sentAudio.length} bytes arrive as they are; ${session.callerBytes} did`);
    assert.equal((session.callerBytes - phone.sentAudio.length) % ms(1_000), 0, 'with nothing in between');
  }

  test('health tells that it is well', async () => {
    const health = await parley.health();
    assert.equal(health.status, 'ok');
  });

  test('from the greeting to the appointment and the goodbye', async (t) => {
    const day = openDay();
    const phone = new Phone(parley);
    t.after(() => phone.end());

    // The model's connection is opened by the webhook, while the phone is still being answered.
    const { url, parameters, action } = await phone.dial();
    assert.match(url, /^wss:\/\/voice\.example\.com\/media-stream(\/\d+)?$/);
    assert.equal(parameters.callSid, phone.sid);
    assert.equal(parameters.callerNumber, phone.from);
    assert.ok(action.startsWith(`${publicUrl}/`));
    const session = await model.sessionOf(phone.from);
    assert.equal(session.received[0].type, 'session.update');
    assert.equal(session.received.length, 1, 'nothing else is said before there is a caller');
    const { settings } = session;
    assert.equal(settings.audio.input.format.type, 'audio/pcmu');
    assert.equal(settings.audio.output.format.type, 'audio/pcmu');
    assert.deepEqual(settings.tools.map(({ name }) => name).sort(), ['book_appointment', 'cancel_appointment', 'check_slots', 'end_call', 'find_appointment']);
    assert.match(settings.instructions, /Riverside Medical/);

    // The greeting is asked for when the stream starts, before any audio.
    const greeting = noise(21, 10_007);  // no whole number of frames
    session.script.push([{ says: 'Thank you for calling.', audio: greeting }]);
    await phone.open();
    phone.start();
    const [ask] = await until(() => session.of('response.create').length && session.of('response.create'), 'the greeting is asked for');
    assert.match(ask.response.instructions, /Thank you for calling Riverside Medical/);
    phone.speak();
    await phone.isHeard(padded(greeting).length);
    assert.ok(phone.receivedAudio.equals(padded(greeting)), 'the greeting is played to the byte, its tail filled with silence');
    await isQuiet(phone, session);

    // The caller asks for a day. Nothing was playing, so there is nothing to clear.
    session.speechStarts();
    session.script.push([{ says: 'Let me check.', audio: noise(22, 2_400) }, { tool: 'check_slots', arguments: { date: day } }]);
    const list = noise(23, ms(4_000));
    session.script.push([{ says: 'I have nine, ten, eleven and many more times. Which one would you like?', audio: list, hold: true }]);
    session.speechStops('I would like to see the doctor.');
    const [slots] = await until(() => session.toolOutputs('check_slots').length && session.toolOutputs('check_slots'), 'check_slots is answered');
    assert.equal(slots.date, day);
    assert.ok(slots.available_slots.includes('10:00 AM'), JSON.stringify(slots));
    assert.equal(phone.of('clear').length, 0);

    // The answer to the results is interrupted while it is being made, with deltas still on their way.
    await until(() => session.active?.open?.says.startsWith('I have nine'), 'the results are answered');
    const item = session.active.open.item.id;
    const before = padded(greeting).length + 2_400;
    await phone.isHeard(before + ms(900));
    const soFar = phone.receivedAudio.length;
    assert.ok(phone.receivedAudio.subarray(before).equals(list.subarray(0, soFar - before)));
    const createsBefore = session.of('response.create').length;
    session.speechStarts({ late: 3 });
    const [truncate] = await until(() => session.of('conversation.item.truncate').length && session.of('conversation.item.truncate'), 'the item is truncated');
    await until(() => phone.of('clear').length, 'the playback is cleared');
    const sentMs = (phone.receivedAudio.length - before) / 8;
    const heardMs = (phone.heardBytes() - before) / 8;
    assert.equal(truncate.item_id, item);
    assert.equal(truncate.content_index, 0);
    assert.ok(truncate.audio_end_ms <= sentMs, `truncated at ${truncate.audio_end_ms} of ${sentMs} sent`);
    assert.ok(Math.abs(truncate.audio_end_ms - heardMs) < slackMs(phone), `truncated at ${truncate.audio_end_ms}, heard ${heardMs}`);
    assert.ok(sentMs - heardMs < 200 + slackMs(phone), `${sentMs - heardMs} ms were sent ahead`);

    // The caller picks a time: two tools in one response, one answer to both. After the clear nothing is sent until then.
    session.script.push([
      { tool: 'find_appointment' },
      { tool: 'book_appointment', arguments: { customer_name: 'Ana María López', date: day, time: '10:00 AM' } },
    ]);
    const farewell = noise(24, 9_001);
    session.script.push([{ says: 'You are booked. Goodbye.', audio: farewell }, { tool: 'end_call' }]);
    const clearedAt = phone.messages.findIndex(({ event }) => event === 'clear');
    assert.equal(phone.messages.length, clearedAt + 1, 'nothing is sent after the clear');
    session.speechStops('Ten, please.');
    const [booked] = await until(() => session.toolOutputs('book_appointment').length && session.toolOutputs('book_appointment'), 'book_appointment is answered');
    assert.equal(booked.success, true, JSON.stringify(booked));
    assert.match(booked.confirmation_number, /^APT-\d{5}$/);
    await until(() => session.of('response.create').length > createsBefore, 'the results are answered');

    // end_call: the line is dropped when the goodbye has been heard, not before.
    await phone.isClosed();
    assert.equal(phone.closed.code, 1000);
    assert.deepEqual(phone.closed.unechoed, [], 'every mark had come back');
    const lastMark = phone.of('mark').at(-1);
    assert.equal(phone.echoed.at(-1).name, lastMark.mark.name);
    assert.equal(phone.echoed.at(-1).cleared, false);
    assert.ok(phone.closed.at >= phone.echoed.at(-1).at, 'closed after the last mark came back');
    assert.ok(phone.messages.indexOf(lastMark) > phone.messages.findLastIndex(({ event }) => event === 'media'), 'which was sent behind the last audio');
    const afterClear = Buffer.concat(phone.messages.slice(clearedAt).filter(({ event }) => event === 'media').map(({ media }) => Buffer.from(media.payload, 'base64')));
    assert.ok(afterClear.equals(padded(farewell)), 'after the clear only the new answer is played, all of it');
    assert.ok(phone.heardAudio.subarray(-padded(farewell).length).equals(padded(farewell)), 'and heard to its end');
    assert.equal(session.of('response.create').length, createsBefore + 1, 'one answer for two tools, none after the goodbye');
    assert.equal(session.toolOutputs('find_appointment').length, 1);
    assert.equal(session.of('response.cancel').length, 0, 'the model interrupts itself');
    await until(() => session.closed, "the model's connection is closed");
    assert.equal(session.closed.code, 1000);
    assert.ok(session.hasPonged, 'a ping is answered');
    assertClean(phone, session);

    // Twilio goes on in its document.
    const ended = await post(parley, phone.form, sign(action, phone.form), new URL(action).pathname);
    assert.match(await ended.text(), /<Hangup\/>/);

    const rows = parley.query(`SELECT * FROM appointments WHERE call_sid = '${phone.sid}'`);
    assert.equal(rows.length, 1);
    assert.equal(rows[0].customer_name, 'Ana María López');
    assert.equal(rows[0].phone_number, phone.from);
    assert.equal(rows[0].appointment_date, day);
    assert.equal(rows[0].appointment_time, '10:00 AM');
    assert.equal(rows[0].confirmation_number, booked.confirmation_number);

    const ending = await until(() => parley.ask('calls').find((call) => call.call_sid === phone.sid && call.outcome), 'the call is on record');
    assert.equal(ending.outcome, 'appointment_booked');
    const journal = parley.ask('transcript', phone.sid);
    const cut = journal.find((entry) => entry.type === 'agent_said' && entry.interrupted);
    assert.ok(cut.heard.length > 0 && cut.unheard.length > 0, JSON.stringify(cut));
    assert.equal(cut.heard_ms, truncate.audio_end_ms);
    assert.ok(journal.some((entry) => entry.type === 'caller_said' && entry.text === 'Ten, please.'));
  });

  test('what the caller says arrives byte for byte', async (t) => {
    const { phone, session } = await greeted(t);
    await until(() => phone.sentAudio.length >= ms(600), 'the caller speaks');
    await phone.fallSilent(session);
    phone.hangUp();
    await until(() => session.closed, "the model's connection is closed");
    assertCallerHeardByModel(phone, session);
    assertClean(phone, session);
  });

  test('a client that opens the bare address and writes numbers, in pieces of any length', async (t) => {
    const { phone, session, greeting } = await greeted(t, { path: 'bare', counters: 'number', frameBytes: [160, 80, 320, 8, 160, 400] });
    session.speechStarts();
    const answer = noise(31, 4_321);
    session.script.push([{ says: 'Certainly.', audio: answer }]);
    session.speechStops('Hello?');
    await phone.isHeard(padded(greeting).length + padded(answer).length);
    assert.ok(phone.receivedAudio.equals(Buffer.concat([padded(greeting), padded(answer)])));
    await phone.fallSilent(session);
    phone.hangUp();
    await until(() => session.closed, "the model's connection is closed");
    assertCallerHeardByModel(phone, session);
    assertClean(phone, session);
    const ending = await until(() => parley.ask('calls').find((call) => call.call_sid === phone.sid && call.outcome), 'the call is on record');
    assert.equal(ending.outcome, 'caller_hung_up');
  });

  test('a client that never echoes a mark is hung up on all the same, after the goodbye', async (t) => {
    const { phone, session, greeting } = await greeted(t, { marks: 'never' });
    session.speechStarts();
    const farewell = noise(41, 4_000);
    session.script.push([{ says: 'Goodbye.', audio: farewell }, { tool: 'end_call' }]);
    session.speechStops('That is all.');
    await phone.isClosed();
    assert.equal(phone.closed.code, 1000);
    assert.ok(phone.heardAudio.equals(Buffer.concat([padded(greeting), padded(farewell)])));
    assertClean(phone, session);
  });

  test('an answer that has been made but not heard is cut off too', async (t) => {
    const { phone, session, greeting } = await greeted(t);
    session.speechStarts();
    const answer = noise(51, ms(3_000));
    session.script.push([{ says: 'This is a rather long answer to a short question.', audio: answer }]);
    session.speechStops('Why?');
    assert.equal(session.active, null, 'the model is done with it at once');
    await phone.isHeard(padded(greeting).length + ms(500));
    session.speechStarts();
    const truncate = await until(() => session.of('conversation.item.truncate')[0], 'the item is truncated');
    await until(() => phone.of('clear').length, 'the playback is cleared');
    assert.ok(truncate.audio_end_ms <= (phone.receivedAudio.length - padded(greeting).length) / 8);
    assert.ok(truncate.audio_end_ms > 500 - slackMs(phone), `truncated at ${truncate.audio_end_ms}, heard at least 500`);
    const next = noise(52, 1_600);
    session.script.push([{ says: 'Sorry.', audio: next }]);
    session.speechStops('Stop.');
    await until(() => phone.receivedAudio.subarray(-next.length).equals(next), 'the next answer is played');
    await isQuiet(phone, session);
    assert.equal(phone.of('clear').length, 1);
    phone.hangUp();
    await until(() => session.closed, "the model's connection is closed");
    assertClean(phone, session);
  });

  test('keys are told to the model as text', async (t) => {
    const { phone, session } = await greeted(t);
    [...'42#'].forEach((digit) => phone.press(digit));
    const told = await until(() => session.of('conversation.item.create').find(({ item }) => item.role === 'system'), 'the keys are told');
    assert.match(told.item.content[0].text, /42#/);
    await until(() => session.of('response.create').length === 2, 'and answered');
    phone.hangUp();
    await until(() => session.closed, "the model's connection is closed");
    assertClean(phone, session);
  });

  test('what comes behind the stop is ignored', async (t) => {
    const { phone, session } = await greeted(t);
    await phone.fallSilent(session);
    const spoken = session.voice.length;
    phone.hangUp({ andGoOn: 25 });
    await phone.isClosed();
    await until(() => session.closed, "the model's connection is closed");
    assert.equal(session.voice.length, spoken, 'none of it reaches the model');
    assert.deepEqual(phone.violations, []);
    assert.equal((await parley.health()).status, 'ok');
  });

  test('nonsense on the line is ignored, and what is heard stays whole', async (t) => {
    const { phone, session, greeting } = await greeted(t);
    const media = { event: 'media', sequenceNumber: '7', streamSid: phone.streamSid, media: { track: 'inbound', chunk: '1', timestamp: '5', payload: '' } };
    for (const nonsense of [
      '{"event":', '[]', '{}', '{"event":7}', JSON.stringify({ event: 'applause', streamSid: phone.streamSid }),
      JSON.stringify({ ...media, media: { ...media.media, payload: '!!!!' } }), JSON.stringify({ ...media, media: 'loud' }),
      JSON.stringify({ ...media, streamSid: 'MZ00000000000000000000000000009999', media: { ...media.media, payload: 'AAAA' } }),
      JSON.stringify({ event: 'mark', streamSid: phone.streamSid, mark: { name: 'm999999' } }), JSON.stringify({ event: 'mark', streamSid: phone.streamSid }),
      JSON.stringify({ event: 'dtmf', streamSid: phone.streamSid, dtmf: {} }),
    ]) {
      phone.sendRaw(nonsense);
      phone.sendFrame();
    }
    session.speechStarts();
    const answer = noise(71, 1_600);
    session.script.push([{ says: 'Pardon?', audio: answer }]);
    session.speechStops('Hello?');
    await until(() => phone.receivedAudio.equals(Buffer.concat([padded(greeting), answer])), 'the answer is played');
    await phone.fallSilent(session);
    phone.hangUp();
    await until(() => session.closed, "the model's connection is closed");
    assertCallerHeardByModel(phone, session);
    assertClean(phone, session);
    await until(() => parley.child.log.includes(`twilio.bad_message call=${phone.sid}`), 'the log tells of it');
  });

  test('what breaks the protocol closes the stream', async (t) => {
    const second = await greeted(t);
    second.phone.start();
    await second.phone.isClosed();
    assert.equal(second.phone.closed.code, 1008, 'a second start');
    const binary = await greeted(t);
    binary.phone.sendRaw(Buffer.from([1, 2, 3]));
    await binary.phone.isClosed();
    assert.equal(binary.phone.closed.code, 1003, 'a binary message');
    const { phone: early } = await announced(t);
    await early.open();
    Object.assign(early, { sequence: 0, chunk: 0, offsetMs: 0, spokenMs: 0 }).sendFrame();
    await early.isClosed();
    assert.equal(early.closed.code, 1008, 'audio before the start');
    for (const { session } of [second, binary]) await until(() => session.closed, "the model's connection is closed");
  });

  test('a connection that breaks without a word ends the call', async (t) => {
    const { phone, session } = await greeted(t);
    phone.end();
    await until(() => session.closed, "the model's connection is closed");
    const ending = await until(() => parley.ask('calls').find((call) => call.call_sid === phone.sid && call.outcome), 'the call is on record');
    assert.equal(ending.reason, 'channel_lost');
  });

  test('a webhook that is delivered twice makes one call', async (t) => {
    const { phone } = await announced(t);
    const first = phone.twiml.parameters.token;
    await phone.dial();
    assert.notEqual(phone.twiml.parameters.token, first, 'with a fresh token');
    const session = await model.sessionOf(phone.from);
    await phone.open();
    phone.start();
    await until(() => session.of('response.create').length, 'the greeting is asked for');
    assert.equal(model.sessions.filter((each) => each.settings.instructions.includes(phone.from)).length, 1);
    phone.hangUp();
  });

  test('a broken provider connection is replaced, and the conversation goes on from text', async (t) => {
    const { phone, session } = await greeted(t);
    session.speechStarts();
    const answer = noise(61, 1_600);
    session.script.push([{ says: 'Which day suits you?', audio: answer }]);
    session.speechStops('I need an appointment.');
    await until(() => phone.receivedAudio.subarray(-answer.length).equals(answer), 'the answer is played');
    await isQuiet(phone, session);
    session.socket.terminate();
    const again = await until(() => model.sessions.find((each) => each !== session && each.isReady && each.settings.instructions.includes(phone.from)), 'a new session');
    assert.equal(again.settings.instructions, session.settings.instructions, 'the very same words, for the cache');
    const texts = () => again.of('conversation.item.create').map(({ item }) => [item.role, item.content[0].type, item.content[0].text]);
    await until(() => texts().length >= 3, () => `the conversation is told again: ${JSON.stringify(texts())}`);
    assert.deepEqual(texts(), [
      ['assistant', 'output_text', 'Hello, this is Sarah.'],
      ['user', 'input_text', 'I need an appointment.'],
      ['assistant', 'output_text', 'Which day suits you?'],
    ]);
    await until(() => again.callerBytes > 0, 'the caller is heard again');
    phone.hangUp();
    await until(() => again.closed, "the model's connection is closed");
    assertClean(phone, session);
    assert.deepEqual(again.problems, []);
  });
});

test('a stream without its token opens no connection to the model', async (t) => {
  const fresh = await startModel(t);
  const server = await startParley(t, { OPENAI_BASE_URL: fresh.url });
  async function refused(what, phone, parameters) {
    t.after(() => phone.end());
    phone.twiml = { url: `${publicUrl.replace('https', 'wss')}/media-stream` };
    await phone.open();
    phone.start(parameters);
    phone.speak();
    await phone.isClosed();
    assert.equal(phone.closed.code, 1008, what);
    assert.deepEqual(phone.messages, [], `${what}: nothing is said`);
  }
  await refused('no parameters', new Phone(server), {});
  await refused('no token', new Phone(server), { callSid: 'CA1', callerNumber: '+15550200000' });
  await refused('a made-up token', new Phone(server), { callSid: 'CA1', token: '0'.repeat(32) });
  assert.equal(fresh.upgrades.length, 0);

  // The token of a call that was announced does for no other one, and for that one once.
  const phone = new Phone(server);
  t.after(() => phone.end());
  await phone.dial();
  const session = await fresh.sessionOf(phone.from);
  const { parameters } = phone.twiml;
  await refused("another call's token", new Phone(server), parameters);
  await phone.open();
  phone.start();
  await until(() => session.of('response.create').length, 'the greeting is asked for');
  await refused('a used token', Object.assign(new Phone(server), { sid: phone.sid }), parameters);
  assert.equal(phone.closed, null, 'the first stream goes on');
  assert.equal(fresh.upgrades.length, 1);
  assert.equal((await server.health()).calls, 1);
});

test('audio is converted where the model is to hear and speak 24 kHz', async (t) => {
  const wide = await startModel(t);
  const server = await startParley(t, { OPENAI_BASE_URL: wide.url }, 'openai: {audio: pcm16_24k}');
  const phone = new Phone(server);
  t.after(() => phone.end());
  await phone.dial();
  const session = await wide.sessionOf(phone.from);
  assert.deepEqual(session.settings.audio.input.format, { type: 'audio/pcm', rate: 24_000 });
  assert.deepEqual(session.settings.audio.output.format, { type: 'audio/pcm', rate: 24_000 });
  // A second of a tone, odd pieces and all.
  const tone = Buffer.alloc(48_000);
  for (let i = 0; i < 24_000; ++i) tone.writeInt16LE(Math.round(9_000 * Math.sin((2 * Math.PI * 440 * i) / 24_000)), 2 * i);
  session.script.push([{ says: 'Beep.', audio: tone }]);
  await phone.open();
  phone.start();
  phone.speak();
  await until(() => phone.receivedAudio.length >= ms(980) && phone.marks.size === 0, 'the tone is heard');
  const frames = phone.receivedAudio;
  assert.ok(frames.length <= ms(1_040), `${frames.length / 8} ms are played`);
  // The tone's period at 8 kHz: sign changes of the mu-law samples, whose top bit is the sign.
  const body = frames.subarray(ms(100), ms(900));
  let crossings = 0;
  for (let i = 1; i < body.length; ++i) if ((body[i] ^ body[i - 1]) & 0x80) ++crossings;
  assert.ok(Math.abs(crossings - 704) <= 4, `${crossings} sign changes in 800 ms of 440 Hz`);
  // What the caller says grows six times: twice the bytes, three times the samples. A few milliseconds stay in the filter.
  await until(() => session.callerBytes >= 6 * ms(200), 'the caller is heard');
  clearInterval(phone.timer);
  const spoken = 6 * phone.sentAudio.length;
  await until(() => session.callerBytes >= spoken - 48 * 40, () => `all but the filter's delay arrives: ${session.callerBytes} of ${spoken}`);
  // But for whole seconds of silence, where this machine let us or Parley wait for too long.
  const waited = Math.max(0, Math.round((session.callerBytes - spoken) / (6 * ms(1_000))));
  assert.ok(session.callerBytes - waited * 6 * ms(1_000) <= spoken);
  phone.hangUp();
  await until(() => session.closed, "the model's connection is closed");
  assert.deepEqual(session.problems, []);
  assert.deepEqual(phone.violations, []);
});

test('a retired model is replaced by its successor, with a warning', async (t) => {
  const fresh = await startModel(t);
  const server = await startParley(t, { OPENAI_BASE_URL: fresh.url, OPENAI_REALTIME_MODEL: 'gpt-4o-realtime-preview-2024-10-01' });
  const phone = new Phone(server);
  await phone.dial();
  await fresh.sessionOf(phone.from);
  assert.deepEqual(fresh.upgrades.map(({ path, model: name }) => [path, name]), [['/v1/realtime', 'gpt-realtime-2.1']]);
  assert.equal(fresh.upgrades[0].headers['openai-beta'], undefined);
  await until(() => /gpt-4o-realtime-preview-2024-10-01 is retired/.test(server.child.log), 'the warning');
});

test('a model that is slow to be ready gets no audio before, and the greeting first', async (t) => {
  const slow = await startModel(t, { createdAfterMs: 400 });
  const server = await startParley(t, { OPENAI_BASE_URL: slow.url });
  const phone = new Phone(server);
  t.after(() => phone.end());
  await phone.dial();
  await phone.open();
  phone.start();
  phone.speak();
  const session = await slow.sessionOf(phone.from);
  await until(() => session.of('response.create').length && session.callerBytes > 0, 'the greeting is asked for, the caller heard');
  const order = session.received.map(({ type }) => type);
  assert.deepEqual(order.slice(0, 2), ['session.update', 'response.create']);
  await until(() => phone.receivedAudio.length > 0, 'the greeting is played');
  assert.deepEqual(session.problems, []);
  assert.deepEqual(phone.violations, []);
});

test('a wrong key leaves no caller in silence', async (t) => {
  const other = await startModel(t, { key: 'sk-another' });
  const server = await startParley(t, { OPENAI_BASE_URL: other.url });
  const phone = new Phone(server);
  t.after(() => phone.end());
  await phone.dial();
  await phone.open();
  phone.start();
  phone.speak();
  await phone.isClosed();
  assert.equal(other.upgrades.length, 1, 'a wrong key does not become right by trying again');
  const { action } = phone.twiml;
  const ended = await (await post(server, phone.form, sign(action, phone.form), new URL(action).pathname)).text();
  // The apology is spoken by Parley itself, or, where it has no voice of its own, by the carrier.
  assert.ok(phone.heardBytes() > ms(500) || /<Say>[^<]+<\/Say>/.test(ended), `the caller is told: ${ended}`);
  assert.deepEqual(phone.violations, []);
});
