// figures.mjs: the cards at the top of the live view.
import { element, list, text } from './dom.mjs';
import { milliseconds, money, percent } from './format.mjs';

function cardsOf({ stats, metrics, active }) {
  const turns = metrics?.turnLatency;
  return [
    { name: 'Active calls', value: active === null ? '–' : String(active.length), more: Number.isFinite(stats?.callsToday) ? `${stats.callsToday} today` : '' },
    { name: 'Bookings today', value: stats ? String(stats.todayBookings) : '–', more: metrics?.counters?.appointmentsBooked ? `${metrics.counters.appointmentsBooked} in all` : '' },
    { name: 'Time to answer', value: turns?.count ? milliseconds(turns.p50) : '–', more: turns?.count ? `p95 ${milliseconds(turns.p95)} · p99 ${milliseconds(turns.p99)}` : 'no turn yet' },
    { name: 'Success rate', value: stats?.totalCalls ? percent(stats.successRate) : '–', more: stats?.totalCalls ? `of the last ${stats.totalCalls} calls` : 'no call yet' },
    { name: 'Cost today', value: Number.isFinite(stats?.costTodayUsd) ? money(stats.costTodayUsd) : '–', more: '' },
  ];
}

export function drawCards(parent, state) {
  list(parent, cardsOf(state), (card) => card.name,
    (card) => element('div', { class: 'card' }, element('dt', {}, card.name), element('dd', { class: 'figure' }), element('dd', { class: 'more-of-it' })),
    (node, card) => {
      text(node.children[1], card.value);
      text(node.children[2], card.more);
    });
}
