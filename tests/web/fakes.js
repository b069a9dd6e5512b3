/** A clock that only moves when told, a WebSocket and a transport without a network, jobs to tell of. */

export class FakeClock {
  #now = 1_000_000;
  #timers = [];
  #made = 0;

  now = () => this.#now;

  setTimeout = (call, ms) => {
    this.#made += 1;
    this.#timers.push({ id: this.#made, at: this.#now + ms, call });
    return this.#made;
  };

  clearTimeout = (id) => {
    this.#timers = this.#timers.filter((timer) => timer.id !== id);
  };

  /** Runs what is due on the way, in order. */
  advance(ms) {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      if (!due) break;
      this.#now = Math.max(this.#now, due.at);
      this.clearTimeout(due.id);
      due.call();
    }
    this.#now = until;
  }
}

export class FakeWebSocket {
  static all = [];
  readyState = 0;
  sent = [];
  closed = false;

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    FakeWebSocket.all.push(this);
  }

  static get last() {
    return FakeWebSocket.all.at(-1);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code = 1006) {
    this.onclose?.({ code });
  }
}

/** A rung whose transports do what the test says. */
export class FakeRung {
  opened = [];

  constructor(name) {
    this.name = name;
  }

  get last() {
    return this.opened.at(-1);
  }

  open(sink, wish) {
    const transport = {
      sink,
      wish,
      closed: false,
      asked: [],
      left: [],
      sent: [],
      follow: (topic, since) => transport.asked.push({ topic, since }),
      unfollow: (topic) => transport.left.push(topic),
      send: (message) => transport.sent.push(message),
      close: () => {
        transport.closed = true;
      },
      welcome: (epoch = 'e1') => sink.message({ type: 'welcome', epoch }),
      answer: (topic) => sink.message({ type: 'subscribed', topic, recovered: true, log_gap: null }),
    };
    this.opened.push(transport);
    return transport;
  }
}

/** Promises that are due get their turn. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

const NOW = new Date(2026, 10, 22, 14, 31, 7).getTime();
export const at = (hour, minute, second = 0, day = 22) => new Date(2026, 10, day, hour, minute, second).getTime();
export { NOW };

/** A running job with everything in it, as the page has seen it at 14:31:07. */
export const job = (change = {}) => ({
  id: 'j1',
  kind: 'import',
  title: 'Import',
  tags: {},
  by: 'Ada',
  status: 'running',
  attempt: 1,
  max_attempts: 3,
  seq: 1,
  done: 31_240,
  total: 50_000,
  unit: 'rows',
  fraction: 0.595,
  rate: 186,
  eta_s: 180,
  eta_low_s: 150,
  eta_high_s: 220,
  typical: null,
  phase: null,
  phases: [],
  counters: {},
  message: null,
  stalled: false,
  retry_at: null,
  queue_position: null,
  starts_in_s: null,
  pause: null,
  worker: 'worker-03',
  viewers: 0,
  cancel: null,
  checkpoint: null,
  error: null,
  artifacts: [],
  created_at: NOW - 260_000,
  started_at: NOW - 252_000,
  advanced_at: NOW - 1_000,
  heard_at: NOW - 1_000,
  finished_at: null,
  elapsed_s: 252,
  epoch: 'e1',
  seen_at: NOW,
  whole_seq: 0,
  frames: 9,
  phase_frames: 9,
  silent_at: null,
  ...change,
});

export const cancel = (change = {}) => ({
  requested_at: NOW - 13_000,
  by: 'Ada',
  reason: null,
  delivered_at: null,
  acknowledged_at: null,
  deadline_at: NOW,
  forced_at: null,
  how: null,
  ...change,
});

/** No-break spaces are right and hard to read. */
export const plain = (text) => text.replaceAll('\u00a0', ' ');
