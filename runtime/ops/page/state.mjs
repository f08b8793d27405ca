// state.mjs: what the page knows, as plain values.
//
// Each function takes a state and returns the next one; what has not changed is shared, so that
// drawing can tell by identity. Nothing here draws, fetches or tells the time.
//
//   place    where the person is: {view, callSid}, from the address
//   link     the stream: 'connecting', 'live', 'lost'
//   chosen   the call that is looked at, with all its parts; null: none

export const views = ['live', 'history', 'bookings', 'latency', 'scripts'];
const history_kept_max = 500;
const turns_shown_max = 60;

export function initial() {
  return {
    place: { view: 'live', callSid: null },
    link: { is: 'connecting', since: null },
    me: null,
    active: null,
    stats: null,
    metrics: null,
    scripts: null,
    health: null,
    appointments: null,
    history: { query: '', outcome: '', calls: null, hasMore: false, problem: '' },
    chosen: null,
  };
}

// "#history/CA12" -> {view: 'history', callSid: 'CA12'}
export function placeOf(hash) {
  const [view, callSid] = hash.replace(/^#/, '').split('/');
  if (!views.includes(view)) return { view: 'live', callSid: null };
  let name = null;
  try {
    name = callSid ? decodeURIComponent(callSid) : null;
  } catch {
    // an address somebody mistyped names no call
  }
  return { view, callSid: name };
}

export const hashOf = ({ view, callSid }) => `#${view}${callSid ? `/${encodeURIComponent(callSid)}` : ''}`;

// ---- the chosen call --------------------------------------------------------------------------------

// What happens to a call while it is being fetched is kept in `early` and told to what was fetched, which may be
// older. Null: nothing is being fetched.
export function choosing(state, callSid) {
  if (callSid === null) return state.chosen === null ? state : { ...state, chosen: null };
  if (state.chosen?.callSid === callSid) return state;
  return { ...state, chosen: { callSid, is: 'loading', call: null, early: [] } };
}

// Fetched anew, after the stream was away: what is shown stays, and goes on, until the answer is there.
export function refetching(state) {
  return state.chosen ? { ...state, chosen: { ...state.chosen, early: [] } } : state;
}

export function fetched(state, callSid, call) {
  if (state.chosen?.callSid !== callSid) return state;
  const early = state.chosen.early ?? [];
  const ready = { callSid, is: 'ready', early: null, call: {
    ...call, transcript: call.transcript ?? [], tools: call.tools ?? [], latency: call.latency ?? [],
    notes: call.notes ?? [], problems: call.problems ?? [], happenings: call.happenings ?? [],
  } };
  return early.reduce((next, [name, data]) => applied(next, name, data), { ...state, chosen: ready });
}

export function notFetched(state, callSid, why) {
  if (state.chosen?.callSid !== callSid) return state;
  // What is shown already is better than nothing.
  return { ...state, chosen: { ...state.chosen, early: null, is: state.chosen.call ? 'ready' : why } };
}

function withCall(state, change) {
  return { ...state, chosen: { ...state.chosen, call: change(state.chosen.call) } };
}

const isBefore = (a, b) => Date.parse(a.timestamp) <= Date.parse(b.timestamp);

// In the order in which things happened, whatever order they were told in: what a caller said is written
// down after the answer to it has begun.
function placed(list, item, isSame) {
  const at = list.findIndex((each) => isSame(each, item));
  if (at >= 0) return list.map((each, i) => (i === at ? { ...each, ...item } : each));
  let after = list.length;
  while (after > 0 && !isBefore(list[after - 1], item)) --after;
  return [...list.slice(0, after), item, ...list.slice(after)];
}

const isSameEntry = (a, b) => (a.id !== undefined && b.id !== undefined
  ? a.id === b.id && a.role === b.role
  : a.timestamp === b.timestamp && a.role === b.role && a.content === b.content);

// ---- what the stream tells --------------------------------------------------------------------------

const ofACall = {
  state: (call, { state, tool }) => ({ ...call, state, tool: tool ?? null }),
  turn: (call, { entry }) => ({ ...call, transcript: placed(call.transcript, entry, isSameEntry) }),
  tool: (call, { tool }) => ({ ...call, tools: placed(call.tools, tool, (a, b) => a.toolCallId === b.toolCallId) }),
  latency: (call, { turn }) => ({ ...call, latency: placed(call.latency, turn, (a, b) => a.timestamp === b.timestamp && a.totalMs === b.totalMs) }),
  cost: (call, { costUsd }) => ({ ...call, costUsd }),
  note: (call, { note }) => ({ ...call, notes: placed(call.notes, note, (a, b) => a.timestamp === b.timestamp && a.text === b.text) }),
  problem: (call, { problem }) => ({ ...call, problems: placed(call.problems, problem, (a, b) => a.timestamp === b.timestamp && a.what === b.what) }),
  happening: (call, { happening }) => ({ ...call, happenings: placed(call.happenings, happening, (a, b) => a.timestamp === b.timestamp && a.what === b.what) }),
  ended: (call, { call: end }) => ({ ...call, ...end, state: null, tool: null }),
};

export function applied(state, name, data) {
  if (name in ofACall) {
    let next = state;
    const { chosen } = state;
    if (chosen?.callSid === data.callSid) {
      if (chosen.early) next = { ...next, chosen: { ...next.chosen, early: [...chosen.early, [name, data]] } };
      if (chosen.call) next = withCall(next, (call) => ofACall[name](call, data));
    }
    if (name === 'state' && state.active) {
      next = { ...next, active: state.active.map((call) => (call.callSid === data.callSid ? { ...call, state: data.state, tool: data.tool ?? null } : call)) };
    }
    if (name === 'ended') {
      next = withPast({ ...next, active: next.active?.filter((call) => call.callSid !== data.callSid) ?? null }, [data.call]);
    }
    return next;
  }
  switch (name) {
    case 'active_calls': return followedBy({ ...state, active: data }, data);
    case 'call_history': return withPast(state, data);
    case 'metrics': return { ...state, metrics: { ...state.metrics, ...data } };
    case 'stats': return { ...state, stats: data };
    case 'health': return { ...state, health: data };
    case 'scripts': return { ...state, scripts: data };
    case 'appointments': return { ...state, appointments: data };
    default: return state;  // a newer server may tell more
  }
}

// The list knows state, cost and turns of the chosen call, too.
function followedBy(state, active) {
  const { chosen } = state;
  const line = chosen?.call && !chosen.call.endTime ? active.find((call) => call.callSid === chosen.callSid) : null;
  if (!line) return state;
  const { state: now, tool, costUsd, turns } = { ...chosen.call, ...line };
  const { call } = chosen;
  if (call.state === now && call.tool === tool && call.costUsd === costUsd && call.turns === turns) return state;
  return withCall(state, (before) => ({ ...before, state: now, tool, costUsd, turns }));
}

// ---- history ----------------------------------------------------------------------------------------

const newestFirst = (a, b) => Date.parse(b.startTime) - Date.parse(a.startTime);

// Calls that ended while somebody looks: only where they belong, that is not among the results of a search.
function withPast(state, calls) {
  const { history } = state;
  if (history.calls === null || history.query || history.outcome) return state;
  const fresh = new Map(calls.map((call) => [call.callSid, call]));
  const kept = history.calls.map((call) => {
    const update = fresh.get(call.callSid);
    fresh.delete(call.callSid);
    return update ? { ...call, ...update } : call;
  });
  if (fresh.size === 0 && kept.every((call, i) => isSameShallow(call, history.calls[i]))) return state;
  const all = [...fresh.values(), ...kept].sort(newestFirst).slice(0, history_kept_max);
  return { ...state, history: { ...history, calls: all } };
}

function isSameShallow(a, b) {
  return a === b || Object.keys(a).every((key) => Object.is(a[key], b[key]) || JSON.stringify(a[key]) === JSON.stringify(b[key]));
}

export function searching(state, query, outcome) {
  return { ...state, history: { query, outcome, calls: null, hasMore: false, problem: '' } };
}

export function found(state, query, outcome, calls, hasMore, after = null) {
  const { history } = state;
  if (history.query !== query || history.outcome !== outcome) return state;  // an answer to an older question
  const known = new Set((after ? history.calls ?? [] : []).map((call) => call.callSid));
  const all = [...(after ? history.calls ?? [] : []), ...calls.filter((call) => !known.has(call.callSid))];
  return { ...state, history: { ...history, calls: all.slice(0, history_kept_max), hasMore: hasMore && all.length < history_kept_max, problem: '' } };
}

export function notFound(state, problem) {
  return { ...state, history: { ...state.history, calls: state.history.calls ?? [], problem } };
}

// ---- derived ----------------------------------------------------------------------------------------

// The call as it is read from top to bottom: what was said, tools, notes and problems, by time. Each row
// has a key that stays the same when the row changes.
export function timeline(call) {
  const told = new Set(call.tools.map((tool) => tool.name));
  const rows = [
    ...call.transcript.filter(({ role }) => role === 'user' || role === 'assistant' || role === 'system').map((entry) => ({
      kind: 'said', key: `said ${entry.role} ${entry.id ?? entry.timestamp}`, timestamp: entry.timestamp,
      who: entry.role === 'user' ? 'caller' : entry.role === 'assistant' ? 'agent' : 'system',
      heard: entry.content ?? '', unheard: entry.unheard ?? '', isInterrupted: entry.interrupted === true,
    })),
    // A transcript may hold tools that are not told apart elsewhere.
    ...call.transcript.filter(({ role, metadata }) => role === 'function_call' && !told.has(metadata?.functionName)).map((entry) => ({
      kind: 'tool', key: `call ${entry.timestamp} ${entry.content}`, timestamp: entry.timestamp,
      name: entry.metadata?.functionName ?? entry.content, arguments: entry.metadata?.arguments ?? '', result: entry.metadata?.result ?? null, ok: null, durationMs: null, isOver: true,
    })),
    ...call.tools.map((tool) => ({
      kind: 'tool', key: `tool ${tool.toolCallId}`, timestamp: tool.timestamp, name: tool.name, arguments: tool.arguments,
      result: tool.result, ok: tool.ok, durationMs: tool.durationMs, isOver: tool.result !== null || Boolean(call.endTime),
    })),
    ...call.notes.map((note) => ({ kind: 'note', key: `note ${note.timestamp} ${note.text}`, timestamp: note.timestamp, text: note.text, fields: note.fields })),
    ...call.problems.map((problem) => ({ kind: 'problem', key: `problem ${problem.timestamp} ${problem.what}`, timestamp: problem.timestamp, what: problem.what, detail: problem.detail })),
    ...call.happenings.map((each) => ({ kind: 'happening', key: `happening ${each.timestamp} ${each.what}`, timestamp: each.timestamp, what: each.what, detail: each.detail })),
  ];
  const order = new Map(rows.map((row, i) => [row, i]));
  return rows.sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp) || order.get(a) - order.get(b));
}

// Nearest rank: a value that really occurred.
export function percentile(values, share) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function latencyOf(call) {
  const totals = call.latency.map((turn) => turn.totalMs);
  return { count: totals.length, p50: percentile(totals, 0.5), p95: percentile(totals, 0.95), worst: totals.length ? Math.max(...totals) : null };
}

export const recentTurns = (metrics) => (metrics?.turnLatency?.recent ?? []).slice(-turns_shown_max);

// Of a running call the server's figure is as old as the last message.
export function lengthOf(call, now) {
  if (call.endTime) return call.duration;
  return Math.max(0, (now - Date.parse(call.startTime)) / 1000);
}

export const mayOperate = (state) => state.me?.role === 'operator' || state.me?.role === 'admin';

// Errors that keep what is on the disk from serving; null when all is well.
export function refusal(scripts) {
  return scripts?.last_failure?.is_current ? scripts.last_failure : null;
}

// What of Parley is not well, in its own words: ["store: the disk is full"]. Calls go on meanwhile.
const not_parts = ['status', 'timestamp', 'uptime', 'calls'];
export function troubles(health) {
  if (!health || health.status === 'ok') return [];
  return Object.entries(health).filter(([name, what]) => !not_parts.includes(name) && what !== 'ok').map(([name, what]) => `${name}: ${what}`);
}

// What somebody who cannot see the page is told: seldom, and only what asks for attention.
export function announcement(before, after) {
  const parts = [];
  if (before.link.is !== after.link.is) {
    if (after.link.is === 'lost') parts.push('Connection lost.');
    if (after.link.is === 'live' && before.link.is === 'lost') parts.push('Connected again.');
  }
  if (before.active !== null && after.active !== null && before.active !== after.active) {
    const had = new Set(before.active.map((call) => call.callSid));
    const has = new Set(after.active.map((call) => call.callSid));
    const came = [...has].filter((sid) => !had.has(sid)).length;
    const went = [...had].filter((sid) => !has.has(sid)).length;
    if (came > 0) parts.push(came === 1 ? 'A call has begun.' : `${came} calls have begun.`);
    if (went > 0) parts.push(went === 1 ? 'A call has ended.' : `${went} calls have ended.`);
  }
  if (before.health !== null && troubles(before.health).length === 0 && troubles(after.health).length > 0) parts.push(`Parley needs attention: ${troubles(after.health).join('; ')}.`);
  if (before.scripts !== null && refusal(before.scripts) === null && refusal(after.scripts) !== null) parts.push('A reload of the scripts was refused.');
  return parts.join(' ');
}
