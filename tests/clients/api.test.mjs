// What schemas/openapi.yaml says of a running service is true: every path of its table is described and every described
// one exists, and what it answers, before, during and after a call, is of the described shape.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { describe, before, after } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { authToken, bin, eventsOf, publicUrl, startParley, startSimulatedModel, tree, until } from './parley.mjs';

const adminToken = 'an-admin-token-for-this-test-alone';
const document = parse(readFileSync(join(tree, 'schemas/openapi.yaml'), 'utf8'));
const ajv = new Ajv2020({ strict: false });
ajv.addSchema({ $id: 'openapi', ...document });
const schema = (pointer) => ajv.getSchema(`openapi#${pointer}`) ?? ajv.compile({ $ref: `openapi#${pointer}` });

function assertShape(pointer, value, what) {
  const validate = schema(pointer);
  assert.ok(validate(value), `${what}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 600)}`);
}
const named = (name) => `/components/schemas/${name}`;
const escaped = (part) => part.replaceAll('~', '~0').replaceAll('/', '~1');

// The schema of an answer: "/paths/~1health/get/responses/200/content/application~1json/schema".
function answerPointer(path, method, status) {
  const operation = document.paths[path]?.[method];
  let pointer = `/paths/${escaped(path)}/${method}/responses/${operation?.responses?.[status] ? status : 'default'}`;
  let answer = operation?.responses?.[status] ?? operation?.responses?.default;
  while (answer?.$ref) {
    pointer = answer.$ref.slice(1);
    answer = pointer.split('/').slice(1).reduce((at, key) => at[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  }
  return answer?.content?.['application/json'] ? `${pointer}/content/application~1json/schema` : null;
}

const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let parley;

describe('the API of a running service', () => {
  before(async () => {
    const model = await startSimulatedModel(suite, readFileSync(join(tree, 'examples/demo/model.yaml'), 'utf8'));
    parley = await startParley(suite, { OPENAI_BASE_URL: model.url, PARLEY_ADMIN_TOKEN: adminToken, TWILIO_ACCOUNT_SID: '' }, 'calls: {record: events}\n');
  });
  after(async () => { for (const stop of suite.stops.reverse()) await stop(); });

  const ask = (path, { method = 'GET', body, token = adminToken, headers = {}, signal } = {}) => fetch(`${parley.url}${path}`, {
    method, redirect: 'manual', signal,
    headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  // The JSON of an answer, checked against its description.
  async function checked(path, described = path, options = {}) {
    const answer = await ask(path, options);
    const value = await answer.json();
    const pointer = answerPointer(described.split('?')[0], (options.method ?? 'GET').toLowerCase(), answer.status);
    assert.ok(pointer, `${path} is described to answer ${answer.status} with JSON`);
    assertShape(pointer, value, `${options.method ?? 'GET'} ${path}`);
    return { status: answer.status, value };
  }

  async function checkRecording(call) {
    assert.equal(call.recording, `/dashboard/api/calls/${call.callSid}/recording`);
    // Its last piece is written when the agent has had its last word.
    const events = join(dirname(parley.database), 'recordings', `${call.callSid}.events`);
    await until(() => existsSync(events) && readFileSync(events, 'utf8').includes('\n> finish '), 'the recording is whole');
    const whole = Buffer.from(await (await ask(call.recording)).arrayBuffer());
    assert.equal(whole.toString('latin1', 0, 4) + whole.toString('latin1', 8, 16), 'RIFFWAVEfmt ');
    assert.deepEqual([whole.readUInt16LE(22), whole.readUInt32LE(24), whole.readUInt32LE(40)], [2, 8000, whole.length - 44]);
    const seconds = (whole.length - 44) / 32_000;
    assert.ok(Math.abs(seconds - call.duration) < 3, `${seconds} s of sound of a call of ${call.duration} s`);
    for (const side of [0, 2]) {
      let loudest = 0;
      for (let at = 44 + side; at < whole.length; at += 4) loudest = Math.max(loudest, Math.abs(whole.readInt16LE(at)));
      assert.ok(loudest > 3000, `somebody is heard ${side ? 'right' : 'left'}`);
    }
    const part = await ask(call.recording, { headers: { Range: 'bytes=44-143' } });
    assert.deepEqual([part.status, part.headers.get('content-range')], [206, `bytes 44-143/${whole.length}`]);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(44, 144));
    assert.equal((await ask(call.recording, { headers: { Range: `bytes=${whole.length}-` } })).status, 416);
  }

  test('has every path of its table described, and no other', async () => {
    const { value } = await checked('/api/routes');
    const described = new Set();
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { 'x-access': access }] of Object.entries(operations)) {
        if (method !== 'parameters') described.add(`${method.toUpperCase()} ${path} ${access}`);
      }
    }
    const served = new Set();
    for (const { methods, path, access } of value.routes) {
      // single files that the login page needs, as /dashboard/{file} but open
      if (path.startsWith('/dashboard/') && access === 'open') continue;
      for (const method of methods) served.add(`${method} ${path.replace(/:(\w+)/g, '{$1}').replace('*', '{file}')} ${access}`);
    }
    // without the page's files there are no paths for them
    const pages = ['GET /dashboard viewer', 'GET /dashboard/{file} viewer'];
    const missing = [...described].filter((each) => !served.has(each) && !pages.includes(each));
    assert.deepEqual({ undescribed: [...served].filter((each) => !described.has(each)), missing }, { undescribed: [], missing: [] });
  });

  test('answers in the described shapes when nothing has happened yet', async () => {
    for (const path of ['/health', '/ready', '/api/status', '/api/diff', '/api/tokens', '/dashboard/api/me', '/dashboard/api/calls/active',
      '/dashboard/api/calls/history', '/dashboard/api/calls/appointments', '/dashboard/api/calls/stats', '/dashboard/api/metrics', '/dashboard/api/audit']) {
      assert.equal((await checked(path)).status, 200, path);
    }
    assert.deepEqual((await checked('/dashboard/api/calls/active')).value, []);
    assert.equal((await checked('/api/reload', '/api/reload', { method: 'POST' })).status, 200);
    assert.equal((await checked('/api/rollback', '/api/rollback', { method: 'POST' })).status, 409);
  });

  test('says in the described shape what is wrong', async () => {
    for (const [status, path, described, options] of [
      [401, '/api/status', '/api/status', { token: '' }],
      [404, '/dashboard/api/calls/CA1', '/dashboard/api/calls/{callSid}'],
      [404, '/dashboard/api/calls/CA1/recording', '/dashboard/api/calls/{callSid}/recording'],
      [404, '/api/transcript/CA1', '/api/transcript/{callSid}'],
      [400, '/generate-voice', '/generate-voice', { method: 'POST', body: { voice: 'verse' } }],
      [404, '/dashboard/api/transcripts/CA1', '/dashboard/api/transcripts/{callSid}'],
      [404, '/dashboard/api/transcripts/CA1/stream', '/dashboard/api/transcripts/{callSid}/stream'],
      [404, '/api/calls/CA1/end', '/api/calls/{callSid}/end', { method: 'POST', body: { at_once: true } }],
      [400, '/api/calls/CA1/end', '/api/calls/{callSid}/end', { method: 'POST', body: {} }],
      [400, '/dashboard/api/calls/CA1/transfer', '/dashboard/api/calls/{callSid}/transfer', { method: 'POST', body: {} }],
      [503, '/dashboard/api/calls/CA1/transfer', '/dashboard/api/calls/{callSid}/transfer', { method: 'POST', body: { to: '+15550102001' } }],
      [400, '/api/tokens', '/api/tokens', { method: 'POST', body: { name: 'x y', role: 'viewer' } }],
      [404, '/api/tokens/nobody', '/api/tokens/{name}', { method: 'DELETE' }],
      [400, '/dashboard/api/calls/history?before=x', '/dashboard/api/calls/history'],
    ]) assert.equal((await checked(path, described, options)).status, status, path);
  });

  test('lets people in by token and cookie, and out again', async () => {
    const { value: made } = await checked('/api/tokens', '/api/tokens', { method: 'POST', body: { name: 'maria', role: 'operator' } });
    const form = (fields) => ({ method: 'POST', redirect: 'manual', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields) });
    const login = await fetch(`${parley.url}/login`, form({ token: made.token }));
    assert.equal(login.status, 200);
    const session = await login.json();
    assertShape(named('LoggedIn'), session, 'POST /login');
    const cookie = login.headers.get('set-cookie').split(';')[0];
    const me = await (await fetch(`${parley.url}/dashboard/api/me`, { headers: { Cookie: cookie } })).json();
    assert.equal(me.csrf, session.csrf);
    const out = (csrf) => fetch(`${parley.url}/logout`, { method: 'POST', headers: { Cookie: cookie, ...(csrf && { 'X-CSRF-Token': csrf }) } });
    assert.equal((await out()).status, 403);
    assert.equal((await out(session.csrf)).status, 200);
    assert.equal((await fetch(`${parley.url}/dashboard/api/me`, { headers: { Cookie: cookie } })).status, 401);
    assert.equal((await checked('/api/tokens/maria', '/api/tokens/{name}', { method: 'DELETE' })).status, 200);
    const deeds = (await checked('/dashboard/api/audit')).value.map(({ who, action }) => `${who} ${action}`);
    assert.ok(deeds.includes('admin DELETE /api/tokens/maria'), deeds.join(', '));
    assert.ok(deeds.includes('maria POST /logout'), deeds.join(', '));
  });

  test('tells a call as it happens, and remembers it', async () => {
    const events = [];
    const stop = new AbortController();
    const stream = await ask('/dashboard/stream', { signal: stop.signal });
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
    const watching = (async () => { for await (const event of eventsOf(stream.body)) events.push(event); })().catch(() => {});
    const of = (name) => events.filter((event) => event.name === name).map(({ data }) => data);

    const caller = spawn(join(bin, 'parley-sim'), ['call', '--webhook', `${publicUrl}/voice`, '--connect-to', parley.url, '--auth-token', authToken,
      '--from', '+15550100001', '--to', '+15550100002', '--script', join(tree, 'examples/demo/caller.yaml')], { cwd: tree });
    let said = '';
    caller.stdout.on('data', (text) => (said += text));
    caller.stderr.on('data', (text) => (said += text));
    const over = new Promise((done) => caller.once('exit', done));
    await until(() => of('turn').length >= 2 || caller.exitCode !== null, () => `turns are told; the caller says ${said}`);
    const [active] = (await checked('/dashboard/api/calls/active')).value;
    const { callSid } = active;
    await checked(`/dashboard/api/calls/${callSid}`, '/dashboard/api/calls/{callSid}');
    const transcript = [];
    const following = ask(`/dashboard/api/transcripts/${callSid}/stream`).then(async (answer) => {
      for await (const { name, data } of eventsOf(answer.body)) if (name === '') transcript.push(data);
    });
    assert.equal(await over, 0, said);
    await until(() => of('ended').length && of('call_history').some((calls) => calls.length), 'the end is told');
    await following;
    stop.abort();
    await watching;

    of('active_calls').flat().forEach((call) => assertShape(named('ActiveCall'), call, 'active_calls'));
    of('call_history').flat().forEach((call) => assertShape(named('PastCall'), call, 'call_history'));
    of('metrics').forEach((metrics) => assertShape(named('Metrics'), metrics, 'metrics'));
    of('turn').forEach(({ entry }) => assertShape(named('TranscriptEntry'), entry, 'turn'));
    of('tool').forEach(({ tool }) => assertShape(named('ToolRun'), tool, 'tool'));
    of('latency').forEach(({ turn }) => assertShape(named('Turn'), turn, 'latency'));
    of('stats').forEach((stats) => assertShape(named('Stats'), stats, 'stats'));
    of('scripts').forEach((status) => assertShape(named('Status'), status, 'scripts'));
    of('ended').forEach(({ call }) => assertShape(named('PastCall'), call, 'ended'));
    const states = new Set(of('state').map(({ state }) => state));
    for (const state of ['listening', 'speaking']) assert.ok(states.has(state), [...states].join());
    assert.ok(of('tool').some(({ tool }) => tool.name === 'book_appointment' && tool.ok), 'the booking is told');

    // The dashboard's events are quicker than the database.
    const past = await until(async () => (await checked('/dashboard/api/calls/history?q=apt-', '/dashboard/api/calls/history')).value[0], 'it is in the history');
    assert.equal(past.callSid, callSid);
    assert.equal(past.outcome, 'appointment_booked');
    assert.match(past.confirmationNumber, /^APT-\d{5}$/);
    assert.ok(past.customerName && past.appointmentDetails.date && past.appointmentDetails.time, JSON.stringify(past));
    const { value: call } = await checked(`/dashboard/api/calls/${callSid}`, '/dashboard/api/calls/{callSid}');
    assert.equal(call.tools.filter(({ ok }) => ok === true).length, call.tools.length);
    assert.ok(call.latency.length > 0);
    await checkRecording(call);
    const { value: entries } = await checked(`/dashboard/api/transcripts/${callSid}`, '/dashboard/api/transcripts/{callSid}');
    assert.deepEqual(new Set(transcript.map(({ id, role }) => `${role} ${id}`)), new Set(entries.map(({ id, role }) => `${role} ${id}`)));
    const { value: whole } = await checked(`/api/transcript/${callSid}`, '/api/transcript/{callSid}');
    assert.equal(whole.complete, true);
    const { value: stats } = await checked('/dashboard/api/calls/stats');
    assert.deepEqual([stats.activeCalls, stats.totalCalls, stats.successRate], [0, 1, 100]);
    const [booking] = (await checked('/dashboard/api/calls/appointments')).value;
    assert.equal(booking.confirmation_number, past.confirmationNumber);
  });
});
