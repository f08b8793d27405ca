// What /metrics serves after a call is what Prometheus' own tool finds right and what docs/operations.md says; the alerts and
// the dashboard in examples/deploy ask for nothing else, and the alerts fire when they should.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { parse } from 'yaml';
import { noise, startModel } from './model.mjs';
import { freePort, startParley, tree, until } from './parley.mjs';
import { greeted, ms, padded } from './phone.mjs';
import { startRedis } from './redis.mjs';

const token = 'a-token-of-the-test';
const example = (path) => join(tree, 'examples/deploy', path);
const alerts = parse(readFileSync(example('prometheus/alerts.yaml'), 'utf8')).groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(readFileSync(example('grafana/parley.json'), 'utf8'));
const operations = readFileSync(join(tree, 'docs/operations.md'), 'utf8');

function promtool(args, options = {}) {
  const ran = spawnSync('promtool', args, { encoding: 'utf8', ...options });
  if (ran.error) throw new Error(`promtool cannot be run (${ran.error.message}); ./dev setup installs it`);
  return { status: ran.status, output: ran.stdout + ran.stderr };
}

// {name: {kind, labels: Set, samples: [{name, labels, value}]}} of the text format.
function familiesOf(text) {
  const families = {};
  let family;
  for (const line of text.split('\n')) {
    const [, name, kind] = line.match(/^# TYPE (\S+) (\S+)$/) ?? [];
    if (name) family = families[name] = { kind, labels: new Set(), samples: [] };
    const sample = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/);
    if (!sample) continue;
    const labels = Object.fromEntries([...(sample[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label, value]));
    Object.keys(labels).filter((label) => label !== 'le').forEach((label) => family.labels.add(label));
    family.samples.push({ name: sample[1], labels, value: Number(sample[3]) });
  }
  return families;
}

// What PromQL asks for, by the names of families.
const ours = (expression) => [...expression.replace(/"[^"]*"/g, '""').matchAll(/\b(?:parley|process)_\w+/g)]
  .map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));
const expressionsOf = (panels) => panels.flatMap((panel) => [...(panel.targets ?? []).map(({ expr }) => expr), ...expressionsOf(panel.panels ?? [])]);

const suite = { stops: [], after: (stop) => suite.stops.push(stop) };
let text;
let families;
const value = (name, labels = {}) => families[name.replace(/_(bucket|sum|count)$/, '')]?.samples
  .find((sample) => sample.name === name && Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted))?.value;

// One call with all that a service can have beside it: Redis, a webhook, transcript files, an account to call people from.
before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-metrics-'));
  suite.after(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await startRedis(suite);
  const told = [];
  const ear = createServer((request, response) => {
    request.resume();
    request.on('end', () => { told.push(request.url); response.writeHead(200).end(); });
  });
  await new Promise((done) => ear.listen(0, '127.0.0.1', done));
  suite.after(() => { ear.closeAllConnections?.(); ear.close(); });
  const model = await startModel(suite);
  const parley = await startParley(suite, {
    OPENAI_BASE_URL: model.url, PARLEY_ADMIN_TOKEN: token, REDIS_URL: redis.url, REDIS_PASSWORD: redis.password,
    TWILIO_ACCOUNT_SID: `AC${'7'.repeat(32)}`, TWILIO_BASE_URL: `http://127.0.0.1:${await freePort()}`,
  }, `transcripts: {dir: ${folder}}\nwebhooks: {crm: {url: "http://127.0.0.1:${ear.address().port}/hook", secret: s3cret}}\n`);
  const get = (path, headers = { authorization: `Bearer ${token}` }) => fetch(parley.url + path, { headers });

  const { phone, session } = await greeted(suite, parley, model);
  const heard = phone.heardBytes();
  const answer = noise(12, ms(200));
  session.speechStarts();
  session.script.push([{ tool: 'find_appointment', arguments: { confirmation_number: 'APT-12345' } }, { tool: 'find_appointment', arguments: { number: 12345 } }],
    [{ says: 'There is none.', audio: answer }]);
  session.speechStops('Do I have an appointment?');
  await phone.isHeard(heard + padded(answer).length);
  await until(() => phone.marks.size === 0, 'the answer is heard');
  phone.hangUp();
  await until(() => told.length, 'the webhook is told');
  const refused = await fetch(`${parley.url}/api/call`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ number: '+4915550100001', fromNumber: '+15550100002' }),
  });
  assert.equal(refused.status, 403, await refused.text());

  assert.equal((await get('/metrics', {})).status, 401);
  await until(async () => {
    text = await (await get('/metrics')).text();
    families = familiesOf(text);
    return value('parley_webhooks_delivered_total') === 1 && value('parley_calls_active') === 0 && value('parley_store_entries_waiting') === 0 && value('parley_redis_entries_waiting') === 0;
  }, () => `all of the call has been written\n${text}`);
});
after(async () => { for (const stop of suite.stops.reverse()) await stop(); });

test('promtool finds nothing wrong with what is served', () => {
  assert.deepEqual(promtool(['check', 'metrics'], { input: text }), { status: 0, output: '' });
});

test('the table of metrics is what is served', () => {
  const section = operations.slice(operations.indexOf('## Figures for Prometheus'), operations.indexOf('### Alerts'));
  const documented = [...section.matchAll(/^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \|/gm)].map(([, name, labels, kind]) => `${kind} ${name} ${labels ?? ''}`);
  const served = Object.entries(families).map(([name, { kind, labels }]) => `${kind} ${name} ${[...labels].sort().join()}`);
  assert.deepEqual(documented.sort(), served.sort());
});

test('the figures tell of the call', () => {
  const expected = [
    [1, 'parley_calls_total', { agent: 'sarah', direction: 'inbound' }],
    [1, 'parley_call_outcomes_total', { outcome: 'caller_hung_up', reason: 'caller_hung_up' }],
    [1, 'parley_call_duration_seconds_count'],
    [1, 'parley_call_setup_duration_seconds_count', { stage: 'stream' }],
    [1, 'parley_call_setup_duration_seconds_count', { stage: 'model' }],
    [1, 'parley_call_setup_duration_seconds_count', { stage: 'audio' }],
    [1, 'parley_turn_latency_seconds_count', { stage: 'model' }],
    [1, 'parley_turn_latency_seconds_count', { stage: 'line' }],
    [2, 'parley_tool_duration_seconds_count', { tool: 'find_appointment' }],
    [1, 'parley_tool_errors_total', { tool: 'find_appointment' }],
    [0, 'parley_calls_refused_total', { reason: 'busy' }],
    [1, 'parley_outbound_refusals_total', { reason: 'prefix' }],
    [0, 'parley_provider_losses_total'],
    [0, 'parley_store_entries_lost_total'],
    [0, 'parley_calls_active'],
    [0, 'parley_playout_queue_seconds'],
    [1, 'parley_redis_up'],
  ];
  for (const [wanted, name, labels] of expected) assert.equal(value(name, labels), wanted, `${name} ${JSON.stringify(labels ?? {})}`);
  assert.ok(value('parley_cost_usd_total') > 0);
  assert.ok(value('parley_store_write_duration_seconds_count') > 0);
  const [model, line] = ['model', 'line'].map((stage) => value('parley_turn_latency_seconds_sum', { stage }));
  assert.ok(model > 0 && line >= model && line < model + 1, `${model} s to the model's first audio, ${line} s to the line`);
  assert.ok(Math.abs(value('process_start_time_seconds') - Date.now() / 1_000) < 300);
});

test('the alerts ask for what is served, are explained, and fire when they should', () => {
  const inFolder = { cwd: example('prometheus') };
  const checked = promtool(['check', 'rules', 'alerts.yaml'], inFolder);
  assert.equal(checked.status, 0, checked.output);
  const tried = promtool(['test', 'rules', 'alerts_test.yaml'], inFolder);
  assert.equal(tried.status, 0, tried.output);
  const trials = readFileSync(example('prometheus/alerts_test.yaml'), 'utf8');
  for (const { alert, expr } of alerts) {
    assert.match(trials, new RegExp(`\\b${alert}\\b`), `${alert} is tried`);
    assert.deepEqual(ours(expr).filter((name) => !families[name]), [], `${alert}: ${expr}`);
  }
  const section = operations.slice(operations.indexOf('### Alerts'), operations.indexOf('## Looking at calls'));
  const explained = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, alert]) => alert);
  assert.deepEqual(explained, alerts.map(({ alert }) => alert));
});

test('Prometheus takes the example of its settings', () => {
  const checked = promtool(['check', 'config', '--syntax-only', example('prometheus/prometheus.yaml')]);
  assert.equal(checked.status, 0, checked.output);
  const { scrape_configs: [scrape] } = parse(readFileSync(example('prometheus/prometheus.yaml'), 'utf8'));
  assert.equal(scrape.job_name, 'parley', 'the alerts name it');
});

test('the dashboard asks for what is served, in PromQL, and its panels do not overlap', () => {
  assert.equal(typeof dashboard.uid, 'string');
  assert.equal(typeof dashboard.schemaVersion, 'number');
  const variables = dashboard.templating.list.map(({ name }) => name);
  const expressions = [...expressionsOf(dashboard.panels), ...dashboard.annotations.list.map(({ expr }) => expr)];
  assert.deepEqual(expressions.flatMap(ours).filter((name) => !families[name]), []);
  // Every figure is there for somebody to look at, but for those that alerts and `parley status` are enough for.
  const unseen = new Set(['parley_build_info', 'parley_reload_last_success_timestamp_seconds', 'parley_rollbacks_total', 'parley_settings_waiting_for_restart',
    'parley_webhooks_oldest_waiting_timestamp_seconds', 'parley_dashboard_entries_dropped_total', 'process_virtual_memory_bytes']);
  const seen = new Set(expressions.flatMap(ours));
  assert.deepEqual(Object.keys(families).filter((name) => !seen.has(name) && !unseen.has(name)), []);

  const folder = mkdtempSync(join(tmpdir(), 'parley-grafana-'));
  suite.after(() => rmSync(folder, { recursive: true, force: true }));
  const filled = expressions.map((expr) => expr.replace(/\$__(rate_interval|range)/g, '5m').replace(/\$\{?(\w+)\}?/g, (_, name) => {
    assert.ok(variables.includes(name), `$${name} is a variable of the dashboard`);
    return '.*';
  }));
  const file = join(folder, 'rules.json');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: filled.map((expr, n) => ({ record: `expression_${n}`, expr })) }] }));
  const checked = promtool(['check', 'rules', file]);
  assert.equal(checked.status, 0, checked.output);

  const taken = new Set();
  const ids = new Set();
  for (const { id, type, title, gridPos: { x, y, w, h }, targets } of dashboard.panels) {
    assert.ok(!ids.has(id), `${title}: its id is another's`);
    ids.add(id);
    assert.ok(x >= 0 && x + w <= 24, `${title} is within the 24 columns`);
    assert.ok(type === 'row' || targets.length > 0, `${title} shows something`);
    assert.deepEqual(new Set(targets?.map(({ refId }) => refId)).size, targets?.length ?? 0, `${title}: targets have names of their own`);
    for (let column = x; column < x + w; ++column) {
      for (let line = y; line < y + h; ++line) {
        assert.ok(!taken.has(`${column} ${line}`), `${title} lies on another panel`);
        taken.add(`${column} ${line}`);
      }
    }
  }
});
