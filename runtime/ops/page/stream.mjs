// stream.mjs: the live stream, kept up.
//
// The browser opens a lost stream again by itself and says which event it has seen last. Two cases it leaves
// to us: an answer other than 200 (it gives up), and a connection that is dead without anybody having said so
// (a laptop that slept). `alive` comes every few seconds; once it has been seen, its absence means the latter.

const names = ['active_calls', 'metrics', 'stats', 'call_history', 'state', 'turn', 'tool', 'interrupted', 'latency',
  'cost', 'note', 'problem', 'happening', 'ended', 'scripts', 'appointments'];
const silent_ms_max = 30_000;
const wait_ms = [1_000, 2_000, 4_000, 8_000, 15_000];

// on.event(name, data), on.live(isAgain), on.lost(), on.missed(): more was told meanwhile than is kept
export class Stream {
  #on;
  #source = null;
  #failures = 0;
  #timer = null;
  #watchdog = null;
  #wasLost = false;

  constructor(on) {
    this.#on = on;
  }

  open() {
    this.#stop();
    const source = new EventSource('/dashboard/stream');
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.#on.live(this.#wasLost);
      this.#wasLost = false;
    };
    source.onerror = () => {
      this.#lose();
      if (source.readyState === EventSource.CLOSED) this.#later();
    };
    for (const name of names) {
      source.addEventListener(name, ({ data }) => {
        let value;
        try {
          value = JSON.parse(data);
        } catch {
          return;  // half an event is none
        }
        this.#on.event(name, value);
      });
    }
    source.addEventListener('alive', () => this.#watch());
    source.addEventListener('missed', () => this.#on.missed());
  }

  #lose() {
    if (this.#wasLost) return;
    this.#wasLost = true;
    this.#on.lost();
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#lose();
      this.open();
    }, silent_ms_max);
  }

  #later() {
    const wait = wait_ms[Math.min(this.#failures++, wait_ms.length - 1)];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait);
  }

  #stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }
}
