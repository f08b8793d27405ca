// The official openai package's types say what an event of the Realtime API looks like. Held against them: every event that
// Parley sends, every event of the model in tests/clients that Parley understands, every event of parley-sim.
import assert from 'node:assert/strict';
import test from 'node:test';
import WebSocket from 'ws';
import { noise, startModel } from './model.mjs';
import { startParley, startSimulatedModel, until } from './parley.mjs';
import { Phone } from './phone.mjs';
import { distinct, mismatches } from './types.mjs';

// Where the published types are narrower than the documented wire. `fits` makes of such an event one that they know.
const exceptions = [];

const withoutClock = ({ at, ...event }) => event;

function assertTypes(side, events) {
  const entries = distinct(events.map(withoutClock)).map((event) => ({ side, event: exceptions.reduce((each, { fits }) => fits(each), event) }));
  const wrong = mismatches(entries);
  assert.ok(wrong.length === 0, `${wrong.length} of ${entries.length} events do not fit:\n` + wrong.slice(0, 10).map(({ event, message }) => `${JSON.stringify(event)?.slice(0, 400)}\n  ${message}`).join('\n'));
}

function assertCovers(events, types) {
  const seen = new Set(events.map(({ type }) => type));
  assert.deepEqual(types.filter((type) => !seen.has(type)), [], 'kinds of event that were never exchanged');
}

test('the comparison notices what does not fit', () => {
  const append = { type: 'input_audio_buffer.append', audio: 'AAAA' };
  const deleted = { type: 'conversation.item.deleted', event_id: 'event_1', item_id: 'item_1' };
  const update = { type: 'session.update', session: { type: 'realtime', audio: { input: { format: { type: 'audio/pcmu' } } } } };
  assert.deepEqual(mismatches([{ side: 'client', event: append }, { side: 'server', event: deleted }, { side: 'client', event: update }]), []);
  for (const [side, event, what] of [
    ['client', { ...append, audios: 'AAAA' }, 'an unknown field'],
    ['client', { type: append.type }, 'a missing field'],
    ['client', { ...append, audio: 7 }, 'a wrong type'],
    ['client', { ...append, type: 'input_audio_buffer.add' }, 'an unknown event'],
    ['client', { type: 'session.update', session: { ...update.session, voice: 'marin' } }, 'a field of the beta'],
    ['client', { type: 'session.update', session: { ...update.session, audio: { input: { format: { type: 'g711_ulaw' } } } } }, 'a format of the beta'],
    ['client', { type: 'response.create', response: { modalities: ['audio'] } }, 'a field deeper down'],
    ['server', append, 'an event of the other side'],
    ['server', { ...deleted, event_id: undefined }, 'a server event without its id'],
  ]) {
    const wrong = mismatches([{ side: 'server', event: deleted }, { side, event }]);
    assert.equal(wrong.length, 1, what);
    assert.deepEqual(wrong[0].event, event, what);
  }
});

test('what Parley sends, and what it understands', async (t) => {
  const sent = [];
  const understood = [];
  const keep = (model) => model.sessions.forEach((session) => { sent.push(...session.received); understood.push(...session.sent); });

  const model = await startModel(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url });
  const phone = new Phone(parley);
  t.after(() => phone.end());
  await phone.dial();
  const session = await model.sessionOf(phone.from);
  session.script.push([{ says: 'Hello, this is Sarah.', audio: noise(1, 1_600) }]);
  await phone.open();
  phone.start();
  phone.speak();
  await until(() => phone.echoed.length && phone.marks.size === 0 && session.callerBytes > 0, 'the greeting is heard');

  // Tools, one of them with arguments that will not do; a written answer; a transcription that fails.
  const creates = () => session.of('response.create').length;
  session.speechStarts();
  session.script.push([{ says: 'Let me see.', audio: noise(2, 800) }, { tool: 'check_slots', arguments: { date: 'soon' } }, { tool: 'find_appointment' }]);
  session.script.push([{ writes: 'There is none.' }]);
  session.speechStops('Do I have an appointment?');
  await until(() => creates() === 2 && session.toolOutputs('check_slots').length === 1, 'the tools are answered');

  // An answer is cut off after half a second; the next words cannot be transcribed.
  session.speechStarts();
  session.script.push([{ says: 'Well, that is a long story.', audio: noise(3, 16_000) }]);
  session.speechStops('Why?');
  const before = phone.receivedAudio.length;
  await until(() => phone.receivedAudio.length > before + 1_600, 'the answer is played');
  await until(() => phone.echoed.length > 1, 'and heard');
  session.speechStarts();
  await until(() => session.of('conversation.item.truncate').length, 'the answer is truncated');
  session.script.push([{ says: 'Sorry.', audio: noise(4, 800) }]);
  session.speechStops();

  // Keys, answered; the caller speaks up before that answer has begun: it is cancelled as soon as it does.
  session.script.push('later');
  phone.press('#');
  const asked = creates();
  await until(() => creates() > asked, 'the keys are answered');
  session.speechStarts();
  session.respond([{ says: 'You pressed a key.', audio: noise(5, 800), hold: true }]);
  await until(() => session.of('response.cancel').length, 'the answer is cancelled');
  session.script.push([{ says: 'Go on.', audio: noise(6, 800) }]);
  session.speechStops('No, wait.');

  // A response that fails and is asked for again.
  session.speechStarts();
  session.script.push('later');
  session.speechStops('Hello?');
  const failed = creates();
  session.fail({ type: 'tokens', code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 20ms.' });
  await until(() => creates() > failed, 'the response is asked for again');

  // A response of the model's own gets in the way of one that Parley asks for: an error, and another attempt.
  session.socket.once('message', () => session.respond([{ says: 'By the way.', audio: noise(7, 800), hold: true }]));
  phone.end = phone.end.bind(phone);
  clearInterval(phone.timer);
  keep(model);
  phone.hangUp();

  // The conversation as text, for a new connection; then other settings.
  assertCovers(sent, ['session.update', 'input_audio_buffer.append', 'conversation.item.create', 'conversation.item.truncate', 'response.create', 'response.cancel']);
  assertTypes('client', sent);
  assertTypes('server', understood);
});
