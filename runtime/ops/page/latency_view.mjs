// latency_view.mjs: how fast answers come, and where the time goes.
import { at, element, empty, rows, show, table, text } from './dom.mjs';
import { clock, milliseconds } from './format.mjs';
import { recentTurns } from './state.mjs';

// What a colour of the style sheet is in the scheme that holds; read as itself it would be both.
const probe = element('span', { hidden: true });
function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

export class LatencyView {
  #chart = null;
  #drawn = null;
  #colours = '';
  #percentiles = table(['Part', 'p50', 'p95', 'p99'], 'Time to answer by part');
  #tools = table(['Tool', 'Runs', 'Errors', 'p50', 'p95'], 'Tools');
  #turns = table(['When', 'Call', 'The model', 'To the line', 'In all'], 'The last turns');
  #turnCount = element('p', { class: 'muted' });
  #noTools = element('div', { class: 'empty' });

  constructor() {
    at('percentiles').append(element('h2', {}, 'Percentiles'), element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of percentiles' }, this.#percentiles), this.#turnCount);
    at('tools').append(element('h2', {}, 'Tools'), element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of tools' }, this.#tools), this.#noTools);
    at('turns-table').append(this.#turns);
  }

  update({ metrics }) {
    // Colours come from the style sheet, which follows the system and the switch.
    const colours = colour('--text') + colour('--model');
    if (this.#drawn === metrics && this.#colours === colours) return;
    this.#drawn = metrics;
    const turns = metrics?.turnLatency;
    const parts = [['All of it', turns], ['The model', turns?.model], ['Parley and the line', turns?.line]].filter(([, part]) => part);
    rows(this.#percentiles, turns?.count ? parts : [], ([name]) => name,
      ([name, part]) => [name, milliseconds(part.p50), milliseconds(part.p95), milliseconds(part.p99)]);
    text(this.#turnCount, turns?.count ? `Of the last ${turns.count} turns.` : 'No turn has been measured since the start.');

    const tools = metrics?.tools ?? [];
    rows(this.#tools, tools, (tool) => tool.name,
      (tool) => [tool.name, tool.calls, tool.errors, milliseconds(tool.p50), milliseconds(tool.p95)]);
    show(this.#tools.parentElement, tools.length > 0);
    empty(this.#noTools, tools.length === 0, 'No tool has run since the start.', 'Tools are the Lua files in scripts/tools; an agent lists those it may use.');

    const recent = recentTurns(metrics);
    rows(this.#turns, [...recent].reverse(), (turn) => `${turn.callSid} ${turn.timestamp}`,
      (turn) => [clock(turn.timestamp), turn.callSid, milliseconds(turn.modelMs), milliseconds(turn.lineMs), milliseconds(turn.totalMs)]);
    empty(at('turns-empty'), recent.length === 0, 'No turn yet.', 'Each answer of an agent in a call is one bar here.');
    show(at('turns-as-table'), recent.length > 0);
    show(at('turns-chart').parentElement, recent.length > 0);
    this.#drawChart(recent, colours);
  }

  #drawChart(recent, colours) {
    if (typeof Chart === 'undefined' || recent.length === 0) return;
    const data = {
      labels: recent.map((turn) => clock(turn.timestamp)),
      datasets: [
        { label: 'The model', data: recent.map((turn) => turn.modelMs), backgroundColor: colour('--model') },
        { label: 'Parley and the line', data: recent.map((turn) => turn.lineMs), backgroundColor: colour('--line') },
      ],
    };
    if (this.#chart && this.#colours !== colours) {
      this.#chart.destroy();
      this.#chart = null;
    }
    this.#colours = colours;
    if (this.#chart) {
      this.#chart.data.labels = data.labels;
      data.datasets.forEach((set, i) => { this.#chart.data.datasets[i].data = set.data; });
      return this.#chart.update('none');
    }
    const axis = { ticks: { color: colour('--muted') }, grid: { color: colour('--rule') }, stacked: true };
    this.#chart = new Chart(at('turns-chart'), {
      type: 'bar',
      data,
      options: {
        responsive: true, maintainAspectRatio: false, animation: false,
        scales: { x: { ...axis, grid: { display: false }, ticks: { ...axis.ticks, maxRotation: 0, autoSkipPadding: 16 } }, y: { ...axis, beginAtZero: true, title: { display: true, text: 'ms', color: colour('--muted') } } },
        plugins: { legend: { labels: { color: colour('--text'), boxWidth: 12 } } },
      },
    });
  }
}
