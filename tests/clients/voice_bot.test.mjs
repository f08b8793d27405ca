// examples/voice-bot, started as its README says, and its whole surface driven by curl and the official Twilio package.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import twilio from 'twilio';
import WebSocket from 'ws';
import { noise, startModel } from './model.mjs';
import { authToken, bin, parleyListens, portOf, publicUrl, tree, until } from './parley.mjs';
import { Phone, padded, post, sign } from './phone.mjs';

const token = 'a-token-of-the-test';

// As in the README, but for a folder and a port of the test's own.
async function startBot(t, env, settings = []) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-voice-bot-'));
  const child = spawn(join(bin, 'parley'), ['serve', '-c', 'examples/voice-bot/parley.yaml', '--set', `transcripts.dir=${join(folder, 'logs')}`, ...settings.flatMap((each) => ['--set', each])], {
    cwd: tree,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', HOST: '127.0.0.1', DATABASE_PATH: join(folder, 'bot.db'), PUBLIC_BASE_URL: publicUrl, TWILIO_AUTH_TOKEN: authToken, PARLEY_ADMIN_TOKEN: token, OPENAI_API_KEY: 'sk-test', ...env },
  });
  child.log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (child.log += text));
  child.ended = new Promise((done) => child.once('close', done));
  t.after(async () => {
    child.kill('SIGKILL');
    await child.ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const port = await portOf(child, parleyListens);
  return { port, url: `http://127.0.0.1:${port}`, child, folder };
}

// A caller whom Twilio has greeted.
async function caller(t, bot, model) {
  const phone = new Phone(bot);
  t.after(() => phone.end());
  const earlier = model.sessions.length;
  await phone.dial();
  const session = await until(() => model.sessions.slice(earlier).find(({ isReady }) => isReady), 'the model is connected');
  await phone.open();
  phone.start();
  phone.speak();
  await until(() => session.callerBytes > 0, 'the caller is heard');
  return { phone, session };
}

function logOf(bot, sid) {
  const logs = join(bot.folder, 'logs');
  const name = existsSync(logs) && readdirSync(logs).find((each) => each.endsWith(`-${sid}.txt`));
  return name ? readFileSync(join(logs, name), 'utf8') : '';
}

const curl = (...words) => execFileSync('curl', ['-sS', ...words], { maxBuffer: 1 << 24 });

test('the voice bot does all that its README says', async (t) => {
  const model = await startModel(t);
  const bot = await startBot(t, { OPENAI_BASE_URL: model.url });

  assert.deepEqual(JSON.parse(curl(`${bot.url}/`)), { status: 'ok', message: 'AI voice assistant is ready.' });

  const mp3 = curl('-D', join(bot.folder, 'head'), '-H', `Authorization: Bearer ${token}`, '-H', 'Content-Type: application/json', '-d', '{"text": "Hello there.", "voice": "verse", "format": "mp3"}', `${bot.url}/generate-voice`);
  assert.equal(mp3[0], 0xff);
  const head = readFileSync(join(bot.folder, 'head'), 'utf8');
  assert.match(head, /^HTTP\/1\.1 200/);
  assert.match(head, /content-type: audio\/mpeg/i);
  assert.match(head, /content-disposition: attachment; filename="openai-voice\.mp3"/i);
  assert.deepEqual(JSON.parse(curl('-H', `Authorization: Bearer ${token}`, '-H', 'Content-Type: application/json', '-d', '{}', `${bot.url}/generate-voice`)), { error: 'Provide the `text` field to synthesize speech.' });

  // The webhook: only signed, only by POST, and what it says is what Twilio's own package would write.
  const phone = new Phone(bot);
  t.after(() => phone.end());
  assert.equal((await post(bot, phone.form)).status, 403);
  assert.equal(execFileSync('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', `${bot.url}/voice`], { encoding: 'utf8' }), '405');
  const answer = await post(bot, phone.form, sign(`${publicUrl}/voice`, phone.form));
  assert.equal(answer.status, 200);
  const text = await answer.text();
  const said = new twilio.twiml.VoiceResponse();
  said.say({ voice: 'Polly.Joanna', language: 'en-US' }, 'Hi there! Thanks for calling. How can I assist you today?');
  const say = said.toString().match(/<Say.*<\/Say>/)[0];
  assert.ok(text.includes(say) || /<Say [^>]*voice="Polly\.Joanna"[^>]*>Hi there! Thanks for calling\. How can I assist you today\?<\/Say>/.test(text), text);

  await phone.dial();
  assert.match(new URL(phone.twiml.url).pathname, /^\/voice\/stream/);
  assert.equal(new URL(phone.twiml.url).protocol, 'wss:');
  const session = await until(() => model.sessions.find((each) => each.isReady), 'the model is connected');
  assert.equal(session.settings.audio.output.voice, 'verse');
  assert.equal(session.settings.audio.input.turn_detection.silence_duration_ms, 900);
  await phone.open();
  phone.start();
  phone.speak();
  await until(() => session.callerBytes > 0, 'the caller is heard');
  assert.equal(session.of('response.create').length, 0, 'the greeting was said by the carrier');
  session.speechStarts();
  const reply = noise(51, 2_400);
  session.script.push([{ says: 'From nine to five.', audio: reply }]);
  session.speechStops('When are you open?');
  await phone.isHeard(padded(reply).length);
  await until(() => phone.marks.size === 0 && phone.echoed.length, 'the answer is heard');
  phone.hangUp();

  const logs = join(bot.folder, 'logs');
  const line = (speaker, words) => new RegExp(`^\\[\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\\] ${speaker}: ${words}$`, 'm');
  const log = await until(() => {
    const name = readdirSync(logs).find((each) => each.endsWith('.txt'));
    const whole = name && readFileSync(join(logs, name), 'utf8');
    return whole?.includes('Shutting down') && whole;
  }, 'the conversation is written down');
  assert.match(log, line('system', `Call connected \\(${phone.sid}\\)\\.`));
  assert.match(log, line('system', 'OpenAI realtime session established\\.'));
  assert.match(log, line('customer', 'When are you open\\?'));
  assert.match(log, line('assistant', 'From nine to five\\.'));
  assert.match(log, line('system', 'Shutting down voice bridge \\(twilio-stop\\)\\.'));
  const transcript = curl('-H', `Authorization: Bearer ${token}`, `${bot.url}/api/transcript/${phone.sid}?format=text`).toString();
  assert.equal(transcript, 'Assistant: Hi there! Thanks for calling. How can I assist you today?\n\nCaller: When are you open?\n\nAssistant: From nine to five.');
  assert.deepEqual(phone.violations, []);
  assert.deepEqual(session.problems, []);
});

test('the voice is to be had in other formats, by those with a token', async (t) => {
  const bot = await startBot(t, {}, ['speech.provider=openai', 'speech.openai.base_url=http://127.0.0.1:1/v1']);
  const own = await startBot(t, {});
  const speak = (to, body, headers = { authorization: `Bearer ${token}` }) => fetch(`${to.url}/generate-voice`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  for (const [format, type, first] of [['wav', 'audio/wav', 'RIFF'], ['opus', 'audio/ogg', 'OggS']]) {
    const answer = await speak(own, { text: 'Hello there.', format });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), type);
    assert.equal(answer.headers.get('content-disposition'), `attachment; filename="openai-voice.${format}"`);
    assert.equal(Buffer.from(await answer.arrayBuffer()).subarray(0, 4).toString(), first);
  }
  assert.equal((await speak(own, { voice: 'verse' })).status, 400);
  assert.equal((await speak(own, { text: 'Hello there.' }, {})).status, 401);
  const failed = await speak(bot, { text: 'Hello there.' });
  assert.equal(failed.status, 500);
  const why = await failed.json();
  assert.equal(why.error, 'Unable to generate voice audio.');
  assert.ok(why.details);
});

test('a caller cuts in on the bot, and the conversation is told as JSON, too', async (t) => {
  const model = await startModel(t);
  const bot = await startBot(t, { OPENAI_BASE_URL: model.url });
  const { phone, session } = await caller(t, bot, model);
  session.speechStarts();
  session.script.push([{ says: 'We are open from nine to five, every day of the week.', audio: noise(52, 24_000), hold: true }]);
  session.speechStops('When are you open?');
  await phone.isHeard(4_000);
  session.speechStarts();
  await until(() => phone.of('clear').length && session.of('conversation.item.truncate').length, 'the bot stops');
  session.script.push([{ says: 'Goodbye.', audio: noise(53, 1_600) }]);
  session.speechStops('Thank you.');
  await until(() => logOf(bot, phone.sid).includes('assistant: Goodbye.'), 'the goodbye is heard');
  const get = (path) => fetch(bot.url + path, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await (await get(`/api/transcript/${phone.sid}`)).json()).complete, false);
  phone.hangUp();
  const whole = await until(async () => { const json = await (await get(`/api/transcript/${phone.sid}`)).json(); return json.complete && json; }, 'the call is over');
  assert.deepEqual([whole.callSid, whole.phoneNumber], [phone.sid, phone.from]);
  const spoken = whole.messages.filter(({ role }) => role !== 'system');
  assert.deepEqual(spoken.map(({ role }) => role), ['assistant', 'user', 'assistant', 'user', 'assistant']);
  assert.ok(spoken[2].unheard && `${spoken[2].content} ${spoken[2].unheard}`.includes('every day of the week.'), JSON.stringify(spoken[2]));
  const file = await until(() => readdirSync(join(bot.folder, 'logs')).find((name) => name.endsWith('.json')), 'a JSON file stands beside it');
  assert.equal(JSON.parse(readFileSync(join(bot.folder, 'logs', file))).callSid, phone.sid);
  assert.deepEqual(await (await get('/api/transcript/CA404')).json(), { error: 'No transcript found for call SID: CA404' });
  assert.equal((await fetch(`${bot.url}/api/transcript/${phone.sid}`)).status, 401);
  assert.deepEqual(phone.violations, []);
  assert.deepEqual(session.problems, []);
});

test('the log says why a call ended', async (t) => {
  const model = await startModel(t);
  const bot = await startBot(t, { OPENAI_BASE_URL: model.url });
  const breaks = await caller(t, bot, model);
  breaks.phone.socket.terminate();
  await until(() => logOf(bot, breaks.phone.sid).includes('system: Shutting down voice bridge (twilio-closed).'), 'twilio-closed');
  const loses = await caller(t, bot, model);
  model.key = 'sk-another';
  loses.session.socket.terminate();
  await until(() => logOf(bot, loses.phone.sid).includes('system: Shutting down voice bridge (openai-closed).'), 'openai-closed');
});

test('its settings come from the environment', async (t) => {
  const model = await startModel(t);
  // Without an account: nothing is signed. Without a token: a new one stands beside the database.
  const bot = await startBot(t, { OPENAI_BASE_URL: model.url, SILENCE_TIMEOUT_MS: '1200', ENABLE_WEBHOOK_VALIDATION: 'false', TWILIO_AUTH_TOKEN: '', PARLEY_ADMIN_TOKEN: '' });
  const phone = new Phone(bot);
  const answer = await post(bot, phone.form);
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /<Stream url="wss:\/\/voice\.example\.com\/voice\/stream/);
  const session = await until(() => model.sessions.find((each) => each.isReady), 'the model is connected');
  assert.equal(session.settings.audio.input.turn_detection.silence_duration_ms, 1200);
  const made = readFileSync(join(bot.folder, 'admin.token'), 'utf8').trim();
  assert.equal((await fetch(`${bot.url}/api/transcript/${phone.sid}`, { headers: { authorization: `Bearer ${made}` } })).status, 200);

  const answered = await new Promise((done, fail) => {
    const socket = new WebSocket(`ws://127.0.0.1:${bot.port}/another/stream`);
    socket.on('unexpected-response', (_request, response) => done(response.statusCode));
    socket.on('error', fail);
    socket.on('open', () => fail(new Error('a stream is taken at any path')));
  });
  assert.equal(answered, 404);
});

test("the voice bot's scenarios pass", () => {
  execFileSync(join(bin, 'parley'), ['test', '-c', 'examples/voice-bot/parley.yaml', 'examples/voice-bot/scenarios'], {
    cwd: tree, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: process.env.HOME, PUBLIC_BASE_URL: publicUrl, TWILIO_AUTH_TOKEN: authToken } });
});
