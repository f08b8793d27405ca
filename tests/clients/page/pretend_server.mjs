// Serves the dashboard's page with literal data in the shapes of docs/dashboard.md, so that every state of the page
// can be looked at and tested without a service. dashboard.test.mjs tests it with the real one.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { tree } from '../parley.mjs';

const folder = join(tree, 'runtime/ops/page');
const chart = '/usr/share/javascript/chart.js/chart.min.js';
const types = { '.html': 'text/html; charset=utf-8', '.mjs': 'text/javascript', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
export const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const at = (secondsAgo) => new Date(Date.now() - secondsAgo * 1000).toISOString();

export const liveCall = () => ({
  callSid: 'CA00000000000000000000000000000001', streamSid: 'MZ01', phoneNumber: '+15550100001', customerName: 'Maria Lopez', to: '+15550100002', agent: 'sarah',
  startTime: at(74), duration: 0, currentStep: 'greeting', aiStatus: 'speaking', lastActivity: at(1), state: 'speaking', tool: null, turns: 4, costUsd: 0.0412, generation: 7,
});
const otherCalls = () => [
  { ...liveCall(), callSid: 'CA00000000000000000000000000000002', phoneNumber: '+442079460123', customerName: null, agent: 'sarah', state: 'running_tool', aiStatus: 'processing_tool', tool: 'book_appointment', turns: 9, startTime: at(201), costUsd: 0.1123 },
  { ...liveCall(), callSid: 'CA00000000000000000000000000000003', phoneNumber: '+4930901820', customerName: 'Jörg Großmann', agent: 'practice', state: 'listening', aiStatus: 'listening', turns: 1, startTime: at(9), costUsd: 0.0021 },
];

export const detailOfLive = () => ({
  ...liveCall(), endTime: null, outcome: '', reason: '', summary: null, recording: null,
  transcript: [
    { id: 'item1', timestamp: at(72), role: 'assistant', content: 'Thank you for calling Riverside Medical, this is Sarah. How can I help you?' },
    { id: 'item2', timestamp: at(64), role: 'user', content: 'Hello, I would like to see the doctor on Tuesday, please.' },
    { id: 'item3', timestamp: at(58), role: 'assistant', content: 'Let me check.' },
    { id: 'item4', timestamp: at(54), role: 'assistant', content: 'On Tuesday I have nine, nine thirty, ten o’clock,', unheard: 'ten thirty and eleven o’clock. I also have times later in the day.', interrupted: true },
    { id: 'item5', timestamp: at(48), role: 'user', content: 'Ten o’clock, please.' },
    { id: 'item6', timestamp: at(44), role: 'assistant', content: 'Ten o’clock, good. What is your name, please?' },
  ],
  tools: [
    { toolCallId: 't1', name: 'check_slots', arguments: '{"date":"2026-12-01"}', result: '{"available_slots":["9:00 AM","9:30 AM","10:00 AM"]}', ok: true, timestamp: at(57), durationMs: 12 },
    { toolCallId: 't2', name: 'book_appointment', arguments: '{"customer_name":"Maria Lopez","date":"2026-12-01","time":"10:00 AM"}', result: null, ok: null, timestamp: at(2), durationMs: null },
  ],
  latency: [
    { timestamp: at(58), callSid: liveCall().callSid, modelMs: 412, lineMs: 38, totalMs: 450 },
    { timestamp: at(54), callSid: liveCall().callSid, modelMs: 733, lineMs: 41, totalMs: 774 },
    { timestamp: at(44), callSid: liveCall().callSid, modelMs: 390, lineMs: 220, totalMs: 610 },
  ],
  notes: [{ timestamp: at(40), text: 'prefers mornings', fields: { day: 'Tuesday' } }],
  problems: [], happenings: [{ timestamp: at(50), what: 'message_sent', detail: '+15550100001' }],
});

const past = (i) => ({
  callSid: `CA9${String(i).padStart(31, '0')}`, phoneNumber: `+1555010${String(1000 + i)}`, customerName: i % 3 ? `Customer ${i}` : null, to: '+15550100002', agent: 'sarah',
  startTime: at(3600 * i + 400), endTime: at(3600 * i + 300), duration: 100, outcome: ['appointment_booked', 'user_hangup', 'no_booking', 'error'][i % 4], reason: 'caller_hung_up',
  ...(i % 4 === 0 ? { confirmationNumber: `APT-${12345 + i}`, appointmentDetails: { date: '2026-12-01', time: '10:00 AM' } } : {}), turns: 8, costUsd: 0.0873, hasRecording: i % 2 === 0,
});

const detailOfPast = (call) => ({
  ...call, state: null, tool: null, generation: 6, summary: { reason: 'checkup', satisfied: true }, recording: call.hasRecording ? `/dashboard/api/calls/${call.callSid}/recording` : null,
  transcript: detailOfLive().transcript, tools: [detailOfLive().tools[0]], latency: detailOfLive().latency, notes: [], problems: [{ timestamp: at(50), what: 'provider_lost', detail: 'the connection was reset' }],
});

const metrics = () => {
  const recent = Array.from({ length: 40 }, (_, i) => ({ timestamp: at(600 - 15 * i), callSid: liveCall().callSid, modelMs: 380 + ((i * 97) % 400), lineMs: 35 + ((i * 31) % 60) })).map((turn) => ({ ...turn, totalMs: turn.modelMs + turn.lineMs }));
  return {
    audioLatency: { avg: 0, samples: [] }, toolExecution: { avg: 14, samples: [12, 16] }, callDuration: { avg: 98, samples: [90, 106] }, counters: { totalCalls: 214, appointmentsBooked: 87 },
    turnLatency: { count: 812, p50: 540, p95: 880, p99: 1240, model: { p50: 490, p95: 800, p99: 1130 }, line: { p50: 48, p95: 92, p99: 120 }, recent },
    tools: [{ name: 'check_slots', calls: 91, errors: 0, p50: 11, p95: 24 }, { name: 'book_appointment', calls: 62, errors: 2, p50: 18, p95: 240 }],
  };
};

const scripts = (isRefused) => ({
  parley: '0.1.0', calls: 3, uptime_s: 8123, generation: 7, version: 'c0ffee12', since: at(900), since_ms: Date.now() - 900_000, made_at: at(900), cause: 'saved', watching: 'inotify',
  generations: [
    { generation: 7, version: 'c0ffee12', made_at: at(900), made_at_ms: Date.now() - 900_000, calls: 3, serving: true, can_be_rolled_back_to: true },
    { generation: 6, version: '00aa11bb', made_at: at(8000), made_at_ms: Date.now() - 8_000_000, calls: 0, serving: false, can_be_rolled_back_to: true },
  ],
  last_failure: isRefused ? {
    at: at(30), at_ms: Date.now() - 30_000, cause: 'saved', version: 'bad0bad0', is_current: true,
    findings: [
      { file: 'scripts/agents/sarah.lua', line: 14, severity: 'error', message: 'unknown var {clinik}', remedy: 'did you mean {clinic}?', source_line: '  greeting = "Thank you for calling {clinik}, this is Sarah.",' },
      { file: 'scripts/tools/check_slots.lua', line: 3, severity: 'warning', message: 'params.date has no description', remedy: 'say what the model should put there', source_line: '  date = "string",' },
    ],
  } : null,
  needs_restart: isRefused ? [{ setting: 'server.port', running: '3000', wanted: '3001', source: 'config/parley.yaml:4' }] : [],
  reloads: 6, failures: 1, rollbacks: 0,
});

const bookings = () => Array.from({ length: 6 }, (_, i) => ({
  customer_name: ['Maria Lopez', 'Jörg Großmann', 'An extraordinarily long name that somebody gave', 'Li Wei', 'Ada', 'Omar'][i], phone_number: `+1555010000${i}`, appointment_date: '2026-12-01', appointment_time: '10:00 AM',
  confirmation_number: `APT-1234${i}`, created_at: at(100 * i), call_sid: `CA${i}`, status: i === 4 ? 'cancelled' : 'confirmed',
}));

const none = { count: 0, p50: null, p95: null, p99: null };

// scenario: 'busy', 'empty', 'refused' (busy, with a refused reload). role: of who is logged in.
export async function startPretendServer({ scenario = 'busy', role = 'operator' } = {}) {
  const isEmpty = scenario === 'empty';
  const me = { name: 'maria', role, csrf: 'csrf-1', version: '0.1.0' };
  const data = {
    me,
    active: isEmpty ? [] : [liveCall(), ...otherCalls()],
    details: new Map(isEmpty ? [] : [[liveCall().callSid, detailOfLive()], ...otherCalls().map((call) => [call.callSid, { ...detailOfLive(), ...call, transcript: [], tools: [], latency: [] }])]),
    past: isEmpty ? [] : Array.from({ length: 45 }, (_, i) => past(i)),
    stats: isEmpty ? { activeCalls: 0, todayBookings: 0, totalCalls: 0, successRate: 0, avgDuration: 0, callsToday: 0, costTodayUsd: 0 } : { activeCalls: 3, todayBookings: 12, totalCalls: 100, successRate: 87, avgDuration: 98, callsToday: 41, costTodayUsd: 3.4211 },
    metrics: isEmpty ? { counters: { totalCalls: 0, appointmentsBooked: 0 }, turnLatency: { ...none, model: none, line: none, recent: [] }, tools: [] } : metrics(),
    appointments: isEmpty ? [] : bookings(),
    scripts: scripts(scenario === 'refused'),
    health: { status: scenario === 'refused' ? 'degraded' : 'ok', timestamp: at(0), uptime: 8123, calls: 3, store: 'ok', ...(scenario === 'refused' ? { redis: 'connection refused; what is missed is caught up' } : {}) },
    isLoggedOut: false,
    isStreamDown: false,
  };
  const asked = [];  // what changes something: {path, body, csrf}
  const waiting = new Set();  // paths that are asked for and not answered yet
  const streams = new Set();

  const json = (answer, status, value) => {
    answer.writeHead(status, { 'Content-Type': 'application/json', 'Content-Security-Policy': policy, 'Cache-Control': 'no-store' });
    answer.end(JSON.stringify(value));
  };
  const read = async (request) => {
    let body = '';
    for await (const piece of request) body += piece;
    return body;
  };

  function history(query) {
    const text = query.get('q')?.toLowerCase() ?? '';
    const before = query.get('before');
    return data.past
      .filter((call) => JSON.stringify(call).toLowerCase().includes(text) && (!query.get('outcome') || call.outcome === query.get('outcome')) && (!before || call.startTime < before))
      .slice(0, Number(query.get('limit') ?? 20));
  }

  const server = createServer(async (request, answer) => {
    const url = new URL(request.url, 'http://localhost');
    const { pathname } = url;
    const file = pathname === '/dashboard' ? 'index.html' : pathname === '/login' ? 'login.html' : pathname.match(/^\/dashboard\/([\w.]+\.(?:mjs|js|css|svg))$/)?.[1];
    if (file) {
      answer.writeHead(200, { 'Content-Type': types[extname(file)], 'Content-Security-Policy': policy });
      return answer.end(readFileSync(file === 'chart.js' ? chart : join(folder, file)));
    }
    if (data.isLoggedOut) return json(answer, 401, { error: 'log in' });
    if (request.method === 'POST') {
      const body = await read(request);
      asked.push({ path: pathname, body: body ? JSON.parse(body) : null, csrf: request.headers['x-csrf-token'] });
      if (data.refusal) return json(answer, 409, { error: data.refusal });
      return json(answer, 202, { success: true });
    }
    waiting.add(pathname);
    await data.held?.get(pathname);
    waiting.delete(pathname);
    if (pathname === '/dashboard/stream') {
      if (data.isStreamDown) return json(answer, 503, { error: 'down' });
      answer.writeHead(200, { 'Content-Type': 'text/event-stream' });
      answer.write('event: alive\ndata: {}\n\n');
      streams.add(answer);
      return request.on('close', () => streams.delete(answer));
    }
    const callSid = pathname.match(/^\/dashboard\/api\/calls\/(CA\w+)$/)?.[1];
    if (callSid) {
      const found = data.details.get(callSid) ?? data.past.filter((call) => call.callSid === callSid).map(detailOfPast)[0];
      return found ? json(answer, 200, found) : json(answer, 404, { error: `no call ${callSid}` });
    }
    const value = {
      '/dashboard/api/me': data.me, '/dashboard/api/calls/active': data.active, '/dashboard/api/calls/stats': data.stats, '/dashboard/api/metrics': data.metrics,
      '/dashboard/api/calls/appointments': data.appointments, '/dashboard/api/calls/history': history(url.searchParams), '/api/status': data.scripts, '/health': data.health,
    }[pathname];
    return value ? json(answer, 200, value) : json(answer, 404, { error: `no path ${pathname}` });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));

  return {
    url: `http://127.0.0.1:${server.address().port}`, data, asked, waiting,
    get watching() { return streams.size; },
    send(name, value) {
      for (const stream of streams) stream.write(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`);
    },
    cutStreams() {
      data.isStreamDown = true;
      for (const stream of streams) stream.destroy();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
