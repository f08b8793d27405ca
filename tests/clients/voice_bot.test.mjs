// examples/voice-bot, started as its README says, and its whole surface driven by curl and the official Twilio package.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import twilio from 'twilio';
import { noise, startModel } from './model.mjs';
import { authToken, bin, freePort, publicUrl, tree, until } from './parley.mjs';
import { Phone, padded, post, sign } from './phone.mjs';

const token = 'a-token-of-the-test';

// As in the README, but for a folder and a port of the test's own.
async function startBot(t, env) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-voice-bot-'));
  const port = await freePort();
  const child = spawn(join(bin, 'parley'), ['serve', '-c', 'examples/voice-bot/parley.yaml', '--set', `transcripts.dir=${join(folder, 'logs')}`], {
    cwd: tree,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(port), HOST: '127.0.0.1', DATABASE_PATH: join(folder, 'bot.db'), PUBLIC_BASE_URL: publicUrl, TWILIO_AUTH_TOKEN: authToken, PARLEY_ADMIN_TOKEN: token, OPENAI_API_KEY: 'sk-test', ...env },
  });
  child.log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (child.log += text));
  child.ended = new Promise((done) => child.once('exit', done));
  t.after(async () => {
    child.kill('SIGKILL');
    await child.ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await until(() => {
    if (child.exitCode !== null) throw new Error(child.log);
    return fetch(`${url}/health`).then(() => true, () => false);
  }, 'the bot listens');
  return { port, url, child, folder };
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

test("the voice bot's scenarios pass", () => {
  execFileSync(join(bin, 'parley'), ['test', '-c', 'examples/voice-bot/parley.yaml', 'examples/voice-bot/scenarios'], {
    cwd: tree, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: process.env.HOME, PUBLIC_BASE_URL: publicUrl, TWILIO_AUTH_TOKEN: authToken } });
});
