// scripts_view.mjs: which scripts and settings serve, and what is wrong with those on the disk.
import { at, element, facts, list, rows, show, table, text } from './dom.mjs';
import { ago, moment, plural } from './format.mjs';
import { refusal } from './state.mjs';

const causes = { start: 'read at the start', saved: 'a file was saved', asked: 'asked for', signal: 'asked for by SIGHUP', rollback: 'rolled back to' };

function makeFinding() {
  return element('li', { class: 'finding' },
    element('p', { class: 'finding-where' }, element('code'), element('span', { class: 'severity' })),
    element('p', { class: 'finding-what' }),
    element('pre', { class: 'source', tabindex: '0' }, element('span', { class: 'line-number', 'aria-hidden': 'true' }), element('code')),
    element('p', { class: 'finding-remedy' }));
}
function updateFinding(item, finding) {
  const [where, what, source, remedy] = item.children;
  item.dataset.severity = finding.severity;
  text(where.firstElementChild, finding.line > 0 ? `${finding.file}:${finding.line}` : finding.file);
  text(where.lastElementChild, finding.severity);
  text(what, finding.message);
  text(source.firstElementChild, finding.line > 0 ? `${finding.line}` : '');
  text(source.lastElementChild, finding.source_line);
  show(source, finding.source_line !== '');
  text(remedy, finding.remedy);
  show(remedy, finding.remedy !== '');
}

export class ScriptsView {
  #drawn;
  #verdict = element('p', { class: 'verdict' });
  #findings = element('ol', { class: 'findings' });
  #facts = element('dl', { class: 'facts wide' });
  #generations = table(['Generation', 'Version', 'Made', 'Calls', 'State'], 'Generations of scripts and settings');
  #restarts = table(['Setting', 'Runs with', 'Wanted', 'From'], 'Settings that wait for a restart');
  #restartBox = element('div', { class: 'panel' }, element('h2', {}, 'Waiting for a restart'),
    element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of settings that wait for a restart' }, this.#restarts));

  constructor() {
    at('scripts').append(
      element('div', { class: 'panel', id: 'verdict' }, this.#verdict, this.#findings),
      element('div', { class: 'panel' }, element('h2', {}, 'Serving'), this.#facts),
      element('div', { class: 'panel' }, element('h2', {}, 'Generations'), element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of generations' }, this.#generations)),
      this.#restartBox);
  }

  update({ scripts }, now) {
    const badge = at('scripts-badge');
    show(badge, refusal(scripts) !== null);
    if (this.#drawn === scripts) return;
    this.#drawn = scripts;
    if (!scripts) return text(this.#verdict, 'Fetching …');
    const bad = refusal(scripts);
    this.#verdict.dataset.is = bad ? 'bad' : 'good';
    text(this.#verdict, bad
      ? `The files on the disk are not right, so generation ${scripts.generation} serves on. Found ${ago(bad.at_ms, now)}. Mend and save them; callers notice nothing.`
      : 'The files on the disk are what serves.');
    list(this.#findings, bad?.findings ?? [], (each, i) => `${each.file}:${each.line}:${each.message}${i ?? ''}`, makeFinding, updateFinding);
    show(this.#findings, Boolean(bad));
    facts(this.#facts, [
      ['Generation', scripts.generation],
      ['Version', scripts.version],
      ['Since', `${moment(scripts.since, now)} (${causes[scripts.cause] ?? scripts.cause})`],
      ['Files', scripts.watching === 'off' ? 'not watched: `parley reload` takes changes over' : 'watched: a save is taken over at once'],
      ['Reloads', `${scripts.reloads} taken over, ${scripts.failures} refused, ${plural(scripts.rollbacks, 'rollback')}`],
      ['Parley', scripts.parley],
    ]);
    rows(this.#generations, scripts.generations ?? [], (each) => each.generation,
      (each) => [String(each.generation), each.version, moment(each.made_at, now), String(each.calls),
        each.serving ? 'serves' : each.can_be_rolled_back_to ? 'can be rolled back to' : 'until its calls end']);
    const waiting = scripts.needs_restart ?? [];
    rows(this.#restarts, waiting, (each) => each.setting, (each) => [each.setting, each.running, each.wanted, each.source]);
    show(this.#restartBox, waiting.length > 0);
  }
}
