// The official openai package's types say what an event of the Realtime API looks like. Held against them: every event that
// Parley sends, every event of the model in tests/clients that Parley understands, every event of parley-sim.
import assert from 'node:assert/strict';
import test from 'node:test';
import WebSocket from 'ws';
import { noise, startModel } from './model.mjs';
import { startParley, startSimulatedModel, until } from './parley.mjs';
import { Phone } from './phone.mjs';
import { distinct, mismatches } from './types.mjs';

// Where the published types are narrower than the documented wire, in server events only: nothing that Parley sends is excepted.
// The server writes these fields as null when there is nothing to say; the types only let them be absent.
const nullFromServer = [
  'session.include', 'session.audio.input.noise_reduction', 'session.audio.input.transcription',
  'session.audio.input.transcription.language', 'session.audio.input.transcription.prompt',
  'response.status_details', 'response.usage', 'item.content.transcript', 'error.param',
];
// The session is typed as what a client asks for, without the fields that the server sets.
const setByServer = ['session.id', 'session.object', 'session.expires_at'];

function withoutExceptions(value, path = []) {
  if (Array.isArray(value)) return value.map((each) => withoutExceptions(each, path));
  if (typeof value !== 'object' || value === null) return value;
  const isExcepted = (key, each) => {
    const name = [...path, key].join('.');
    return (each === null && nullFromServer.includes(name)) || setByServer.includes(name);
  };
  const kept = Object.entries(value).filter(([key, each]) => !isExcepted(key, each));
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutExceptions(each, [...path, key])]));
}

const withoutClock = ({ at, ...event }) => event;

function assertTypes(groups) {
  const known = (side, event) => (side === 'server' ? withoutExceptions(event) : event);
  const entries = groups.flatMap(([side, events]) => distinct(events.map(withoutClock)).map((event) => ({ side, event: known(side, event) })));
  const wrong = mismatches(entries).map(({ event, message }) => `${JSON.stringify(event)?.slice(0, 600)}\n  ${message}`);
  assert.ok(wrong.length === 0, `of ${entries.length} events, ${wrong.length} do not fit:\n${wrong.slice(0, 10).join('\n')}`);
}

function assertCovers(events, types) {
  const seen = new Set(events.map(({ type }) => type));
  assert.deepEqual(types.filter((type) => !seen.has(type)), [], 'kinds of event that were never exchanged');
}

test('the comparison notices what does not fit', () => {
  const append = { type: 'input_audio_buffer.append', audio: 'AAAA' };
  const deleted = { type: 'conversation.item.deleted', event_id: 'event_1', item_id: 'item_1' };
  const update = { type: 'session.update', session: { type: 'realtime', audio: { input: { format: { type: 'audio/pcmu' } } } } };
  const cases = [
    ['client', append],
    ['server', deleted],
    ['client', update],
    ['client', { ...append, audios: 'AAAA' }, 'an unknown field'],
    ['client', { type: append.type }, 'a missing field'],
    ['client', { ...append, audio: 7 }, 'a wrong type'],
    ['client', { ...append, type: 'input_audio_buffer.add' }, 'an unknown event'],
    ['client', { type: 'session.update', session: { ...update.session, voice: 'marin' } }, 'a field of the beta'],
    ['client', { type: 'session.update', session: { ...update.session, audio: { input: { format: { type: 'g711_ulaw' } } } } }, 'a format of the beta'],
    ['client', { type: 'response.create', response: { modalities: ['audio'] } }, 'a field deeper down'],
    ['server', append, 'an event of the other side'],
    ['server', { type: deleted.type, item_id: deleted.item_id }, 'a server event without its id'],
    ['server', { type: 'response.audio.delta', event_id: 'event_2', response_id: 'r', item_id: 'i', output_index: 0, content_index: 0, delta: 'AAAA' }, 'an event of the beta'],
  ];
  const wrong = mismatches(cases.map(([side, event]) => ({ side, event })));
  assert.deepEqual(new Set(wrong.map(({ event }) => event)), new Set(cases.filter(([, , what]) => what).map(([, event]) => event)));
});

test('what Parley sends, and what it understands', async (t) => {
  const sent = [];
  const understood = [];
  const model = await startModel(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url });
  const phone = new Phone(parley);
  t.after(() => phone.end());
  await phone.dial();
  const session = await model.sessionOf(phone.from);
  const creates = () => session.of('response.create').length;
  session.script.push([{ says: 'Hello, this is Sarah.', audio: noise(1, 1_600) }]);
  await phone.open();
  phone.start();
  phone.speak();
  await until(() => phone.echoed.length && phone.marks.size === 0 && session.callerBytes > 0, 'the greeting is heard');

  // Two tools, one of them with arguments that will not do; the answer is written.
  session.speechStarts();
  session.script.push([{ says: 'Let me see.', audio: noise(2, 800) }, { tool: 'check_slots', arguments: { date: 'soon' } }, { tool: 'find_appointment' }]);
  session.script.push([{ writes: 'There is none.' }]);
  session.speechStops('Do I have an appointment?');
  await until(() => creates() === 2, 'the tools are answered');

  // An answer is cut off; what the caller said into it cannot be transcribed.
  session.speechStarts();
  session.script.push([{ says: 'Well, that is a long story.', audio: noise(3, 16_000) }]);
  session.speechStops('Why?');
  const before = phone.echoed.length;
  await until(() => phone.echoed.length > before, 'the answer is heard');
  session.speechStarts();
  await until(() => session.of('conversation.item.truncate').length, 'the answer is truncated');
  session.script.push([{ says: 'Sorry.', audio: noise(4, 800) }]);
  session.speechStops();

  // A key. The caller speaks up before it is answered: the answer is cancelled as soon as it begins.
  session.script.push('later');
  phone.press('#');
  await until(() => creates() === 3, 'the key is answered');
  session.speechStarts();
  session.respond([{ says: 'You pressed a key.', audio: noise(5, 800), hold: true }]);
  await until(() => session.of('response.cancel').length, 'the answer is cancelled');
  session.script.push([{ says: 'Go on.', audio: noise(6, 800) }]);
  session.speechStops('No, wait.');

  // A response of the model's own gets in the way of the one that Parley asks for.
  session.before = (event) => {
    if (event.type !== 'conversation.item.create') return;
    session.before = undefined;
    session.respond([{ says: 'By the way.', audio: noise(7, 800), hold: true }]);
  };
  phone.press('#');
  await until(() => session.problems.some((problem) => problem.includes('already has an active response')), 'the two meet');
  session.script.push('later');
  const met = creates();
  session.finish();
  await until(() => creates() > met, 'it is asked for again');

  // That one fails, and is asked for once more.
  const failed = creates();
  session.fail({ type: 'tokens', code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 20ms.' });
  await until(() => creates() > failed, 'the response is asked for again');

  // A new connection is told the conversation.
  session.socket.terminate();
  const again = await until(() => model.sessions.find((each) => each !== session && each.isReady), 'a new session');
  await until(() => new Set(again.of('conversation.item.create').map(({ item }) => item.role)).size === 3, 'it is told what all three have said');
  phone.hangUp();
  assert.deepEqual(session.problems, session.problems.filter((problem) => problem.includes('already has an active response')));
  assert.deepEqual(again.problems, []);

  // Other settings make other sessions.
  for (const overlay of [
    'openai: {audio: pcm16_24k, transcription_model: "", turn_detection: {type: semantic_vad, eagerness: low}}',
    'openai: {voice: cedar, model: gpt-realtime-2.1-mini, turn_detection: {threshold: 0.75}}\nagents: {sarah: {script: sarah, language: de-DE}}',
  ]) {
    const other = await startParley(t, { OPENAI_BASE_URL: model.url }, overlay);
    const caller = new Phone(other);
    await caller.dial();
    await model.sessionOf(caller.from);
  }
  assert.equal(model.sessions.length, 4);

  for (const each of model.sessions) {
    sent.push(...each.received);
    understood.push(...each.sent);
  }
  assertCovers(sent, ['session.update', 'input_audio_buffer.append', 'conversation.item.create', 'conversation.item.truncate', 'response.create', 'response.cancel']);
  assertCovers(understood, [
    'session.created', 'session.updated', 'error', 'input_audio_buffer.speech_started', 'input_audio_buffer.speech_stopped', 'input_audio_buffer.committed',
    'conversation.item.added', 'conversation.item.done', 'conversation.item.truncated', 'conversation.item.input_audio_transcription.delta',
    'conversation.item.input_audio_transcription.completed', 'conversation.item.input_audio_transcription.failed', 'response.created',
    'response.output_item.added', 'response.content_part.added', 'response.output_audio_transcript.delta', 'response.output_audio.delta',
    'response.output_audio.done', 'response.output_audio_transcript.done', 'response.output_text.delta', 'response.output_text.done',
    'response.function_call_arguments.delta', 'response.function_call_arguments.done', 'response.content_part.done', 'response.output_item.done',
    'response.done', 'rate_limits.updated',
  ]);
  assertTypes([['client', sent], ['server', understood]]);
});

test('what parley-sim sends', async (t) => {
  const sim = await startSimulatedModel(t, `
greeting: "Hi."
speed: 1
think_ms: 10
transcription_delay_ms: 10
turns:
  - heard: "When?"
    says: "Let me check."
    calls: [{tool: check_slots, arguments: {date: "2030-01-07"}}]
    then: [{says: "At ten, and at half past ten, and at eleven, and at noon."}]
  - heard: "Ten."
    says: "Good."
  - heard: "Well?"
    says: "Yes."
`, ['--fault', 'transcription_failed:turn=2', '--fault', 'rate_limit:turn=3']);
  const socket = new WebSocket(`${sim.url.replace('http', 'ws')}/realtime?model=gpt-realtime-2.1`, { headers: { authorization: 'Bearer sk-test' } });
  t.after(() => socket.terminate());
  const events = [];
  socket.on('message', (data) => events.push(JSON.parse(data)));
  await new Promise((done, fail) => socket.once('open', done).once('error', fail));
  const send = (event) => socket.send(JSON.stringify(event));
  const of = (type) => events.filter((event) => event.type === type);
  const arrives = (type, count = 1) => until(() => of(type).length >= count, () => `${type}; there is ${[...new Set(events.map((event) => event.type))]}`);
  // 300 ms of a loud tone, or of silence.
  const append = (bytes) => send({ type: 'input_audio_buffer.append', audio: bytes.toString('base64') });
  const tone = Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i % 16 < 8 ? 0x90 : 0x10)));
  const silence = Buffer.alloc(9_600, 0xff);

  await arrives('session.created');
  send({ type: 'session.update', session: { type: 'realtime', audio: {
    input: { format: { type: 'audio/pcmu' }, transcription: { model: 'gpt-transcribe' }, turn_detection: { type: 'server_vad', silence_duration_ms: 300 } },
    output: { format: { type: 'audio/pcmu' }, voice: 'marin' } },
    tools: [{ type: 'function', name: 'check_slots', parameters: { type: 'object' } }] } });
  await arrives('session.updated');
  send({ type: 'response.create', response: { instructions: 'Say "Hi."' } });
  await arrives('response.done');

  // A turn with a tool; its answer is cut off by the caller and truncated.
  append(tone);
  append(silence);
  await arrives('response.done', 2);
  const { call_id } = of('response.function_call_arguments.done')[0];
  send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: '{"available_slots":["10:00 AM"]}' } });
  send({ type: 'response.create' });
  await arrives('response.created', 3);
  const deltas = of('response.output_audio.delta').length;
  await arrives('response.output_audio.delta', deltas + 2);
  append(tone);
  await arrives('input_audio_buffer.speech_started', 2);
  await arrives('response.done', 3);
  const spoken = of('response.output_audio.delta').at(-1).item_id;
  send({ type: 'conversation.item.truncate', item_id: spoken, content_index: 0, audio_end_ms: 50 });
  await arrives('conversation.item.truncated');
  append(silence);
  await arrives('conversation.item.input_audio_transcription.failed');
  await arrives('response.done', 4);
  append(tone);
  append(silence);
  await arrives('response.done', 5);

  // The rest of what a client may say, and mistakes.
  send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'I press 1.' }] } });
  send({ type: 'conversation.item.retrieve', item_id: spoken });
  await arrives('conversation.item.retrieved');
  send({ type: 'conversation.item.delete', item_id: spoken });
  await arrives('conversation.item.deleted');
  send({ type: 'input_audio_buffer.clear' });
  await arrives('input_audio_buffer.cleared');
  send({ type: 'response.cancel', event_id: 'mine' });
  await arrives('error');
  send({ type: 'session.update', session: { type: 'realtime', voice: 'marin' } });
  await arrives('error', 2);
  socket.send('{');
  await arrives('error', 3);
  await arrives('rate_limits.updated');

  assert.deepEqual(new Set(of('response.done').map(({ response }) => response.status)), new Set(['completed', 'cancelled', 'failed']));
  assertCovers(events, [
    'input_audio_buffer.speech_stopped', 'input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done',
    'conversation.item.input_audio_transcription.completed', 'response.output_item.added', 'response.content_part.added',
    'response.output_audio_transcript.delta', 'response.output_audio.done', 'response.output_audio_transcript.done', 'response.function_call_arguments.delta',
    'response.content_part.done', 'response.output_item.done',
  ]);
  assertTypes([['server', events]]);
});
