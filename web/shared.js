/**
 * One connection for all tabs of a browser: the tab that holds a lock keeps it and passes on what it hears; when that
 * tab is closed, the next one takes its place. Each tab sees the face of a connection of its own.
 */
import { IDLE, moved } from './link.js';
import { earliest, Others } from './others.js';

const SILENCE_MS = 30_000; // the leading tab itself gives up its connection after 25 s
const ALIVE_MS = 10_000;
const NUDGE_MS = 1_000; // a hidden tab's clock may be slow: one that is seen helps it

/**
 * @typedef {import('./socket.js').Connection} Connection
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./wire.js').Message} Message
 * @typedef {import('./others.js').Tab} Tab
 * @typedef {{postMessage: (note: any) => void, close: () => void, onmessage: ((event: any) => void)|null}} Channel
 * @typedef {object} Host  what the browser gives to tabs of one origin
 * @property {Pick<LockManager, 'request'>} locks
 * @property {(name: string) => Channel} channel
 * @property {import('./socket.js').Clock} clock
 * @property {string} id  of this tab
 */

/** Dispatches `message` and `state`, like a `Connection`. */
export class SharedConnection extends EventTarget {
  /** @type {Link} */
  #state = IDLE;
  /** @type {Map<string, () => object|null>} */
  #topics = new Map();
  #visible = true;
  #lives = false;
  /** @type {Connection|null} only where this tab leads */
  #own = null;
  /** @type {Channel|null} */
  #channel = null;
  #others = new Others();
  /** @type {Message|null} */
  #welcome = null;
  #welcomed_ms = 0;
  /** @type {(() => void)|null} */
  #release = null;
  /** @type {LockOptions|null} how the lock was asked for that is held */
  #held = null;
  /** @type {AbortController|null} of the locks that are waited for */
  #waiting = null;
  /** @type {any} */
  #silence = null;
  /** @type {any} */
  #nudge = null;

  /**
   * @param {object} given
   * @param {string} given.name  of what is shared: the hub's address
   * @param {() => Connection} given.connect  makes the connection, in the tab that leads
   * @param {Host} given.host
   */
  constructor({ name, connect, host }) {
    super();
    this.name = name;
    this.connect = connect;
    this.host = host;
  }

  /** @returns {Link} */
  get state() {
    return this.#state;
  }

  /** @returns {boolean} this tab keeps the connection */
  get leads() {
    return this.#own !== null;
  }

  /** Takes part; again after `suspend`. */
  start() {
    if (this.#channel) return;
    this.#channel = this.host.channel(this.name);
    this.#channel.onmessage = ({ data }) => this.#told(data);
    this.#waiting = new AbortController();
    this.#queue({ signal: this.#waiting.signal });
    this.#live(this.#waiting.signal);
    this.#expect();
  }

  /** Ends for good. @param {string} reason */
  stop(reason) {
    this.suspend();
    this.#become({ ...this.#state, name: 'stopped', reason });
  }

  /** Leaves the others alone: the page is closed, or kept aside to come back to. */
  suspend() {
    this.#waiting?.abort();
    this.#lives = false;
    this.#stepDown();
    this.#release?.();
    this.#release = null;
    this.#channel?.close();
    this.#channel = null;
    for (const timer of [this.#silence, this.#nudge]) this.host.clock.clearTimeout(timer);
    this.#become({ ...IDLE, lost_ms: this.#state.lost_ms ?? this.host.clock.now() });
  }

  /** @param {string} topic @param {() => object|null} [since]  what to resume from, asked at every attempt */
  follow(topic, since = () => null) {
    this.#topics.set(topic, since);
    if (this.#own) return this.#share(topic, true);
    this.#say({ say: 'follow', topic, since: since() });
  }

  /** @param {string} topic */
  unfollow(topic) {
    if (!this.#topics.delete(topic)) return;
    if (this.#own) return this.#share(topic, false);
    this.#say({ say: 'unfollow', topic });
  }

  /** Asks for a topic's present state again. @param {string} topic */
  refresh(topic) {
    if (this.#topics.has(topic)) this.#order('refresh', topic);
  }

  retryNow() {
    this.#order('retryNow');
  }

  nudge() {
    this.#order('nudge');
  }

  check() {
    this.#order('check');
  }

  /** @param {boolean} visible */
  show(visible) {
    this.#visible = visible;
    if (this.#own) this.#showMost();
    else this.#say({ say: 'show', visible });
  }

  /** @param {'refresh'|'retryNow'|'nudge'|'check'} verb @param {string} [topic] */
  #order(verb, topic = '') {
    if (this.#own) this.#own[verb](topic);
    else this.#say({ say: verb, topic });
  }

  // ── Among tabs ──────────────────────────────────────────────────────────────

  /** @param {object} note */
  #say(note) {
    this.#channel?.postMessage({ ...note, from: this.host.id });
  }

  /** Holds a lock until this tab is closed, by which others know; only then it joins. @param {AbortSignal} signal */
  #live(signal) {
    const closed = new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
    const held = () => {
      this.#lives = true;
      this.#join();
      return closed;
    };
    this.host.locks.request(this.#lockOf(this.host.id), held).catch(() => {});
  }

  /** @param {string} tab @returns {string} */
  #lockOf = (tab) => `${this.name} tab ${tab}`;

  /** Whoever leads, or will, learns what this tab wants. */
  #join() {
    if (this.#own || !this.#lives) return;
    const topics = [...this.#topics].map(([topic, since]) => [topic, since()]);
    this.#say({ say: 'join', topics, visible: this.#visible });
  }

  /** @param {any} note */
  #told(note) {
    if (this.#own) return this.#asked(note);
    this.#expect();
    if (note.say === 'led') this.#join();
    if (note.to && note.to !== this.host.id) return;
    if (note.say === 'state') this.#mirror(moved(note.state, this.host.clock.now()));
    if (note.say === 'message') this.#hear(note.message);
  }

  /** @param {Link} state  of the leading tab's connection */
  #mirror(state) {
    this.#become(state);
    this.host.clock.clearTimeout(this.#nudge);
    if (state.name !== 'waiting' || !this.#visible) return;
    const late_ms = (state.retry_ms ?? 0) - this.host.clock.now() + NUDGE_MS;
    this.#nudge = this.host.clock.setTimeout(() => this.nudge(), late_ms);
  }

  /** @param {Message} message */
  #hear(message) {
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  /** Nothing from the leading tab for too long: it hangs, or is frozen. Another one takes over. */
  #expect() {
    this.host.clock.clearTimeout(this.#silence);
    if (this.#own || this.#state.name === 'stopped') return;
    this.#silence = this.host.clock.setTimeout(() => this.#queue({ steal: true }), SILENCE_MS);
  }

  // ── Leading ─────────────────────────────────────────────────────────────────

  /** @param {LockOptions} how */
  #queue(how) {
    const held = () => this.#channel && new Promise((resolve) => this.#lead(() => resolve(undefined), how));
    const lost = (/** @type {Error} */ error) =>
      error.name === 'AbortError' ? this.#deposed(how) : this.#standAlone();
    this.host.locks.request(this.name, how, held).catch(lost);
  }

  /** The browser gives no locks here, as in a frame of another site: each tab leads itself. */
  #standAlone() {
    if (this.#channel && !this.#own) this.#lead(() => {});
  }

  /** Another tab took the lock, or this one no longer waits for it, or holds it otherwise. @param {LockOptions} how */
  #deposed(how) {
    if (!this.#own || this.#held !== how) return;
    this.#stepDown();
    this.#queue({ signal: this.#waiting?.signal });
    this.#join();
    this.#expect();
  }

  /** @param {() => void} release  gives the lock back @param {LockOptions|null} [how]  it was asked for */
  #lead(release, how = null) {
    this.#release = release;
    this.#held = how;
    if (this.#own) return; // it stole from itself: the tab before left just then
    this.host.clock.clearTimeout(this.#silence);
    this.host.clock.clearTimeout(this.#nudge);
    const own = this.connect();
    this.#own = own;
    own.addEventListener('message', (event) => own === this.#own && this.#pass(/** @type {any} */ (event).detail));
    own.addEventListener('state', () => own === this.#own && this.#passState(own.state));
    for (const [topic, since] of this.#topics) own.follow(topic, since);
    own.show(this.#visible);
    own.start(this.#state.live_ms === null ? this.#state.lost_ms : this.host.clock.now());
    this.#say({ say: 'led' });
    this.#tellAlive(own);
  }

  /** However little there is to tell, the others know that somebody leads. @param {Connection} own */
  #tellAlive(own) {
    if (own !== this.#own) return;
    this.#say({ say: 'alive' });
    this.host.clock.setTimeout(() => this.#tellAlive(own), ALIVE_MS);
  }

  #stepDown() {
    const own = this.#own;
    this.#own = null;
    own?.stop('another tab leads');
    this.#others.clear();
  }

  /** @param {Message} message */
  #pass(message) {
    if (message.type === 'welcome') {
      this.#welcome = message;
      this.#welcomed_ms = this.host.clock.now();
    }
    if (this.#others.any) this.#say({ say: 'message', message });
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  /** @param {Link} state */
  #passState(state) {
    if (this.#others.any) this.#say({ say: 'state', state: moved(state, -this.host.clock.now()) });
    this.#become(state);
  }

  /** Another tab wants something of the connection. @param {any} note */
  #asked({ say, from, topic, topics, since, visible }) {
    const tab = this.#others.get(from);
    if (say === 'join') return this.#admit(from, { topics: new Map(topics), visible });
    if (!tab) return;
    if (say === 'follow') tab.topics.set(topic, since);
    if (say === 'unfollow') tab.topics.delete(topic);
    if (say === 'follow' || say === 'unfollow') this.#share(topic, say === 'follow');
    if (say === 'show') tab.visible = visible;
    if (say === 'show') this.#showMost();
    if (say === 'refresh') this.#own?.refresh(topic);
    if (say === 'retryNow') this.#own?.retryNow();
    if (say === 'nudge') this.#own?.nudge();
    if (say === 'check') this.#own?.check();
  }

  /** @param {string} id @param {Tab} tab */
  #admit(id, tab) {
    if (this.#others.add(id, tab)) this.#mourn(id);
    if (this.#welcome) this.#say({ say: 'message', to: id, message: this.#welcomeNow(this.#welcome) });
    this.#say({ say: 'state', to: id, state: moved(this.#state, -this.host.clock.now()) });
    for (const topic of tab.topics.keys()) this.#share(topic, true);
    this.#showMost();
  }

  /** @param {Message} welcome @returns {Message} with the hub's time as it is by now, where it told one */
  #welcomeNow(welcome) {
    const at = welcome.at + this.host.clock.now() - this.#welcomed_ms;
    return Number.isFinite(at) ? { ...welcome, at } : welcome;
  }

  /** Each tab holds a lock of its own as long as it lives. @param {string} id */
  #mourn(id) {
    const own = this.#own;
    const signal = this.#waiting?.signal;
    const gone = () => {
      if (own !== this.#own) return;
      for (const topic of this.#others.delete(id)) this.#share(topic, false);
      this.#showMost();
    };
    this.host.locks.request(this.#lockOf(id), { signal }, gone).catch(() => {});
  }

  /** What somebody follows is followed, from the last that all of them have. @param {string} topic @param {boolean} asked */
  #share(topic, asked) {
    const known = this.#others.sinces(topic);
    const mine = this.#topics.get(topic);
    if (!mine && known.length === 0) return this.#own?.unfollow(topic);
    if (!asked) return;
    this.#own?.follow(topic, () => earliest([...(mine ? [mine()] : []), ...known]));
  }

  #showMost() {
    this.#own?.show(this.#visible || this.#others.visible);
  }

  /** @param {Link} state */
  #become(state) {
    const before = this.#state;
    this.#state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: before }));
  }
}
