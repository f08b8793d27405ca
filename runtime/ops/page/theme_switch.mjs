// theme_switch.mjs: the system's colours, light, dark, and round again.
import { attribute } from './dom.mjs';

const order = ['system', 'light', 'dark'];
const labels = { system: 'Colours: as the system has them', light: 'Colours: light', dark: 'Colours: dark' };

export class ThemeSwitch {
  #button;

  // `changed()`: whoever draws with colours of its own.
  constructor(button, changed) {
    this.#button = button;
    this.#label();
    button.addEventListener('click', () => {
      const next = order[(order.indexOf(this.current) + 1) % order.length];
      if (next === 'system') delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = next;
      try {
        localStorage.setItem('parley.theme', next);
      } catch {
        // then it holds until the page is left
      }
      this.#label();
      changed();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  }

  get current() {
    return document.documentElement.dataset.theme ?? 'system';
  }

  #label() {
    attribute(this.#button, 'aria-label', labels[this.current]);
    attribute(this.#button, 'title', labels[this.current]);
    attribute(this.#button, 'data-theme-is', this.current);
  }
}
