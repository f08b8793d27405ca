// main.mjs: wires the page: the address says where one is, the stream and the API say what is so, state.mjs
// keeps it, the other modules draw it.
import { api, ApiError } from './api.mjs';
import { ask, endQuestion, takeOverQuestion } from './ask.mjs';
import { BookingsView } from './bookings_view.mjs';
import { CallDetail } from './call_detail.mjs';
import { drawCalls } from './call_list.mjs';
import { at, attribute, element, empty, show, text } from './dom.mjs';
import { drawCards } from './figures.mjs';
import { clock, words } from './format.mjs';
import { LatencyView } from './latency_view.mjs';
import { ScriptsView } from './scripts_view.mjs';
import {
  announcement, applied, choosing, fetched, found, hashOf, initial, notFetched, notFound, placeOf, refetching, searching, troubles, views,
} from './state.mjs';
import { Stream } from './stream.mjs';
import { ThemeSwitch } from './theme_switch.mjs';

const page_size = 30;
const search_delay_ms = 250;
const good_news_ms = 4_000;
const health_every_ms = 15_000;
const isWide = matchMedia('(min-width: 900px)');

let state = initial();
let isDrawAsked = false;
const historyAsked = { query: null, outcome: null };

function change(next) {
  if (next === state) return;
  const said = announcement(state, next);
  if (said) text(at('announcer'), said);
  state = next;
  if (lacksCall(state.place)) go();
  askToDraw();
}

function askToDraw() {
  if (isDrawAsked) return;
  isDrawAsked = true;
  // A hidden page draws when somebody looks again.
  requestAnimationFrame(() => {
    isDrawAsked = false;
    draw();
  });
}

// ---- what the person does -----------------------------------------------------------------------------------

const actions = {
  end: (call) => ask(endQuestion(call, (how) => api.end(call.callSid, how))),
  takeOver: (call) => ask(takeOverQuestion(call, (to) => api.transfer(call.callSid, to))),
};

async function fetchCall(callSid) {
  try {
    const call = await api.call(callSid);  // by then `state` is another
    change(fetched(state, callSid, call));
  } catch (error) {
    change(notFetched(state, callSid, error.status === 404 ? 'missing' : error.message));
  }
}

function choose(callSid) {
  const before = state;
  change(choosing(state, callSid));
  if (state !== before && callSid !== null) fetchCall(callSid);
}

async function search(query, outcome) {
  historyAsked.query = query;
  historyAsked.outcome = outcome;
  change(searching(state, query, outcome));
  try {
    const calls = await api.history({ query, outcome, limit: page_size });
    change(found(state, query, outcome, calls, calls.length === page_size));
  } catch (error) {
    change(notFound(state, error.message));
  }
}

async function searchOlder() {
  const { query, outcome, calls } = state.history;
  try {
    const older = await api.history({ query, outcome, limit: page_size, before: calls.at(-1)?.startTime });
    change(found(state, query, outcome, older, older.length === page_size, calls.at(-1)));
  } catch (error) {
    change(notFound(state, error.message));
  }
}

const told = new Map();  // how often the stream has told of each list

// What the stream tells meanwhile is newer than an answer on its way.
function fetchInto(name, fetching) {
  const before = told.get(name);
  fetching.then((data) => { if (told.get(name) === before) change(applied(state, name, data)); }).catch((error) => {
    if (!(error instanceof ApiError)) throw error;
  });
}

// After the stream was away nobody knows what was missed.
function fetchAll() {
  fetchInto('active_calls', api.active());
  fetchInto('health', api.health());
  fetchInto('stats', api.stats());
  fetchInto('metrics', api.metrics());
  fetchInto('scripts', api.scripts());
  fetchInto('appointments', api.appointments());
  if (state.chosen) {
    change(refetching(state));
    fetchCall(state.chosen.callSid);
  }
  if (historyAsked.query !== null) search(historyAsked.query, historyAsked.outcome);
}

// Beside the list there is room for a call, so one is shown.
const lacksCall = (place) => place.view === 'live' && !place.callSid && isWide.matches && Boolean(state.active?.length);

function go() {
  let place = placeOf(location.hash);
  if (lacksCall(place)) {
    place = { ...place, callSid: state.active[0].callSid };
    history.replaceState(null, '', hashOf(place));  // no step to go back to
  }
  const isOtherView = place.view !== state.place.view;
  change({ ...state, place });
  choose(place.callSid);
  if (place.view === 'history' && historyAsked.query === null) search('', '');
  if (place.view === 'bookings') fetchInto('appointments', api.appointments());
  draw();
  if (isOtherView) at(`${place.view}-title`).focus({ preventScroll: true });
  else if (place.callSid && !isWide.matches) details[place.view]?.focus();
  if (isOtherView || !isWide.matches) scrollTo(0, 0);
}

// ---- drawing ----------------------------------------------------------------------------------------------------

const details = {
  live: new CallDetail(at('live-detail'), {
    view: 'live', actions,
    whenNone: ({ active }) => (active?.length ? ['Choose a call to follow it.'] : ['No call is chosen.', 'The next call that comes in is shown here, turn by turn.']),
  }),
  history: new CallDetail(at('history-detail'), { view: 'history', actions, whenNone: () => ['Choose a call to read it.'] }),
};
const drawn = { latency: new LatencyView(), bookings: new BookingsView(), scripts: new ScriptsView() };
let liveAgainUntil = 0;

function drawTop() {
  const { link, me, place } = state;
  for (const tab of document.querySelectorAll('.tabs a')) attribute(tab, 'aria-current', tab.dataset.view === place.view ? 'page' : null);
  attribute(at('link'), 'data-is', link.is);
  text(at('link-text'), { connecting: 'Connecting', live: 'Connected', lost: 'Connection lost' }[link.is]);
  const isGoodNews = link.is === 'live' && Date.now() < liveAgainUntil;
  show(at('banner'), link.is === 'lost' || isGoodNews);
  attribute(at('banner'), 'data-is', link.is);
  show(at('retry'), link.is === 'lost');
  text(at('banner-text'), link.is === 'lost'
    ? `The connection to Parley is lost. What you see is from ${clock(link.since)}; calls go on without this page. Trying again …`
    : 'Connected again. What you see is up to date.');
  const wrong = troubles(state.health);
  show(at('health'), wrong.length > 0 && link.is === 'live');
  text(at('health').firstElementChild, `Parley needs attention: ${wrong.join('; ')}. Calls go on.`);
  text(at('me').firstElementChild, me?.name);
  text(at('me').lastElementChild, me ? ` · ${me.role}` : '');
  document.title = `${state.active?.length ? `(${state.active.length}) ` : ''}${words(place.view)} · Parley`;
}

function drawLive(now) {
  const { active, place } = state;
  drawCards(at('cards'), state);
  drawCalls(at('active-list'), active ?? [], 'live', place.callSid, now);
  text(at('active-count'), active?.length ? active.length : '');
  empty(at('active-empty'), active !== null && active.length === 0, 'Nobody is calling.',
    'Calls to the numbers of your agents appear here by themselves.',
    element('span', {}, 'To see one without a telephone: ', element('code', {}, './dev demo')));
  attribute(at('live-split'), 'data-chosen', Boolean(place.callSid));
}

function drawHistory(now) {
  const { history, place } = state;
  const calls = history.calls ?? [];
  drawCalls(at('past-list'), calls, 'history', place.callSid, now);
  text(at('past-count'), calls.length ? `${calls.length}${history.hasMore ? '+' : ''}` : '');
  const isSearch = history.query !== '' || history.outcome !== '';
  const says = history.problem ? ['The history could not be fetched.', history.problem]
    : history.calls === null ? ['Searching …']
      : isSearch ? ['No call matches.', 'Try fewer words, another outcome, or a part of the number.']
        : ['No call has ended yet.', 'Every call stays here when it is over, with what was said.'];
  empty(at('past-empty'), calls.length === 0 || history.problem !== '', ...says);
  show(at('past-more'), history.hasMore);
  attribute(at('history-split'), 'data-chosen', Boolean(place.callSid));
  drawOutcomes(calls);
}

// Outcomes are named by the agents' scripts, so those that occur are offered.
const outcomesSeen = new Set();
function drawOutcomes(calls) {
  const select = at('search-outcome');
  for (const { outcome } of calls) {
    if (!outcome || outcomesSeen.has(outcome)) continue;
    outcomesSeen.add(outcome);
    select.append(element('option', { value: outcome }, words(outcome)));
  }
}

function draw() {
  const now = Date.now();
  const { view } = state.place;
  drawTop();
  for (const name of views) show(at(`view-${name}`), name === view);
  if (view === 'live') drawLive(now);
  if (view === 'history') drawHistory(now);
  details[view]?.update(state, now);
  drawn[view]?.update(state, now);
  drawn.scripts.update(state, now);  // also its mark in the tabs
}

// ---- the wiring -------------------------------------------------------------------------------------------------

const stream = new Stream({
  event(name, data) {
    told.set(name, (told.get(name) ?? 0) + 1);
    change(applied(state, name, data));
    if (name === 'tool' && data.tool?.result !== null && state.place.view === 'bookings') fetchInto('appointments', api.appointments());
  },
  live(isAgain) {
    if (isAgain) liveAgainUntil = Date.now() + good_news_ms;
    change({ ...state, link: { is: 'live', since: null } });
    fetchAll();
  },
  missed: fetchAll,
  lost() {
    change({ ...state, link: { is: 'lost', since: new Date().toISOString() } });
    api.me().catch(() => {});  // if it is the session that has ended, this leads to the login
  },
});

const form = at('search');
let searchTimer = null;
const searchNow = () => {
  clearTimeout(searchTimer);
  const [query, outcome] = [at('search-text').value.trim(), at('search-outcome').value];
  if (query !== state.history.query || outcome !== state.history.outcome) search(query, outcome);
};
form.addEventListener('submit', (event) => {
  event.preventDefault();
  searchNow();
});
form.addEventListener('input', () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(searchNow, search_delay_ms);
});
at('past-more').addEventListener('click', searchOlder);
at('retry').addEventListener('click', () => stream.open());
at('skip').addEventListener('click', (event) => {
  event.preventDefault();  // the part after # is the view
  at('main').focus();
});
at('logout').addEventListener('click', async () => {
  await api.logout().catch(() => {});
  location.assign('/login');
});
new ThemeSwitch(at('theme'), draw);
addEventListener('hashchange', go);
setInterval(() => { if (!document.hidden && state.link.is === 'live') fetchInto('health', api.health()); }, health_every_ms);
// Durations of running calls.
setInterval(() => { if (!document.hidden) draw(); }, 1_000);

try {
  const me = await api.me();
  change({ ...state, me });
} catch (error) {
  if (error.status !== 401) change({ ...state, link: { is: 'lost', since: new Date().toISOString() } });
}
go();
stream.open();
