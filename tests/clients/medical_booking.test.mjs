// examples/medical-booking, started as its README says and used as its users do: with curl, the official twilio package, redis-cli,
// sqlite3 and a browser, between the fakes and a real Redis.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { promisify } from 'node:util';
import { noise, startModel } from './model.mjs';
import { isAccessible, openTab, picture, startBrowser } from './page/browser.mjs';
import { authToken, bin, eventsOf, publicUrl, startParley, startSimulatedModel, tree, until } from './parley.mjs';
import { Phone, greeted, ms, padded, post, readTwiml, sign } from './phone.mjs';
import { startRedis } from './redis.mjs';

const run = promisify(execFile);
const config = 'examples/medical-booking/parley.yaml';
const token = 'a-token-of-the-test';
const bearer = `Authorization: Bearer ${token}`;
const allDay = ['9:00 AM', '9:30 AM', '10:00 AM', '10:30 AM', '11:00 AM', '11:30 AM', '1:00 PM', '1:30 PM', '2:00 PM', '2:30 PM', '3:00 PM', '3:30 PM', '4:00 PM', '4:30 PM'];

// The n-th working day from the day after tomorrow on, wherever the practice lies.
function workingDay(n = 0) {
  for (let day = new Date(Date.now() + 2 * 86_400_000); ; day = new Date(day.getTime() + 86_400_000)) {
    if (day.getUTCDay() % 6 !== 0 && n-- === 0) return day.toISOString().slice(0, 10);
  }
}
function saturday() {
  for (let day = new Date(Date.now() + 2 * 86_400_000); ; day = new Date(day.getTime() + 86_400_000)) {
    if (day.getUTCDay() === 6) return day.toISOString().slice(0, 10);
  }
}

function newFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-medical-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function curl(parley, path, ...words) {
  const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', ...words, parley.url + path]);
  const at = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(at + 1)), text: stdout.slice(0, at) };
}
async function get(parley, path) {
  const { status, text } = await curl(parley, path, '-H', bearer);
  assert.equal(status, 200, `${path}: ${text}`);
  return JSON.parse(text);
}

// What curl is sent of a stream of events: all so far, until it ends.
function follow(t, parley, path) {
  const child = spawn('curl', ['-sSN', '-H', bearer, parley.url + path]);
  const stream = { events: [], of: (name) => stream.events.filter((event) => event.name === name).map(({ data }) => data) };
  stream.over = (async () => { for await (const event of eventsOf(child.stdout)) stream.events.push(event); })();
  t.after(() => child.kill('SIGKILL'));
  return stream;
}

// The caller says something; the model calls tools, if any, and its answer is heard. What the tools gave.
async function exchange({ phone, session }, said, tools, says = 'Very well.') {
  const heard = phone.heardBytes();
  const before = session.of('conversation.item.create').length;
  const answer = noise(62 + said.length, ms(240));
  session.speechStarts();
  if (tools.length) session.script.push(tools.map(([tool, args]) => ({ tool, arguments: args })));
  session.script.push([{ says, audio: answer }]);
  session.speechStops(said);
  await phone.isHeard(heard + padded(answer).length);
  await until(() => phone.marks.size === 0, 'the answer is heard');
  return session.of('conversation.item.create').slice(before).filter(({ item }) => item.type === 'function_call_output').map(({ item }) => JSON.parse(item.output));
}
const book = (customer_name, date, time) => ['create_appointment', { customer_name, date, time }];
const list = (date) => ['list_available_slots', { date }];

const pastCall = async (parley, sid) => until(async () => (await get(parley, '/dashboard/api/calls/history')).find((call) => call.callSid === sid), `${sid} is in the history`);

function assertKeys(value, keys, what) {
  for (const [key, kind] of Object.entries(keys)) {
    const found = value[key] === null ? 'null' : Array.isArray(value[key]) ? 'array' : typeof value[key];
    assert.ok(kind.split('|').includes(found), `${what}.${key} is ${found}, not ${kind}: ${JSON.stringify(value)}`);
  }
}
const shapes = {
  active: { callSid: 'string', streamSid: 'string', phoneNumber: 'string', customerName: 'string|null', startTime: 'string', duration: 'number', currentStep: 'string', aiStatus: 'string', lastActivity: 'string' },
  past: { callSid: 'string', phoneNumber: 'string', customerName: 'string|null', startTime: 'string', endTime: 'string', duration: 'number', outcome: 'string' },
  entry: { timestamp: 'string', role: 'string', content: 'string' },
  stats: { activeCalls: 'number', todayBookings: 'number', totalCalls: 'number', successRate: 'number', avgDuration: 'number' },
  figure: { avg: 'number', samples: 'array' },
};
const columns = ['id', 'customer_name', 'phone_number', 'appointment_date', 'appointment_time', 'confirmation_number', 'created_at', 'call_sid', 'status'];
const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('the medical booking example', () => {
  const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
  let redis;
  let model;
  let parley;
  before(async () => {
    redis = await startRedis(suite);
    model = await startModel(suite);
    parley = await startParley(suite, { OPENAI_BASE_URL: model.url, REDIS_URL: redis.url, REDIS_PASSWORD: redis.password, PARLEY_ADMIN_TOKEN: token }, undefined, config);
  });
  after(async () => { for (const stop of suite.stops.reverse()) await stop(); });

  const activeKey = (sid) => JSON.parse(redis.cli('GET', `active_call:${sid}`)[0] ?? '{}');
  const history = () => redis.cli('ZRANGE', 'call_history', '0', '-1').map((line) => JSON.parse(line));

  test('is healthy, and its dashboard is for those with a token', async () => {
    let text;
    const health = await until(async () => {
      const answer = await curl(parley, '/health');
      text = answer.text;
      assert.equal(answer.status, 200);
      const told = JSON.parse(text);
      return told.status === 'ok' && told;
    }, () => `all is well, Redis is connected: ${text}`);
    assert.match(health.timestamp, isTime);
    assert.equal(typeof health.uptime, 'number');
    for (const path of ['/dashboard/stream', '/dashboard/api/calls/active', '/dashboard/api/calls/history', '/dashboard/api/calls/appointments', '/dashboard/api/calls/stats',
      '/dashboard/api/metrics', '/dashboard/api/transcripts/CA1']) assert.equal((await curl(parley, path)).status, 401, path);
    assert.equal((await curl(parley, '/dashboard', '-H', bearer)).status, 200);
    for (const path of ['active', 'history', 'appointments']) assert.deepEqual(await get(parley, `/dashboard/api/calls/${path}`), [], path);
    assert.deepEqual(await get(parley, '/dashboard/api/calls/stats').then(({ totalCalls, successRate, todayBookings }) => [totalCalls, successRate, todayBookings]), [0, 0, 0]);
    assert.deepEqual(JSON.parse((await curl(parley, '/dashboard/api/transcripts/CA404', '-H', bearer)).text), { error: 'there is no such call' });
  });

  test('a call that books is shown step by step, live, in Redis and afterwards', async (t) => {
    const day = workingDay();
    const stream = follow(t, parley, '/dashboard/stream');
    await until(() => stream.events.length, 'the events are followed');
    const call = await greeted(t, parley, model);
    const { phone, session } = call;
    const { sid } = phone;
    assert.equal(session.settings.audio.output.voice, 'alloy');
    assert.deepEqual(session.settings.tools.map(({ name, parameters }) => [name, [...parameters.required].sort()]).slice(0, 2),
      [['list_available_slots', ['date']], ['create_appointment', ['customer_name', 'date', 'time']]]);
    assert.match(session.of('response.create')[0].response.instructions, /This is Sarah/);

    const active = async () => (await get(parley, '/dashboard/api/calls/active')).find((each) => each.callSid === sid);
    const step = (wanted) => until(async () => (await active())?.currentStep === wanted && activeKey(sid).currentStep === wanted, `${wanted} on the dashboard and in Redis`);
    await until(active, 'the call is on the dashboard');
    const transcript = follow(t, parley, `/dashboard/api/transcripts/${sid}/stream`);
    await step('greeting');
    await exchange(call, 'I would like to see the doctor.', [], 'What is your name?');
    await step('collecting_name');
    await exchange(call, 'Maria Lopez.', [], 'Which day suits you?');
    await step('collecting_date');
    assert.deepEqual(await exchange(call, 'The day after tomorrow.', [list(day)], 'I have nine or half past nine.'), [{ available_slots: allDay }]);
    await step('confirming');

    // While Sarah speaks.
    session.speechStarts();
    const long = noise(63, ms(8_000));
    session.script.push([{ says: 'Ten in the morning, Maria Lopez. Is that right?', audio: long, hold: true }]);
    session.speechStops('Ten, please.');
    await until(async () => (await active())?.aiStatus === 'speaking' && activeKey(sid).aiStatus === 'speaking', 'Sarah is seen speaking');
    const speaking = await active();
    assertKeys(speaking, shapes.active, 'ActiveCall');
    assertKeys(activeKey(sid), shapes.active, 'active_call');
    for (const shown of [speaking, activeKey(sid)]) {
      assert.deepEqual([shown.callSid, shown.streamSid, shown.phoneNumber, shown.customerName], [sid, phone.streamSid, phone.from, null]);
      assert.match(shown.startTime, isTime);
      assert.match(shown.lastActivity, isTime);
    }
    // Barge-in: silence at once, and the model knows what was heard.
    const clears = phone.of('clear').length;
    session.speechStarts();
    await until(() => phone.of('clear').length > clears && session.of('conversation.item.truncate').length, 'Sarah stops');
    session.script.push([book('Maria Lopez', day, '10:00')].map(([tool, args]) => ({ tool, arguments: args })), [{ says: 'You are booked.', audio: noise(64, ms(200)) }]);
    session.speechStops('Yes.');
    const made = await until(() => session.toolOutputs('create_appointment')[0], 'the appointment is made');
    assert.deepEqual(made, { success: true, confirmation_number: made.confirmation_number });
    assert.match(made.confirmation_number, /^APT-[1-9]\d{4}$/);
    await step('farewell');
    assert.equal((await active()).customerName, 'Maria Lopez');
    assert.equal(activeKey(sid).customerName, 'Maria Lopez');
    assert.deepEqual(await exchange(call, 'Is ten gone now?', [list(day)]), [{ available_slots: allDay.filter((slot) => slot !== '10:00 AM') }]);
    assert.ok(Number(redis.cli('TTL', `active_call:${sid}`)[0]) > 3_500);
    assert.equal((await get(parley, '/dashboard/api/calls/stats')).activeCalls, 1);
    phone.hangUp();

    // Afterwards.
    const past = await pastCall(parley, sid);
    assertKeys(past, shapes.past, 'CallHistory');
    assert.deepEqual([past.phoneNumber, past.customerName, past.outcome, past.confirmationNumber], [phone.from, 'Maria Lopez', 'appointment_booked', made.confirmation_number]);
    assert.deepEqual(past.appointmentDetails, { date: day, time: '10:00 AM' });
    await transcript.over;
    const told = transcript.of('');
    const entries = await get(parley, `/dashboard/api/transcripts/${sid}`);
    assert.equal(told.length, entries.length, 'one unnamed event for each entry');
    for (const entry of entries) {
      assertKeys(entry, shapes.entry, 'TranscriptEntry');
      assert.match(entry.timestamp, isTime);
    }
    const said = (role) => entries.filter((entry) => entry.role === role).map(({ content }) => content);
    assert.deepEqual(said('user'), ['I would like to see the doctor.', 'Maria Lopez.', 'The day after tomorrow.', 'Ten, please.', 'Yes.', 'Is ten gone now?']);
    assert.equal(said('assistant').filter((words) => words === 'What is your name?').length, 1, 'nothing is told twice');
    const asked = entries.find(({ role }) => role === 'function_call');
    assert.equal(asked.content, `list_available_slots({"date":"${day}"})`);
    assert.deepEqual(asked.metadata, { functionName: 'list_available_slots', arguments: { date: day } });
    const gave = entries.find(({ role, metadata }) => role === 'function_result' && metadata.functionName === 'create_appointment');
    assert.deepEqual(gave.metadata.result, made);

    const [row] = await get(parley, '/dashboard/api/calls/appointments');
    assert.deepEqual(Object.keys(row), columns);
    assert.deepEqual([row.customer_name, row.phone_number, row.appointment_date, row.appointment_time, row.confirmation_number, row.call_sid, row.status],
      ['Maria Lopez', phone.from, day, '10:00 AM', made.confirmation_number, sid, 'confirmed']);
    assert.match(row.created_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    const stats = await until(async () => { const figures = await get(parley, '/dashboard/api/calls/stats'); return figures.activeCalls === 0 && figures; }, 'nobody is calling');
    assertKeys(stats, shapes.stats, 'stats');
    assert.deepEqual([stats.totalCalls, stats.successRate], [1, 100]);
    const metrics = await until(async () => { const figures = await get(parley, '/dashboard/api/metrics'); return figures.counters.totalCalls && figures; }, 'the call is counted');
    for (const name of ['audioLatency', 'toolExecution', 'callDuration']) {
      assertKeys(metrics[name], shapes.figure, name);
      assert.ok(metrics[name].samples.length > 0 && metrics[name].samples.length <= 20, name);
    }
    assert.deepEqual(metrics.counters, { totalCalls: 1, appointmentsBooked: 1 });

    // The events, by their names.
    await until(() => stream.of('call_history').some((calls) => calls.some(({ callSid }) => callSid === sid)), 'the history is told');
    const lists = stream.of('active_calls').flat().filter(({ callSid }) => callSid === sid);
    lists.forEach((each) => assertKeys(each, shapes.active, 'active_calls'));
    assert.ok(lists.length > 0 && stream.of('active_calls').every(Array.isArray));
    assertKeys(stream.of('metrics').at(-1), { avgLatency: 'number', samples: 'array' }, 'metrics');
    assert.equal(stream.of('call_history').at(-1)[0].confirmationNumber, made.confirmation_number);
    for (const name of ['call_started', 'state', 'turn', 'interrupted', 'tool', 'latency', 'note', 'ended', 'stats', 'appointments'])
      await until(() => stream.of(name).length, `an event ${name}`);

    // Redis.
    const [kept] = await until(() => history().length && history(), 'the history in Redis');
    assertKeys(kept, shapes.past, 'call_history');
    assert.deepEqual([kept.callSid, kept.customerName, kept.outcome, kept.confirmationNumber, kept.appointmentDetails],
      [sid, 'Maria Lopez', 'appointment_booked', made.confirmation_number, { date: day, time: '10:00 AM' }]);
    assert.equal(redis.cli('ZSCORE', 'call_history', JSON.stringify(kept))[0], String(Date.parse(kept.endTime)));
    assert.deepEqual(redis.cli('EXISTS', `active_call:${sid}`), ['0']);
    const lines = redis.cli('LRANGE', `transcript:${sid}`, '0', '-1').map((line) => JSON.parse(line));
    lines.forEach((line) => assertKeys(line, shapes.entry, `transcript:${sid}`));
    assert.equal(lines.length, entries.length);
    assert.ok(Number(redis.cli('TTL', `transcript:${sid}`)[0]) > 86_000);
    for (const name of ['audio_processing_latency', 'tool_execution', 'call_duration']) assert.ok(Number(redis.cli('LLEN', `metrics:${name}`)[0]) > 0, name);
    assert.deepEqual([redis.cli('GET', 'counter:total_calls')[0], redis.cli('GET', 'counter:appointments_booked')[0]], ['1', '1']);
    assert.deepEqual(phone.violations, []);
    assert.deepEqual(session.problems, []);
  });

  test('POST /voice, signed by Twilio, leads to /media-stream', async () => {
    const { form } = new Phone(parley);
    assert.equal((await post(parley, form)).status, 403);
    assert.equal((await post(parley, form, sign(`${publicUrl}/voice`, { ...form, From: '+15550199999' }))).status, 403);
    assert.equal((await curl(parley, '/voice')).status, 405);
    const answer = await post(parley, form, sign(`${publicUrl}/voice`, form));
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type'), /^text\/xml/);
    const { url, parameters } = readTwiml(await answer.text());
    assert.match(url, /^wss:\/\/voice\.example\.com\/media-stream/);
    assert.equal(parameters.callSid, form.CallSid);
    assert.equal(parameters.callerNumber, form.From);
  });

  test('of two callers who want the same slot in the same moment, one gets it', async (t) => {
    const day = workingDay(1);
    const both = await Promise.all([greeted(t, parley, model), greeted(t, parley, model)]);
    const answers = (await Promise.all(both.map((call, i) => exchange(call, 'Two o’clock.', [book(`Caller ${i}`, day, '2:00 PM')])))).flat();
    assert.deepEqual(answers.map(({ success }) => success).sort(), [false, true]);
    assert.deepEqual(answers.find(({ success }) => !success), { success: false, error: 'That time slot was just booked by someone else. Please choose another time.' });
    assert.equal(parley.query(`SELECT count(*) AS n FROM appointments WHERE appointment_date = '${day}'`)[0].n, 1);
    for (const { phone } of both) phone.hangUp();
    const outcomes = await Promise.all(both.map(async ({ phone }) => (await pastCall(parley, phone.sid)).outcome));
    assert.deepEqual(outcomes.sort(), ['appointment_booked', 'user_hangup']);
  });

  test('what is not offered is not booked, and the outcome says how a call went', async (t) => {
    const [farewell, loses] = await Promise.all([greeted(t, parley, model), greeted(t, parley, model)]);
    const yesterday = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
    const far = new Date(Date.now() + 100 * 86_400_000).toISOString().slice(0, 10);
    assert.deepEqual(await exchange(farewell, 'Some other day?', [list(saturday()), list(yesterday), list(far)]), Array(3).fill({ available_slots: [] }));
    const refused = await exchange(farewell, 'On Saturday at ten, or at noon.', [book('Jo', saturday(), '10:00 AM'), book('Jo', workingDay(2), '12:30 PM')]);
    for (const each of refused) assert.deepEqual(each, { success: false, error: 'We do not offer that time. Please check the available times and choose one of them.' });
    await exchange(farewell, 'Then not.', [['end_call', {}]], 'Goodbye.');
    await farewell.phone.isClosed();
    const gone = await pastCall(parley, farewell.phone.sid);
    assert.deepEqual([gone.outcome, gone.customerName, gone.confirmationNumber], ['no_booking', 'Jo', undefined]);

    // The model goes, and nobody lets us in again.
    const key = model.key;
    t.after(() => (model.key = key));
    model.key = 'sk-another';
    loses.session.socket.terminate();
    await loses.phone.isClosed();
    assert.equal((await pastCall(parley, loses.phone.sid)).outcome, 'error');
    await until(() => history().some(({ callSid, outcome }) => callSid === loses.phone.sid && outcome === 'error'), 'Redis says so, too');
    assert.equal(parley.query("SELECT count(*) AS n FROM appointments WHERE customer_name = 'Jo'")[0].n, 0);
  });

  test('MAX_CALL_DURATION_MINUTES ends a call kindly, and Redis may be missing', async (t) => {
    const brief = await startParley(t, { OPENAI_BASE_URL: model.url, MAX_CALL_DURATION_MINUTES: '0.05', PARLEY_ADMIN_TOKEN: token, REDIS_URL: 'redis://127.0.0.1:1' }, undefined, config);
    const phone = new Phone(brief);
    t.after(() => phone.end());
    await phone.dial();
    const session = await model.sessionOf(phone.from);
    session.script.push([{ says: 'This is Sarah.', audio: noise(65, ms(200)) }], [{ says: 'Our time is up. Goodbye.', audio: noise(66, ms(300)) }]);
    await phone.open();
    phone.start();
    phone.speak();
    await phone.isClosed();
    assert.match(session.of('response.create').at(-1).response.instructions, /time for this call is up/);
    const past = await pastCall(brief, phone.sid);
    assert.deepEqual([past.outcome, past.reason], ['no_booking', 'time_limit']);
    const health = JSON.parse((await curl(brief, '/health')).text);
    assert.equal(health.redis, 'does not answer');
  });

  test('an appointments.db of the program before keeps its rows', async (t) => {
    const folder = newFolder(t);
    const file = join(folder, 'appointments.db');
    const [first, second] = [workingDay(), workingDay(1)];
    const patient = ['-cmd', '.timeout 10000'];  // Parley writes, too
    const sql = (text) => execFileSync('sqlite3', ['-json', ...patient, file, text], { encoding: 'utf8' });
    sql(`PRAGMA journal_mode = WAL;
      CREATE TABLE appointments (id INTEGER PRIMARY KEY AUTOINCREMENT, customer_name TEXT NOT NULL, phone_number TEXT NOT NULL, appointment_date TEXT NOT NULL,
        appointment_time TEXT NOT NULL, confirmation_number TEXT UNIQUE NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP, call_sid TEXT, status TEXT DEFAULT 'confirmed');
      CREATE INDEX idx_appointment_datetime ON appointments(appointment_date, appointment_time);
      CREATE INDEX idx_confirmation ON appointments(confirmation_number);
      INSERT INTO appointments (customer_name, phone_number, appointment_date, appointment_time, confirmation_number, status) VALUES
        ('Ann', '+1', '${first}', '2:00 PM', 'APT-10001', 'confirmed'), ('Ben', '+2', '${first}', '2:00 PM', 'APT-10002', 'confirmed'),
        ('Cem', '+3', '${first}', '2:00 PM', 'APT-10003', 'confirmed'), ('Dee', '+4', '${first}', '2:30 PM', 'APT-10004', 'cancelled'),
        ('Eve', '+5', '${first}', '2:30 PM', 'APT-10005', 'confirmed'), ('Fay', '+6', '${second}', '2:00 PM', 'APT-10006', 'confirmed');`);
    const rows = () => JSON.parse(sql('SELECT * FROM appointments ORDER BY id'));
    const before = rows();
    const env = { OPENAI_BASE_URL: model.url, DATABASE_PATH: file, PARLEY_ADMIN_TOKEN: token, REDIS_URL: redis.url, REDIS_PASSWORD: redis.password };
    const one = await startParley(t, env, undefined, config);
    const marked = { Ben: 'double_booked', Cem: 'double_booked' };
    assert.deepEqual(rows(), before.map((row) => ({ ...row, status: marked[row.customer_name] ?? row.status })));
    assert.throws(() => execFileSync('sqlite3', [...patient, file, `INSERT INTO appointments (customer_name, phone_number, appointment_date, appointment_time, confirmation_number) VALUES ('X', '+9', '${second}', '2:00 PM', 'APT-9')`], { stdio: 'pipe' }), /UNIQUE/);
    assert.equal((await get(one, '/dashboard/api/calls/appointments')).length, 6);

    const call = await greeted(t, one, model);
    assert.deepEqual(await exchange(call, 'When?', [list(first)]), [{ available_slots: allDay.filter((slot) => !['2:00 PM', '2:30 PM'].includes(slot)) }]);
    // The slot is not free while two others were promised it, though the first has cancelled.
    sql("UPDATE appointments SET status = 'cancelled' WHERE customer_name = 'Ann'");
    const [taken, made] = await exchange(call, 'Two, or three.', [book('Gil', first, '2:00 PM'), book('Gil', first, '3:00 PM')]);
    assert.equal(taken.success, false);
    assert.equal(made.success, true);
    call.phone.hangUp();
    await pastCall(one, call.phone.sid);
    one.child.kill('SIGTERM');
    await one.child.ended;
    const then = rows();
    await startParley(t, env, undefined, config);
    assert.deepEqual(rows(), then, 'a second start changes nothing');
  });

  test('reads the settings of the program before from the environment', async () => {
    const settings = async (env) => {
      const { stdout } = await run(join(bin, 'parley'), ['config', '-c', config], { cwd: tree, env: { PATH: process.env.PATH, ...env } });
      return (name) => stdout.match(new RegExp(`^${name} +(.*?)  `, 'm'))[1];
    };
    const usual = await settings({});
    const names = { 'server.port': '3000', 'store.path': 'data/appointments.db', 'redis.url': 'redis://localhost:6379', 'calls.duration_max_minutes': '5', 'openai.voice': 'alloy', 'log.level': 'info', 'twilio.validate_signatures': 'true' };
    for (const [name, value] of Object.entries(names)) assert.equal(usual(name), value, name);
    const own = await settings({ PORT: '3001', DATABASE_PATH: '/srv/a.db', REDIS_URL: 'redis://cache:6380', REDIS_PASSWORD: 'x', MAX_CALL_DURATION_MINUTES: '7', OPENAI_VOICE: 'verse', LOG_LEVEL: 'debug',
      ENABLE_WEBHOOK_VALIDATION: 'false', OPENAI_REALTIME_MODEL: 'gpt-4o-realtime-preview-2024-10-01', TWILIO_PHONE_NUMBER: '+15550100001' });
    const wanted = { 'server.port': '3001', 'store.path': '/srv/a.db', 'redis.url': 'redis://cache:6380', 'calls.duration_max_minutes': '7', 'openai.voice': 'verse', 'log.level': 'debug', 'twilio.validate_signatures': 'false', 'openai.model': 'gpt-realtime-2.1', 'twilio.phone_number': /\+1555.*/ };
    for (const [name, value] of Object.entries(wanted)) value instanceof RegExp ? assert.match(own(name), value) : assert.equal(own(name), value, name);
  });
});

// ---- the page, with simulated speech ---------------------------------------------------------------

const modelScript = `
greeting: from_instructions
fallback_says: "I am sorry, I did not catch that."
voice: en-us+f3
words_per_minute: 185
speed: 8
turns:
  - heard: "Hello, I would like to see the doctor."
    says: "Gladly. What is your name, please?"
  - heard: "Maria Lopez."
    says: "Thank you. Which day suits you?"
  - heard: "{weekday: open_weekday}, please."
    says: "Let me check."
    calls:
      - tool: list_available_slots
        arguments: {date: "{date: open_weekday}"}
    remember:
      date: "{date: open_weekday}"
      slot: "{choose: result.available_slots, 10:00 AM}"
    then:
      - says: "Maria Lopez, on {spoken_date: date} at {spoken_time: slot}. Is that right?"
  - heard: "Yes, that is right."
    says: "One moment."
    calls:
      - tool: create_appointment
        arguments: {customer_name: "Maria Lopez", date: "{date}", time: "{slot}"}
    then:
      - when: result.success
        says: "You are booked. Your number is {digits: result.confirmation_number}. Can I do anything else for you?"
      - says: "I am sorry, that time has just been taken."
  - heard: "No, thank you."
    says: "Goodbye."
    calls: [end_call]
`;
const callerScript = `
voice: en-gb+m3
words_per_minute: 175
time_limit_s: 120
steps:
  - wait_for_agent: {silent_for_ms: 700, within_s: 20}
  - say: "Hello, I would like to see the doctor."
  - wait_for_agent: {silent_for_ms: 600, within_s: 20}
  - say: "Maria Lopez."
  - wait_for_agent: {silent_for_ms: 600, within_s: 20}
  - say: "{weekday: open_weekday}, please."
  - wait_for_agent: {silent_for_ms: 1200, within_s: 20}
  - say: "Yes, that is right."
  - wait_for_agent: {silent_for_ms: 1500, within_s: 30}
  - say: "No, thank you."
  - wait_for_hang_up: {within_s: 30}
expect: {ended_by: agent}
`;

test('a call that books, on the dashboard', async (t) => {
  const model = await startSimulatedModel(t, modelScript);
  const redis = await startRedis(t);
  const parley = await startParley(t, { OPENAI_BASE_URL: model.url, REDIS_URL: redis.url, REDIS_PASSWORD: redis.password }, undefined, config);
  const key = execFileSync(join(bin, 'parley'), ['token', 'new', 'maria', '--role', 'operator', '--database', parley.database], { cwd: tree, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const tab = await openTab(await startBrowser(t));
  t.after(() => assert.deepEqual(tab.complaints, [], 'the console is free of errors'));
  await tab.goto(`${parley.url}/dashboard`);
  await tab.getByLabel('Access token').fill(key);
  await tab.getByRole('button', { name: 'Log in' }).click();
  await tab.getByText('Nobody is calling.').waitFor();

  const file = join(dirname(parley.database), 'caller.yaml');
  writeFileSync(file, callerScript);
  const abort = new AbortController();
  t.after(() => abort.abort());
  const over = run(join(bin, 'parley-sim'), ['call', '--webhook', `${publicUrl}/voice`, '--connect-to', parley.url, '--auth-token', authToken, '--from', '+15550100001', '--to', '+15550100002', '--script', file],
    { cwd: tree, signal: abort.signal, killSignal: 'SIGKILL' });
  over.catch(() => {});  // looked at where it is awaited

  const live = tab.locator('#live-detail');
  await live.getByRole('heading', { name: '+15550100001' }).waitFor();
  await live.locator('.said[data-who="agent"]', { hasText: 'This is Sarah' }).waitFor();
  await live.locator('.tool-run[data-how="done"]', { hasText: 'list_available_slots' }).waitFor({ timeout: 90_000 });
  const booking = live.locator('.tool-run[data-how="done"]', { hasText: 'create_appointment' });
  await booking.waitFor({ timeout: 90_000 });
  await booking.locator('summary').click();
  const [number] = (await booking.locator('pre').last().textContent()).match(/APT-\d{5}/);
  await picture(tab, 'medical-1-live');
  await isAccessible(tab, 'during the call');
  await tab.getByRole('link', { name: 'Bookings' }).click();
  await tab.locator('#bookings tr', { hasText: number }).getByText('Maria Lopez').waitFor();
  await picture(tab, 'medical-2-bookings');

  const { stdout } = await over;
  assert.doesNotMatch(stdout, /violation/i);
  await tab.getByRole('link', { name: 'History' }).click();
  await tab.locator('#past-list .call', { hasText: 'Maria Lopez' }).click();
  await tab.locator('#history-detail .facts dd', { hasText: number }).waitFor();
  await tab.locator('#history-detail .said[data-who="caller"]', { hasText: 'see the doctor' }).waitFor();
  await picture(tab, 'medical-3-history');
  const kept = await until(() => redis.cli('ZRANGE', 'call_history', '0', '-1')[0], 'the history in Redis');
  assert.equal(JSON.parse(kept).confirmationNumber, number);
});

// ---- the scenarios ---------------------------------------------------------------------------------

const scenarios = 'examples/medical-booking/scenarios';
const rehearse = (...words) => run(join(bin, 'parley'), ['-c', config, 'test', ...words], { cwd: tree, env: { PATH: process.env.PATH } });

test('its scenarios pass', async () => {
  const { stdout } = await rehearse(scenarios);
  assert.match(stdout, /passed, 0 failed/);
});

// Of each scenario one mistake that it must notice: [file, what is right, what is wrong].
const mistakes = {
  barge_in: ['tools/create_appointment.lua', 'name, call.from, date, at, number', 'name, call.from, date, "11:00 AM", number'],
  books: ['tools/list_available_slots.lua', 'progress.reach(call, "checking_slots")', ''],
  busy_database: ['tools/create_appointment.lua', 'return refused(not_saved)', 'return refused(taken)'],
  hangs_up: ['tools/list_available_slots.lua', 'return { available_slots = free }', 'call.set_outcome("appointment_booked") return { available_slots = free }'],
  hangs_up_during_booking: ['tools/create_appointment.lua', 'call.set_outcome("appointment_booked")', ''],
  past_and_far: ['lib/calendar.lua', 'start > now', 'start > now - 60'],
  slot_is_taken: ['lib/calendar.lua', 'minutes and time.spoken_time(minutes) or row.appointment_time', 'row.appointment_time'],
  time_limit: ['tools/create_appointment.lua', 'call.set_outcome("appointment_booked")', 'call.set_outcome("no_booking")'],
  two_want_the_same: ['migrations/001_appointments.sql', 'CREATE UNIQUE INDEX', 'CREATE INDEX'],
  weekend_and_lunch: ['lib/calendar.lua', 'start < lunch_to', 'start > lunch_to'],
};

test('each of its scenarios notices a mistake in the scripts', async (t) => {
  for (const [name, [file, right, wrong]] of Object.entries(mistakes)) {
    const scripts = newFolder(t);
    cpSync(join(tree, 'examples/medical-booking/scripts'), scripts, { recursive: true });
    const text = readFileSync(join(scripts, file), 'utf8');
    assert.ok(text.includes(right), `${file} has: ${right}`);
    writeFileSync(join(scripts, file), text.replace(right, wrong));
    await assert.rejects(rehearse('--set', `scripts.dir=${scripts}`, join(scenarios, `${name}.yaml`)), ({ code, stdout }) => code === 1 && stdout.includes('1 failed'), name);
  }
});
