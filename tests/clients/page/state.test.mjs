// What the page knows after what it is told: no browser, no time.
import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import {
  announcement, applied, choosing, fetched, found, hashOf, initial, latencyOf, lengthOf, notFetched, percentile, placeOf, refetching, searching, timeline, troubles,
} from '../../../runtime/ops/page/state.mjs';

const at = (second) => new Date(Date.UTC(2026, 10, 28, 12, 0, second)).toISOString();
const said = (id, role, second, content, rest = {}) => ({ id, role, timestamp: at(second), content, ...rest });
const call = (callSid, rest = {}) => ({ callSid, phoneNumber: '+15550100001', startTime: at(0), endTime: null, state: 'listening', tool: null, turns: 0, costUsd: 0, ...rest });
const tell = (state, ...events) => events.reduce((now, [name, data]) => applied(now, name, data), state);
const watching = (rest = {}) => fetched(choosing(initial(), 'CA1'), 'CA1', call('CA1', rest));

describe('the address', () => {
  test('names a view and a call', () => {
    assert.deepEqual(placeOf('#history/CA12'), { view: 'history', callSid: 'CA12' });
    assert.deepEqual(placeOf('#latency'), { view: 'latency', callSid: null });
    assert.equal(hashOf(placeOf('#history/a%2Fb')), '#history/a%2Fb');
  });
  test('that makes no sense leads to the live view', () => {
    for (const hash of ['', '#', '#nonsense/CA1', '#live/%']) assert.equal(placeOf(hash).view, 'live');
    assert.equal(placeOf('#live/%').callSid, null);
  });
});

describe('the chosen call', () => {
  test('has what happened while it was fetched', () => {
    let state = choosing(initial(), 'CA1');
    state = tell(state, ['turn', { callSid: 'CA1', entry: said('i2', 'user', 4, 'Hello') }]);
    state = fetched(state, 'CA1', call('CA1', { transcript: [said('i1', 'assistant', 1, 'Good day')] }));
    assert.deepEqual(state.chosen.call.transcript.map(({ id }) => id), ['i1', 'i2']);
  });
  test('has an entry once, however often it is told', () => {
    const entry = ['turn', { callSid: 'CA1', entry: said('i1', 'user', 4, 'Hello') }];
    assert.equal(tell(watching(), entry, entry).chosen.call.transcript.length, 1);
  });
  test('puts what a caller said before the answer that began while it was written down', () => {
    const state = tell(watching(),
      ['turn', { callSid: 'CA1', entry: said('i2', 'assistant', 6, 'At ten.') }],
      ['turn', { callSid: 'CA1', entry: said('i1', 'user', 4, 'When?') }]);
    assert.deepEqual(state.chosen.call.transcript.map(({ content }) => content), ['When?', 'At ten.']);
  });
  test('is not touched by other calls', () => {
    const before = watching();
    assert.equal(tell(before, ['turn', { callSid: 'CA2', entry: said('x', 'user', 1, 'no') }], ['cost', { callSid: 'CA2', costUsd: 9 }]), before);
  });
  test('has a tool first running, then with its result', () => {
    const tool = { toolCallId: 't1', name: 'check_slots', arguments: '{}', result: null, ok: null, timestamp: at(2), durationMs: null };
    let state = tell(watching(), ['tool', { callSid: 'CA1', tool }], ['state', { callSid: 'CA1', state: 'running_tool', tool: 'check_slots' }]);
    assert.deepEqual(timeline(state.chosen.call).map(({ kind, isOver }) => [kind, isOver]), [['tool', false]]);
    assert.equal(state.chosen.call.tool, 'check_slots');
    state = tell(state, ['tool', { callSid: 'CA1', tool: { ...tool, result: '[]', ok: true, durationMs: 12 } }]);
    assert.deepEqual(timeline(state.chosen.call).map(({ isOver, durationMs }) => [isOver, durationMs]), [[true, 12]]);
  });
  test('ends', () => {
    const state = tell({ ...watching(), active: [call('CA1'), call('CA2')] }, ['ended', { callSid: 'CA1', call: { callSid: 'CA1', startTime: at(0), endTime: at(30), duration: 30, outcome: 'appointment_booked' } }]);
    assert.equal(state.chosen.call.endTime, at(30));
    assert.equal(state.chosen.call.state, null);
    assert.deepEqual(state.active.map(({ callSid }) => callSid), ['CA2']);
  });
  test('takes state and cost from the list of active calls', () => {
    const state = tell(watching(), ['active_calls', [call('CA1', { state: 'speaking', costUsd: 0.5, turns: 3 })]]);
    assert.deepEqual([state.chosen.call.state, state.chosen.call.costUsd, state.chosen.call.turns], ['speaking', 0.5, 3]);
    assert.equal(tell(state, ['active_calls', [call('CA1', { state: 'speaking', costUsd: 0.5, turns: 3 })]]).chosen, state.chosen, 'and is not drawn anew for nothing');
  });
  test('that does not exist is said to be missing', () => {
    assert.equal(notFetched(choosing(initial(), 'CA1'), 'CA1', 'missing').chosen.is, 'missing');
  });
  test('stays on the page while it is fetched anew, and loses nothing that happens meanwhile', () => {
    const entry = said('i1', 'user', 4, 'Hello');
    let state = tell(refetching(watching()), ['turn', { callSid: 'CA1', entry }]);
    assert.deepEqual(state.chosen.call.transcript, [entry], 'seen at once');
    state = fetched(state, 'CA1', call('CA1'));
    assert.deepEqual(state.chosen.call.transcript, [entry], 'also when the answer is older');
    state = tell(state, ['cost', { callSid: 'CA1', costUsd: 1 }]);
    assert.equal(state.chosen.early, null, 'and nothing piles up afterwards');
  });
  test('stays on the page when it cannot be fetched anew', () => {
    const state = notFetched(refetching(watching()), 'CA1', 'Parley does not answer.');
    assert.equal(state.chosen.is, 'ready');
    assert.equal(state.chosen.call.callSid, 'CA1');
  });
  test('an answer for a call that is no longer chosen changes nothing', () => {
    const state = choosing(initial(), 'CA2');
    assert.equal(fetched(state, 'CA1', call('CA1')), state);
  });
});

describe('the conversation', () => {
  test('keeps what was not heard apart', () => {
    const state = watching({ transcript: [said('i1', 'assistant', 1, 'At ten,', { unheard: 'or at eleven.', interrupted: true })] });
    const [row] = timeline(state.chosen.call);
    assert.deepEqual([row.heard, row.unheard, row.isInterrupted], ['At ten,', 'or at eleven.', true]);
  });
  test('has everything in the order in which it happened', () => {
    const state = watching({
      transcript: [said('i1', 'assistant', 1, 'Good day'), said('i2', 'user', 5, 'Hello'), said('i3', 'assistant', 9, 'Bye'), { role: 'function_call', timestamp: at(6), content: 'check_slots({})', metadata: { functionName: 'check_slots' } }],
      tools: [{ toolCallId: 't1', name: 'check_slots', arguments: '{}', result: '[]', ok: true, timestamp: at(6), durationMs: 1 }],
      notes: [{ timestamp: at(7), text: 'n', fields: {} }], problems: [{ timestamp: at(8), what: 'lost', detail: '' }],
      happenings: [{ timestamp: at(2), what: 'hold_started', detail: '' }],
    });
    assert.deepEqual(timeline(state.chosen.call).map(({ kind }) => kind), ['said', 'happening', 'said', 'tool', 'note', 'problem', 'said']);
    const happening = { timestamp: at(4), what: 'hold_ended', detail: '' };
    assert.deepEqual(tell(state, ['happening', { callSid: 'CA1', happening }], ['happening', { callSid: 'CA1', happening }]).chosen.call.happenings.map(({ what }) => what), ['hold_started', 'hold_ended'], 'once, however often it is told');
  });
  test('has keys that outlive a change of the row', () => {
    const before = timeline(watching({ transcript: [said('i1', 'assistant', 1, 'Good')] }).chosen.call)[0].key;
    assert.equal(timeline(watching({ transcript: [said('i1', 'assistant', 1, 'Good day', { unheard: 'x' })] }).chosen.call)[0].key, before);
  });
});

describe('the history', () => {
  const past = (callSid, second, rest = {}) => ({ callSid, startTime: at(second), endTime: at(second + 5), outcome: 'user_hangup', ...rest });
  const shown = (calls) => found(searching(initial(), '', ''), '', '', calls, false);

  test('gets a call that ends, at the top', () => {
    const state = tell(shown([past('CA1', 1)]), ['ended', { callSid: 'CA2', call: past('CA2', 9) }]);
    assert.deepEqual(state.history.calls.map(({ callSid }) => callSid), ['CA2', 'CA1']);
  });
  test('does not mix new calls into the results of a search', () => {
    const state = found(searching(initial(), 'lopez', ''), 'lopez', '', [past('CA1', 1)], false);
    assert.equal(tell(state, ['call_history', [past('CA2', 9)]]), state);
  });
  test('does not change when the same calls are told again', () => {
    const state = shown([past('CA1', 1)]);
    assert.equal(tell(state, ['call_history', [past('CA1', 1)]]), state);
  });
  test('takes a late outcome over', () => {
    const state = tell(shown([past('CA1', 1)]), ['call_history', [past('CA1', 1, { outcome: 'appointment_booked' })]]);
    assert.equal(state.history.calls[0].outcome, 'appointment_booked');
  });
  test('ignores the answer to an older question', () => {
    const state = searching(initial(), 'b', '');
    assert.equal(found(state, 'a', '', [past('CA1', 1)], false), state);
  });
  test('shows older calls below, none of them twice', () => {
    const first = found(searching(initial(), '', ''), '', '', [past('CA2', 9), past('CA1', 5)], true);
    const state = found(first, '', '', [past('CA1', 5), past('CA0', 1)], false, first.history.calls.at(-1));
    assert.deepEqual(state.history.calls.map(({ callSid }) => callSid), ['CA2', 'CA1', 'CA0']);
    assert.equal(state.history.hasMore, false);
  });
});

describe('figures', () => {
  test('percentiles are values that occurred', () => {
    assert.equal(percentile([400, 100, 300, 200], 0.5), 200);
    assert.equal(percentile([400, 100, 300, 200], 0.95), 400);
    assert.equal(percentile([7], 0.99), 7);
    assert.equal(percentile([], 0.5), null);
  });
  test('of a call without answers are empty', () => {
    assert.deepEqual(latencyOf({ latency: [] }), { count: 0, p50: null, p95: null, worst: null });
  });
  test('a running call grows, one that has ended does not', () => {
    assert.equal(lengthOf(call('CA1'), Date.parse(at(30))), 30);
    assert.equal(lengthOf(call('CA1', { endTime: at(10), duration: 10 }), Date.parse(at(30))), 10);
  });
});

test('what is not well is named, with its own words', () => {
  assert.deepEqual(troubles({ status: 'ok', store: 'ok', uptime: 5 }), []);
  assert.deepEqual(troubles({ status: 'degraded', timestamp: at(0), uptime: 5, calls: 1, store: 'the disk is full', redis: 'ok' }), ['store: the disk is full']);
  assert.deepEqual(troubles(null), []);
});

describe('what is said aloud', () => {
  const state = (rest) => ({ ...initial(), active: [], link: { is: 'live', since: null }, ...rest });
  test('a lost connection, and that it is back', () => {
    const lost = state({ link: { is: 'lost', since: at(0) } });
    assert.equal(announcement(state({}), lost), 'Connection lost.');
    assert.equal(announcement(lost, state({})), 'Connected again.');
  });
  test('calls that begin and end, in one sentence each', () => {
    assert.equal(announcement(state({}), state({ active: [call('CA1'), call('CA2')] })), '2 calls have begun.');
    assert.equal(announcement(state({ active: [call('CA1')] }), state({})), 'A call has ended.');
  });
  test('nothing for what changes every second', () => {
    assert.equal(announcement(state({ active: [call('CA1')] }), state({ active: [call('CA1', { state: 'speaking', costUsd: 1 })] })), '');
    assert.equal(announcement(initial(), state({ active: [call('CA1')] })), '', 'nor for what was there when the page opened');
  });
});

test('an event that a newer server sends is no trouble', () => {
  const state = initial();
  assert.equal(applied(state, 'moon_phase', {}), state);
});
