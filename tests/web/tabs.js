/** Tabs of one browser without a browser: locks, channels and a connection that each test plays. */
import { SharedConnection } from '../../web/shared.js';

/** Web Locks of one origin: first come, first served; a theft breaks the holder's promise. */
export class FakeLocks {
  /** @type {Map<string, {held: any, queue: any[]}>} */
  #named = new Map();

  /** A theft waits until `now` is said. */
  late = false;
  now = () => {};

  request = (name, ...rest) => {
    if (this.late && rest[0].steal)
      return new Promise((resolve) => (this.now = resolve)).then(() => this.#ask(name, ...rest));
    return this.#ask(name, ...rest);
  };

  #ask(name, ...rest) {
    const held = rest.at(-1);
    const { signal, steal = false } = rest.length > 1 ? rest[0] : {};
    return new Promise((resolve, reject) => {
      const wish = { held, resolve, reject };
      const lock = this.#lock(name);
      signal?.addEventListener('abort', () => {
        if (!lock.queue.includes(wish)) return;
        lock.queue.splice(lock.queue.indexOf(wish), 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
      if (steal && lock.held) {
        lock.held.reject(new DOMException('stolen', 'AbortError'));
        lock.held = null;
      }
      if (steal) lock.queue.unshift(wish);
      else lock.queue.push(wish);
      this.#grant(name);
    });
  }

  #lock(name) {
    if (!this.#named.has(name)) this.#named.set(name, { held: null, queue: [] });
    return this.#named.get(name);
  }

  #grant(name) {
    const lock = this.#lock(name);
    if (lock.held || lock.queue.length === 0) return;
    const wish = lock.queue.shift();
    lock.held = wish;
    Promise.resolve(wish.held()).then((value) => {
      wish.resolve(value);
      if (lock.held !== wish) return;
      lock.held = null;
      this.#grant(name);
    });
  }

  /** Whoever holds it vanishes without a word. */
  breakOff(name) {
    this.#lock(name).held = null;
    this.#grant(name);
  }
}

/** What a frame of another site is given. */
const REFUSING = { request: async () => Promise.reject(new DOMException('denied', 'SecurityError')) };

/** A browser with tabs, all at the same hub. */
export class FakeBrowser {
  locks = new FakeLocks();
  channels = new Set();
  tabs = [];

  /** @param {import('./fakes.js').FakeClock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  channel = () => {
    const channel = {
      onmessage: null,
      postMessage: (note) => {
        for (const other of this.channels) if (other !== channel) other.onmessage?.({ data: structuredClone(note) });
      },
      close: () => this.channels.delete(channel),
    };
    this.channels.add(channel);
    return channel;
  };

  /** Opens one; `connections` are those that it made. */
  open(topics = ['jobs']) {
    const id = `tab${this.tabs.length + 1}`;
    const connections = [];
    const connect = () => {
      connections.push(new FakeConnection());
      return connections.at(-1);
    };
    const host = { locks: this.locks ?? REFUSING, channel: this.channel, clock: this.clock, id };
    const shared = new SharedConnection({ name: 'hub', connect, host });
    const heard = [];
    shared.addEventListener('message', (event) => heard.push(event.detail));
    for (const topic of topics) shared.follow(topic, () => ({ epoch: 'e1', seq: 5, log: this.tabs.length }));
    shared.start();
    const tab = { id, shared, heard, connections };
    this.tabs.push(tab);
    return tab;
  }
}

/** What a `Connection` is told, and a way to make it speak. */
export class FakeConnection extends EventTarget {
  state = { name: 'idle', transport: 'socket', lost_ms: null, live_ms: null, retry_ms: null, reason: null };
  told = [];
  topics = new Map();

  start(lost_ms = null) {
    this.told.push(['start', lost_ms]);
  }

  stop(reason) {
    this.told.push(['stop', reason]);
  }

  follow(topic, since = () => null) {
    this.topics.set(topic, since);
    this.told.push(['follow', topic, since()]);
  }

  unfollow(topic) {
    this.topics.delete(topic);
    this.told.push(['unfollow', topic]);
  }

  refresh(topic) {
    this.told.push(['refresh', topic]);
  }

  retryNow() {
    this.told.push(['retryNow']);
  }

  nudge() {
    this.told.push(['nudge']);
  }

  check() {
    this.told.push(['check']);
  }

  show(visible) {
    this.told.push(['show', visible]);
  }

  say(message) {
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  become(change) {
    const before = this.state;
    this.state = { ...before, ...change };
    this.dispatchEvent(new CustomEvent('state', { detail: before }));
  }
}
