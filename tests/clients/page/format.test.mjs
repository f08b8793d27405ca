import assert from 'node:assert/strict';
import test from 'node:test';
import { ago, duration, durationInWords, happeningText, laidOut, milliseconds, moment, money, percent, plural, stateText, words } from '../../../runtime/ops/page/format.mjs';

test('durations', () => {
  assert.deepEqual([0, 59.9, 65, 3723].map(duration), ['0:00', '0:59', '1:05', '1:02:03']);
  assert.deepEqual([0, 65, 3600].map(durationInWords), ['0 s', '1 min 5 s', '1 h']);
  assert.equal(duration(NaN), '–');
  assert.equal(duration(-1), '–');
});
test('milliseconds become seconds where they are many', () => assert.deepEqual([12.4, 999, 1240, null].map(milliseconds), ['12 ms', '999 ms', '1.24 s', '–']));
test('money of cents has four digits', () => assert.deepEqual([0, 0.0412, 3.4211, undefined].map(money), ['$0.00', '$0.0412', '$3.42', '–']));
test('percent', () => assert.deepEqual([87, undefined].map(percent), ['87 %', '–']));
test('names become words', () => assert.deepEqual(['appointment_booked', '', undefined].map(words), ['Appointment booked', '', '']));
test('JSON is laid out, anything else stays', () => {
  assert.equal(laidOut('{"a":[1]}'), '{\n  "a": [\n    1\n  ]\n}');
  assert.equal(laidOut('<b>not JSON'), '<b>not JSON');
});
test('a moment of another day has its day', () => {
  const now = Date.parse('2026-11-28T12:00:00');
  assert.equal(moment('2026-11-28T09:05:00', now, 'en-GB'), '09:05');
  assert.equal(moment('2026-11-27T09:05:00', now, 'en-GB'), '27 Nov, 09:05');
  assert.equal(moment('nonsense', now), '');
});
test('how long ago', () => assert.deepEqual([5, 300, 8000, 200_000].map((s) => ago(0, s * 1000)), ['5 s ago', '5 min ago', '2 h ago', '2 days ago']));
test('states', () => assert.deepEqual([stateText('listening'), stateText('running_tool', 'check_slots'), stateText('on_hold')], ['Listening', 'Running check_slots', 'On hold']));
test('what became of the line', () => {
  assert.deepEqual([['transfer_started', '+15550102001'], ['transfer_ended', 'answered'], ['transfer_ended', 'failed: no such number'], ['digits_sent', '1'], ['recording_started', 'This call is recorded.'], ['hold_started', ''], ['something_newer', 'x']]
    .map(([what, detail]) => happeningText({ what, detail })),
  ['Put through to +15550102001', 'The other one has taken the call', 'Nobody took the call (failed: no such number)', 'Sent 1 tone', 'Recorded from here on, after “This call is recorded.”', 'On hold', 'Something newer: x']);
});
test('plurals', () => assert.deepEqual([plural(1, 'turn'), plural(2, 'turn')], ['1 turn', '2 turns']));
