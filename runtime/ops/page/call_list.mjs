// call_list.mjs: one line for each call, a link to it.
import { attribute, element, list, show, text } from './dom.mjs';
import { duration, durationInWords, moment, money, plural, stateText, words } from './format.mjs';
import { hashOf, lengthOf } from './state.mjs';

export function statePill() {
  return element('span', { class: 'pill' }, element('span', { class: 'dot', 'aria-hidden': 'true' }), element('span'));
}
export function updatePill(pill, state, tool) {
  attribute(pill, 'data-state', state);
  text(pill.lastElementChild, stateText(state, tool));
}

const good = ['appointment_booked', 'completed', 'resolved', 'booked'];
const bad = ['error', 'failed', 'provider_lost'];
export function outcomeKind(outcome) {
  if (good.includes(outcome)) return 'good';
  return bad.includes(outcome) ? 'bad' : 'plain';
}

function line() {
  return element('li', {}, element('a', { class: 'call' },
    element('span', { class: 'call-who' }, element('span', { class: 'number' }), element('span', { class: 'name' })),
    element('span', { class: 'call-length' }, element('span', { 'aria-hidden': 'true' }), element('span', { class: 'sr' })),
    element('span', { class: 'call-more' }, element('span', { class: 'call-state' }), element('span', { class: 'call-facts' }))));
}

function updateLine(item, view, call, isChosen, now) {
  const link = item.firstElementChild;
  attribute(link, 'href', hashOf({ view, callSid: call.callSid }));
  attribute(link, 'aria-current', isChosen ? 'true' : null);
  const [who, length, more] = link.children;
  const [state, facts] = more.children;
  text(who.firstElementChild, call.phoneNumber || 'Unknown number');
  text(who.lastElementChild, call.customerName ?? '');
  if (state.childElementCount === 0) state.append(view === 'live' ? statePill() : element('span', { class: 'outcome' }));
  if (view === 'live') {
    updatePill(state.firstElementChild, call.state ?? call.aiStatus, call.tool);
  } else {
    text(state.firstElementChild, words(call.outcome || 'unknown'));
    attribute(state.firstElementChild, 'data-kind', outcomeKind(call.outcome));
  }
  const cost = Number.isFinite(call.costUsd) ? money(call.costUsd) : null;
  const parts = view === 'live'
    ? [call.agent, Number.isFinite(call.turns) ? plural(call.turns, 'turn') : null, cost]
    : [moment(call.startTime, now), call.agent, call.confirmationNumber, call.hasRecording ? 'recorded' : null, cost];
  text(facts, parts.filter(Boolean).join(' · '));
  const seconds = lengthOf(call, now);
  text(length.firstElementChild, duration(seconds));
  text(length.lastElementChild, durationInWords(seconds));
}

export function drawCalls(parent, calls, view, chosenSid, now) {
  list(parent, calls, (call) => call.callSid, line, (item, call) => updateLine(item, view, call, call.callSid === chosenSid, now));
  show(parent, calls.length > 0);
}
