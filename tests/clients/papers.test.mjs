// What a call leaves behind: transcripts, webhooks, Redis, costs; and that no card number is in any of it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { noise, startModel } from './model.mjs';
import { bin, startParley, startSimulatedModel, tree, until } from './parley.mjs';
import { Phone, greeted, ms, padded } from './phone.mjs';
import { startRedis } from './redis.mjs';

const token = 'a-token-of-the-test';

function newFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-papers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// Every file below a folder, by its path in it. One that is renamed or removed just now is none.
function filesIn(folder) {
  const files = {};
  for (const name of readdirSync(folder, { recursive: true })) {
    try {
      if (statSync(join(folder, name)).isFile()) files[name] = readFileSync(join(folder, name));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return files;
}

// Whoever is told of calls.
async function startEar(t) {
  const ear = { status: 200, requests: [] };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => (body += piece));
    request.on('end', () => {
      ear.requests.push({ headers: request.headers, body, json: JSON.parse(body) });
      response.writeHead(ear.status).end();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections?.(); server.close(); });
  ear.url = `http://127.0.0.1:${server.address().port}/hooks`;
  return ear;
}

// The caller says something, and the model answers, which is heard.
async function exchange(phone, session, said, outputs) {
  const before = phone.heardBytes();
  const length = outputs.reduce((sum, { audio }) => sum + (audio ? padded(audio).length : 0), 0);
  session.speechStarts();
  session.script.push(outputs);
  session.speechStops(said);
  await phone.isHeard(before + length);
  await until(() => phone.marks.size === 0, 'the answer is heard');
}

const get = (parley, path) => fetch(parley.url + path, { headers: { authorization: `Bearer ${token}` } });

test('a card number that a caller says is in nothing that is kept', async (t) => {
  const folder = newFolder(t);
  const ear = await startEar(t);
  const model = await startModel(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url, DATABASE_PATH: join(folder, 'parley.db'), LOG_LEVEL: 'debug', PARLEY_ADMIN_TOKEN: token }, `
calls: {record: events}
transcripts: {dir: ${join(folder, 'logs')}}
privacy: {mask: {password: {pattern: '(?i)(password is) \\S+', replace: '\\1 [hidden]'}}}
webhooks: {crm: {url: "${ear.url}", secret: s3cret}}
`);
  const { phone, session } = await greeted(t, parley, model);
  await exchange(phone, session, 'My card is 4111 1111 1111 1111 and my password is swordfish', [{ says: 'I heard 4111-1111-1111-1111, thank you.', audio: noise(21, ms(400)) }]);
  await exchange(phone, session, 'Again: four one one one one one one one one one one one one one one one.', [
    { tool: 'find_appointment', arguments: { confirmation: '4111111111111111' } }]);
  await until(() => session.of('conversation.item.create').some(({ item }) => item.type === 'function_call_output'), 'the tool answers');
  phone.hangUp();
  await until(() => ear.requests.length, 'the webhook is told');
  await until(() => Object.keys(filesIn(join(folder, 'logs'))).length === 2, 'the transcript is complete');

  const transcript = await (await get(parley, `/api/transcript/${phone.sid}?format=text`)).text();
  assert.match(transcript, /^Assistant: Hello, this is Sarah\.\n\nCaller: My card is \[card number\] and my password is \[hidden\]\n\nAssistant: I heard \[card number\], thank you\./);
  parley.child.kill('SIGTERM');
  await parley.child.ended;
  const all = { ...filesIn(folder), log: Buffer.from(parley.child.log), webhook: Buffer.from(ear.requests[0].body) };
  assert.ok(Object.keys(all).some((name) => name.endsWith('.events')), 'the call was recorded');
  for (const [name, bytes] of Object.entries(all)) {
    const text = bytes.toString('latin1');
    assert.doesNotMatch(text, /4111[ -]?1111[ -]?1111[ -]?1111/, `in ${name}`);
    assert.doesNotMatch(text, /one one one one one one/, `in ${name}`);
    assert.doesNotMatch(text, /swordfish/, `in ${name}`);
  }
  // Neither in the pieces in which the model said it.
  const events = Object.entries(all).find(([name]) => name.endsWith('.events'))[1].toString();
  const said = [...events.matchAll(/"delta":"([^"]*)"/g)].map(([, delta]) => delta).join('');
  assert.doesNotMatch(said, /4111/);
});

test('transcripts are written as the call goes, and told by the API', async (t) => {
  const folder = newFolder(t);
  const model = await startModel(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url, PARLEY_ADMIN_TOKEN: token }, `transcripts: {dir: ${folder}}`);
  const { phone, session } = await greeted(t, parley, model);
  await exchange(phone, session, 'When are you open?', [{ says: 'From nine to five.', audio: noise(22, ms(300)) }]);
  const text = () => Object.entries(filesIn(folder)).find(([name]) => name.endsWith(`-${phone.sid}.txt`))?.[1].toString() ?? '';
  await until(() => text().includes('customer: When are you open?'), 'what was said is in the file');
  const live = await (await get(parley, `/api/transcript/${phone.sid}`)).json();
  assert.equal(live.complete, false);
  phone.hangUp();
  await until(() => text().includes('system: Shutting down voice bridge (twilio-stop).'), 'the end is in the file');
  for (const line of text().trimEnd().split('\n')) assert.match(line, /^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] (customer|assistant|system): ./);
  const shown = () => Object.keys(filesIn(folder)).filter((name) => !name.startsWith('.'));
  const names = await until(() => { const all = shown(); return all.length === 2 && all; }, () => `two files are left: ${shown()}`);
  assert.match(names.find((name) => name.endsWith('.json')), new RegExp(`^${phone.sid}_\\${phone.from}_\\d{4}-\\d\\d-\\d\\dT[\\d.-]+Z\\.json$`));
  const whole = await until(async () => { const json = await (await get(parley, `/api/transcript/${phone.sid}`)).json(); return json.complete && json; }, 'the API tells the end');
  assert.equal(whole.callSid, phone.sid);
  assert.equal(whole.phoneNumber, phone.from);
  assert.deepEqual(whole.messages.map(({ role, content }) => [role, content]), [
    ['system', `Call connected (${phone.sid}).`], ['system', 'OpenAI realtime session established.'], ['assistant', 'Hello, this is Sarah.'],
    ['user', 'When are you open?'], ['assistant', 'From nine to five.'], ['system', 'Shutting down voice bridge (twilio-stop).']]);
  const unknown = await get(parley, '/api/transcript/CA404');
  assert.equal(unknown.status, 404);
  assert.deepEqual(await unknown.json(), { error: 'No transcript found for call SID: CA404' });
  assert.equal((await fetch(`${parley.url}/api/transcript/${phone.sid}`)).status, 401);
});

test('a process that is killed in mid-call loses neither transcript nor webhook', async (t) => {
  const folder = newFolder(t);
  const ear = await startEar(t);
  ear.status = 503;
  const model = await startModel(t);
  const env = { OPENAI_BASE_URL: model.url, DATABASE_PATH: join(folder, 'parley.db') };
  const overlay = `transcripts: {dir: ${join(folder, 'logs')}}\nwebhooks: {crm: {url: "${ear.url}", secret: s3cret}}\n`;
  const first = await startParley(t, env, overlay);
  const one = await greeted(t, first, model);
  one.phone.hangUp();
  await until(() => ear.requests.length, 'the webhook is tried');
  await until(() => first.query('select problem from webhook_deliveries')[0]?.problem, 'and how that went is kept');
  const two = await greeted(t, first, model);
  const logs = () => Object.entries(filesIn(join(folder, 'logs'))).filter(([name]) => name.includes(two.phone.sid));
  await until(() => logs().some(([, bytes]) => bytes.includes('assistant: Hello')), 'what was said is written');
  await until(() => first.query(`select count(*) as n from journal where type = 'agent_said'`)[0].n === 2, 'and stored');
  first.child.kill('SIGKILL');
  await first.child.ended;
  const waiting = JSON.parse(execFileSync(join(bin, 'parley'), ['webhooks', '--json', '--database', env.DATABASE_PATH], { cwd: tree, encoding: 'utf8' }));
  assert.equal(waiting.length, 1);
  assert.equal(waiting[0].problem, 'the receiver answered 503');

  ear.status = 200;
  ear.requests = [];
  const second = await startParley(t, env, overlay);
  await until(() => logs().some(([name, bytes]) => name.endsWith('.json') && bytes.includes('"complete":true')), 'the transcript is completed');
  const text = logs().find(([name]) => name.endsWith('.txt'))[1].toString();
  assert.match(text, /assistant: Hello, this is Sarah\.\n/);
  assert.match(text, /Shutting down voice bridge \(process-died\)\.\n$/);
  await until(() => ear.requests.length === 2, 'both calls are told');
  const bySid = Object.fromEntries(ear.requests.map((request) => [request.json.call.call_sid, request]));
  assert.equal(bySid[one.phone.sid].json.call.outcome, 'caller_hung_up');
  assert.equal(bySid[two.phone.sid].json.call.reason, 'process_died');
  assert.equal(bySid[one.phone.sid].json.id, waiting[0].id, 'the same id as before');
  for (const { headers, body } of ear.requests) {
    const [, seconds, hex] = headers['parley-signature'].match(/^t=(\d+),v1=([0-9a-f]{64})$/);
    assert.equal(hex, createHmac('sha256', 's3cret').update(`${seconds}.${body}`).digest('hex'));
    assert.equal(headers['parley-delivery'], JSON.parse(body).id);
  }
  await until(() => second.query("select count(*) as n from webhook_deliveries where state = 'delivered'")[0].n === 2, 'nothing waits any more');
});

test('a call that costs too much is wrapped up, and the next is not connected', async (t) => {
  const model = await startModel(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url }, 'limits: {money: {day_usd: 0.00001}}');
  const phone = new Phone(parley);
  t.after(() => phone.end());
  await phone.dial();
  const session = await model.sessionOf(phone.from);
  const [greeting, farewell] = [noise(31, ms(300)), noise(32, ms(300))];
  session.script.push([{ says: 'Hello, this is Sarah.', audio: greeting }], [{ says: 'Our time is up. Goodbye.', audio: farewell }]);
  await phone.open();
  phone.start();
  phone.speak();
  await phone.isClosed();
  const asked = session.of('response.create').map(({ response }) => response?.instructions ?? '');
  assert.ok(asked.some((words) => /time for this call is up/.test(words)), asked.join(' | '));
  assert.ok(phone.heardAudio.equals(Buffer.concat([padded(greeting), padded(farewell)])), 'greeting and goodbye are heard to the end');
  const ending = await until(() => parley.ask('calls').find((call) => call.call_sid === phone.sid && call.outcome), 'the call is on record');
  assert.equal(ending.reason, 'cost_limit');
  assert.equal(ending.outcome, 'cost_limit');

  const sessions = model.sessions.length;
  const next = new Phone(parley);
  t.after(() => next.end());
  await next.dial();
  await next.open();
  next.start();
  next.speak();
  await next.isClosed();
  assert.equal(model.sessions.length, sessions, 'no model was connected');
  await until(() => next.heardBytes() > ms(500) || parley.ask('calls').some((call) => call.reason === 'cost_limit_unspoken'), 'the caller is told');
});

test('Redis is stopped and started in mid-call: nothing is lost or doubled, and the operator sees it', async (t) => {
  const redis = await startRedis(t);
  const model = await startModel(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url, REDIS_URL: redis.url, REDIS_PASSWORD: redis.password, PARLEY_ADMIN_TOKEN: token });
  const { phone, session } = await greeted(t, parley, model);
  const transcript = () => redis.cli('LRANGE', `transcript:${phone.sid}`, '0', '-1').map((line) => JSON.parse(line)).map(({ role, content }) => [role, content]);
  await until(() => transcript().length === 1, 'the greeting is in Redis');
  assert.equal(JSON.parse(redis.cli('GET', `active_call:${phone.sid}`)[0]).phoneNumber, phone.from);
  assert.ok(Number(redis.cli('TTL', `active_call:${phone.sid}`)[0]) > 3_500);

  await redis.stop();
  await exchange(phone, session, 'Are you there?', [{ says: 'Yes.', audio: noise(41, ms(200)) }]);
  const ready = await until(async () => { const body = await (await fetch(`${parley.url}/ready`)).json(); return body.redis && body; }, '/ready says so');
  assert.equal(ready.status, 'ready', 'calls do not need it');
  assert.match(await (await get(parley, '/metrics')).text(), /^parley_redis_up 0$/m);
  await redis.start();
  await until(() => transcript().length === 3, 'it is caught up with');
  await exchange(phone, session, 'Good.', [{ says: 'Goodbye.', audio: noise(42, ms(200)) }]);
  phone.hangUp();
  const history = await until(() => redis.cli('ZRANGE', 'call_history', '0', '-1')[0], 'the call is in the history');
  assert.equal(JSON.parse(history).callSid, phone.sid);
  assert.equal(JSON.parse(history).outcome, 'user_hangup');
  assert.deepEqual(transcript(), [['assistant', 'Hello, this is Sarah.'], ['user', 'Are you there?'], ['assistant', 'Yes.'], ['user', 'Good.'], ['assistant', 'Goodbye.']]);
  assert.deepEqual(redis.cli('EXISTS', `active_call:${phone.sid}`), ['0']);
  assert.deepEqual(redis.cli('GET', 'counter:total_calls'), ['1']);
  assert.ok(Number(redis.cli('TTL', `transcript:${phone.sid}`)[0]) > 86_000);
  assert.equal(redis.cli('LLEN', 'metrics:call_duration')[0], '1');
  assert.doesNotMatch(redis.cli('INFO', 'commandstats').join('\n'), /cmdstat_keys/, 'KEYS is never asked');
  await until(async () => (await (await fetch(`${parley.url}/ready`)).json()).redis === undefined, '/ready has no more to say');
});

test('a text is spoken on request, here and by providers', async (t) => {
  const speak = (parley, body, headers = { authorization: `Bearer ${token}` }) =>
    fetch(`${parley.url}/generate-voice`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const bytes = async (answer) => Buffer.from(await answer.arrayBuffer());
  const own = await startParley(t, { PARLEY_ADMIN_TOKEN: token });
  for (const [format, type, beginning] of [[undefined, 'audio/mpeg', null], ['wav', 'audio/wav', 'RIFF'], ['opus', 'audio/ogg', 'OggS'], ['flac', 'audio/flac', 'fLaC']]) {
    const answer = await speak(own, { text: 'Hello there.', voice: 'verse', format });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), type);
    assert.equal(answer.headers.get('content-disposition'), `attachment; filename="openai-voice.${format ?? 'mp3'}"`);
    const audio = await bytes(answer);
    assert.ok(audio.length > 2_000, `${audio.length} bytes of ${format}`);
    if (beginning) assert.equal(audio.subarray(0, 4).toString(), beginning);
    else assert.equal(audio[0], 0xff);
  }
  const empty = await speak(own, { voice: 'verse' });
  assert.equal(empty.status, 400);
  assert.deepEqual(await empty.json(), { error: 'Provide the `text` field to synthesize speech.' });
  assert.equal((await speak(own, { text: 'Hello.' }, {})).status, 401);

  const sim = await startSimulatedModel(t, 'speed: 0\n');
  const openai = await startParley(t, { PARLEY_ADMIN_TOKEN: token, SPEECH_API_KEY: 'sk-speech' }, `speech: {provider: openai, openai: {base_url: "${sim.url}"}}`);
  const spoken = await speak(openai, { text: 'Hello there.', format: 'wav' });
  assert.equal(spoken.status, 200);
  assert.equal((await bytes(spoken)).subarray(0, 4).toString(), 'RIFF');
  const refused = await speak(openai, { text: 'Hello there.', voice: 'nobody' });
  assert.equal(refused.status, 500);
  const why = await refused.json();
  assert.equal(why.error, 'Unable to generate voice audio.');
  assert.match(why.details, /the provider answered 400: Invalid value: 'nobody'/);

  const eleven = await startParley(t, { PARLEY_ADMIN_TOKEN: token, ELEVENLABS_API_KEY: 'xi-1' }, `speech: {provider: elevenlabs, voice: Rachel, elevenlabs: {base_url: "${sim.url.replace('/v1', '')}"}}`);
  const other = await speak(eleven, { text: 'Hello there.', format: 'wav' });
  assert.equal(other.headers.get('content-type'), 'audio/wav');
  assert.equal((await bytes(other)).subarray(0, 4).toString(), 'RIFF');
});
