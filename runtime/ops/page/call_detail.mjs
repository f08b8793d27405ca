// call_detail.mjs: the chosen call: what was said, which tools ran, how fast the answers came, what it cost.
import { attribute, element, empty, facts, list, show, text } from './dom.mjs';
import { clock, duration, happeningText, laidOut, milliseconds, moment, money, words } from './format.mjs';
import { latencyOf, lengthOf, mayOperate, timeline } from './state.mjs';
import { outcomeKind, statePill, updatePill } from './call_list.mjs';

const near_end_px = 60;
const bars_max = 40;

// ---- rows of the conversation ---------------------------------------------------------------------------

const speakers = { caller: 'Caller', agent: 'Agent', system: 'Parley' };

function makeSaid(row) {
  return element('li', { class: 'said', 'data-who': row.who },
    element('p', { class: 'by' }, element('span', {}, speakers[row.who]), element('time', { datetime: row.timestamp }, clock(row.timestamp))),
    element('div', { class: 'bubble' },
      element('p', { class: 'heard' }),
      element('p', { class: 'unheard', hidden: true }, element('span', { class: 'label' }, 'Not heard'), element('span')),
      element('p', { class: 'cut', hidden: true }, 'Interrupted by the caller')));
}
function updateSaid(item, row) {
  const [heard, unheard, cut] = item.lastElementChild.children;
  text(heard, row.heard);
  show(heard, row.heard !== '');
  text(unheard.lastElementChild, row.unheard);
  show(unheard, row.unheard !== '');
  show(cut, row.isInterrupted);
}

function makeTool(row) {
  const part = (name) => [element('h4', {}, name), element('pre', { tabindex: '0' })];
  return element('li', { class: 'tool-run' }, element('details', {},
    element('summary', {}, element('span', { class: 'tool-name' }, row.name), element('span', { class: 'tool-how' }), element('span', { class: 'tool-took' })),
    ...part('Arguments'), ...part('Result')));
}
function updateTool(item, row) {
  const [summary, , given, , returned] = item.firstElementChild.children;
  const isRunning = !row.isOver;
  attribute(item, 'data-how', isRunning ? 'running' : row.ok === false ? 'failed' : 'done');
  text(summary.children[1], isRunning ? 'running' : row.result === null ? 'no result' : row.ok === false ? 'failed' : 'done');
  text(summary.children[2], row.durationMs === null || row.durationMs === undefined ? '' : milliseconds(row.durationMs));
  text(given, laidOut(row.arguments ?? ''));
  text(returned, row.result === null ? (isRunning ? 'Not there yet.' : 'None.') : laidOut(row.result));
}

function makeAside(row) {
  return element('li', { class: 'aside', 'data-kind': row.kind }, element('p'));
}
function asideText(row) {
  if (row.kind === 'note' && Object.keys(row.fields ?? {}).join() === 'step') return `Step: ${row.text}`;
  const fields = row.fields && Object.keys(row.fields).length > 0 ? ` ${JSON.stringify(row.fields)}` : '';
  if (row.kind === 'happening') return happeningText(row);
  return row.kind === 'note' ? `Note: ${row.text}${fields}` : `Trouble: ${words(row.what)}${row.detail ? `: ${row.detail}` : ''}`;
}
function updateAside(item, row) {
  text(item.firstElementChild, asideText(row));
}

const kinds = { said: [makeSaid, updateSaid], tool: [makeTool, updateTool], note: [makeAside, updateAside], problem: [makeAside, updateAside], happening: [makeAside, updateAside] };

// ---- the panel --------------------------------------------------------------------------------------------

export class CallDetail {
  #root;
  #drawn = {};  // what was last drawn, to leave alone what has not changed
  #shownSid = null;

  // actions: end(call), takeOver(call), tryAgain()
  constructor(root, { view, actions, whenNone }) {
    this.#root = root;
    this.whenNone = whenNone;
    this.parts = this.#build(view, actions);
    root.append(this.parts.empty, this.parts.all);
  }

  #build(view, actions) {
    const parts = {
      empty: element('div', { class: 'empty' }),
      title: element('h2', { tabindex: '-1' }),
      subtitle: element('p', { class: 'subtitle' }),
      pill: statePill(),
      outcome: element('span', { class: 'outcome' }),
      end: element('button', { type: 'button', class: 'danger', on: { click: () => actions.end(this.#drawn.call) } }, 'End call'),
      takeOver: element('button', { type: 'button', on: { click: () => actions.takeOver(this.#drawn.call) } }, 'Take over'),
      talk: element('ol', { class: 'talk' }),
      silent: element('p', { class: 'muted' }, 'Nothing has been said yet.'),
      newest: element('button', { type: 'button', class: 'newest', hidden: true, on: { click: () => this.#toNewest() } }, 'Newest ↓'),
      facts: element('dl', { class: 'facts' }),
      summary: element('dl', { class: 'facts' }),
      audio: element('audio', { controls: true, preload: 'metadata', 'aria-label': 'Recording of the call' }),
      noAudio: element('p', { class: 'muted' }),
      times: element('dl', { class: 'facts times' }),
      bars: element('ol', { class: 'bars' }),
      noBars: element('p', { class: 'muted' }, 'No answer has been measured yet.'),
    };
    parts.scroll = element('div', { class: 'talk-scroll', role: 'log', 'aria-live': 'off', 'aria-label': 'Conversation', tabindex: '0', on: { scroll: () => this.#followed() } }, parts.talk, parts.silent);
    const aloud = element('input', { type: 'checkbox', on: { change: () => attribute(parts.scroll, 'aria-live', aloud.checked ? 'polite' : 'off') } });
    parts.aloud = element('label', { class: 'aloud' }, aloud, 'Tell my screen reader what is new');
    parts.summaryBox = element('section', {}, element('h3', {}, 'Summary'), parts.summary);
    parts.recording = element('section', {}, element('h3', {}, 'Recording'), parts.audio, parts.noAudio);
    parts.all = element('div', { class: 'call-all', hidden: true },
      element('header', { class: 'call-head' },
        element('a', { class: 'back', href: `#${view}` }, '← All calls'),
        element('div', { class: 'call-title' }, parts.title, parts.subtitle),
        element('div', { class: 'call-now' }, parts.pill, parts.outcome),
        element('div', { class: 'buttons' }, parts.takeOver, parts.end)),
      element('div', { class: 'call-body' },
        element('section', { class: 'talk-box' },
          element('div', { class: 'talk-head' }, element('h3', {}, 'Conversation'), parts.aloud), parts.scroll, parts.newest),
        element('div', { class: 'side' },
          element('section', {}, element('h3', {}, 'Call'), parts.facts),
          parts.recording,
          parts.summaryBox,
          element('section', {}, element('h3', {}, 'Time to answer'), parts.times, parts.bars, parts.noBars,
            element('p', { class: 'legend' }, element('span', { class: 'swatch model' }), 'the model ', element('span', { class: 'swatch line' }), 'to the line')))));
    return parts;
  }

  focus() {
    this.parts.title.focus();
  }

  update(state, now) {
    const { parts } = this;
    const { chosen } = state;
    const call = chosen?.call ?? null;
    show(parts.all, call !== null);
    if (call === null) {
      this.#shownSid = null;
      this.#drawn = {};
      if (!chosen) return empty(parts.empty, true, ...this.whenNone(state));
      if (chosen.is === 'loading') return empty(parts.empty, true, 'Fetching the call …');
      if (chosen.is === 'missing') return empty(parts.empty, true, 'There is no such call.', `Nothing is known of ${chosen.callSid}. It may be older than what is kept.`);
      return empty(parts.empty, true, 'The call could not be fetched.', chosen.is);
    }
    show(parts.empty, false);
    const isNew = this.#shownSid !== chosen.callSid;
    this.#shownSid = chosen.callSid;
    const isSame = this.#drawn.call === call && this.#drawn.me === state.me;
    this.#drawLength(call, now);
    if (isSame) return;
    this.#drawn = { call, me: state.me };
    this.#drawHead(call, state);
    this.#drawTalk(call, isNew);
    this.#drawSide(call, now);
  }

  #drawHead(call, state) {
    const { parts } = this;
    text(parts.title, call.phoneNumber || 'Unknown number');
    text(parts.subtitle, [call.customerName, call.agent && `with ${call.agent}`, call.to && `on ${call.to}`].filter(Boolean).join(' · '));
    const isLive = !call.endTime;
    show(parts.pill, isLive);
    if (isLive) updatePill(parts.pill, call.state ?? 'listening', call.tool);
    show(parts.outcome, !isLive);
    text(parts.outcome, words(call.outcome || 'ended'));
    attribute(parts.outcome, 'data-kind', outcomeKind(call.outcome));
    show(parts.end, isLive && mayOperate(state));
    show(parts.takeOver, isLive && mayOperate(state) && call.state !== 'transferred');
    show(parts.aloud, isLive);
  }

  #drawTalk(call, isNew) {
    const { parts } = this;
    const isFollowed = !call.endTime && (isNew || this.#isAtEnd());
    const rows = timeline(call);
    list(parts.talk, rows, (row) => row.key, (row) => kinds[row.kind][0](row), (item, row) => kinds[row.kind][1](item, row));
    show(parts.silent, rows.length === 0);
    if (isFollowed) this.#toNewest();
    else if (isNew) parts.scroll.scrollTop = 0;
    this.#followed();
  }

  #isAtEnd() {
    const { scroll } = this.parts;
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < near_end_px;
  }
  #toNewest() {
    this.parts.scroll.scrollTop = this.parts.scroll.scrollHeight;
  }
  #followed() {
    show(this.parts.newest, !this.#isAtEnd() && !this.#drawn.call?.endTime);
  }

  #drawLength(call, now) {
    const node = [...this.parts.facts.children].find((row) => row.dataset.key === 'Duration');
    if (node && !call.endTime) text(node.lastElementChild, duration(lengthOf(call, now)));
  }

  #drawSide(call, now) {
    const { parts } = this;
    facts(parts.facts, [
      ['Started', moment(call.startTime, now)],
      ['Duration', duration(lengthOf(call, now))],
      ['Cost', Number.isFinite(call.costUsd) ? money(call.costUsd) : null],
      ['Turns', call.turns],
      ['Outcome', call.endTime ? words(call.outcome) : null],
      ['Set by the script', call.result && call.result !== call.outcome ? words(call.result) : null],
      ['Ended because', call.reason ? words(call.reason) : null],
      ['Confirmation', call.confirmationNumber],
      ['Appointment', call.appointmentDetails ? `${call.appointmentDetails.date}, ${call.appointmentDetails.time}` : null],
      ['Scripts', call.generation ? `generation ${call.generation}` : null],
      ['Call', call.callSid],
    ]);
    const summary = Object.entries(call.summary ?? {});
    facts(parts.summary, summary.map(([name, value]) => [words(name), typeof value === 'object' ? JSON.stringify(value) : String(value)]));
    show(parts.summaryBox, summary.length > 0);

    const isLive = !call.endTime;
    show(parts.audio, Boolean(call.recording) && !isLive);
    if (call.recording && !isLive) attribute(parts.audio, 'src', call.recording);
    else if (parts.audio.hasAttribute('src')) {
      parts.audio.removeAttribute('src');
      parts.audio.load();
    }
    show(parts.noAudio, !call.recording || isLive);
    text(parts.noAudio, isLive ? 'Can be played when the call is over, if it is recorded.' : 'Not recorded. The setting calls.record: events keeps calls from now on; with asked a script decides.');

    const { count, p50, p95, worst } = latencyOf(call);
    facts(parts.times, count > 0 ? [['Median (p50)', milliseconds(p50)], ['p95', milliseconds(p95)], ['Slowest', milliseconds(worst)]] : []);
    show(parts.noBars, count === 0);
    list(parts.bars, call.latency.slice(-bars_max), (turn) => `${turn.timestamp} ${turn.totalMs}`,
      () => element('li', {}, element('span', { class: 'bar-when' }), element('span', { class: 'bar', 'aria-hidden': 'true' }, element('span', { class: 'model' }), element('span', { class: 'line' })), element('span', { class: 'bar-took' })),
      (item, turn) => {
        const [when, bar, took] = item.children;
        text(when, clock(turn.timestamp));
        text(took, milliseconds(turn.totalMs));
        attribute(item, 'title', `the model ${milliseconds(turn.modelMs)}, to the line ${milliseconds(turn.lineMs)}`);
        // Through the object model: the content security policy allows no style attributes.
        bar.children[0].style.width = `${(100 * turn.modelMs) / worst}%`;
        bar.children[1].style.width = `${(100 * turn.lineMs) / worst}%`;
      });
  }
}
