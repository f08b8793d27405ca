// Debian's Chromium, driven by playwright-core, and what every test of the page looks at.
import assert from 'node:assert/strict';
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { tree } from '../parley.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const pictures = join(tree, 'build/dashboard');

export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'] });
  t.after(() => browser.close());
  return browser;
}

// A tab whose console must stay free of errors. `options`: as of playwright's newContext.
export async function openTab(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/London', reducedMotion: 'reduce', ...options });
  const tab = await context.newPage();
  tab.complaints = [];
  tab.on('pageerror', (error) => tab.complaints.push(String(error)));
  tab.on('console', (message) => {
    // A browser also calls an answer such as 503 an error: tests provoke those.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) tab.complaints.push(message.text());
  });
  return tab;
}

export async function picture(tab, name) {
  mkdirSync(pictures, { recursive: true });
  await tab.screenshot({ path: join(pictures, `${name}.png`) });
}

// WCAG 2.2 A and AA, in the page as it is now.
export async function isAccessible(tab, where) {
  await tab.evaluate(axe);  // not as a <script>, which the page's policy forbids
  const { violations } = await tab.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  const said = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.slice(0, 4).map((node) => `    ${node.html.slice(0, 160)}\n    ${node.failureSummary.replaceAll('\n', ' ')}`).join('\n')}`);
  assert.equal(said.join('\n'), '', `axe finds nothing ${where}`);
}

export const overflowOf = (tab) => tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
