/**
 * The page's connection to the hub: it comes back by itself, with full jitter, over the first
 * transport that works. It knows topics, not jobs; time, chance and transports are handed in.
 */
import { jitter_ms } from './jitter.js';
import { IDLE } from './link.js';

const SILENCE_MS = 25_000; // the hub says `beat` after 10 s
const OPENING_MS = 10_000; // from the attempt to `welcome`
const ANSWER_MS = 3_000; // to a ping that asks whether anyone is still there
const STEADY_MS = 10_000; // a connection that held so long ends the row of failures
const BLOCKED_TIMES = 3; // with requests that work: this transport does not get through
const BETTER_MS = 60_000; // how often a better transport is tried
/** Close codes after which the page does not come back by itself. */
const FINAL = /** @type {Record<number, string>} */ ({ 4400: 'malformed', 4401: 'unauthenticated', 4403: 'forbidden' });

/**
 * @typedef {import('./wire.js').Message} Message
 * @typedef {import('./link.js').Link} Link
 * @typedef {{message: (message: Message) => void, alive: () => void,
 *   closed: (end: {code?: number, retry_after_s?: number|null}) => void}} Sink  where a transport reports
 * @typedef {{follow: (topic: string, since: object|null) => void, unfollow: (topic: string) => void,
 *   send: (message: object) => void, close: () => void}} Transport
 * @typedef {{name: 'socket'|'stream'|'polling', open: (sink: Sink, wish: Wish) => Transport}} Rung
 * @typedef {{visible: boolean, topics: string[]}} Wish  `topics`: the newest one last
 * @typedef {'ok'|'unauthenticated'|'forbidden'|'unreachable'} Probed
 * @typedef {{now: () => number, setTimeout: (call: () => void, ms: number) => any, clearTimeout: (timer: any) => void}} Clock
 */

/** Dispatches `message` (detail: the hub's message) and `state` (detail: the link before). */
export class Connection extends EventTarget {
  /** @type {Link} */
  #state = IDLE;
  /** @type {Map<string, () => object|null>} */
  #topics = new Map();
  /** @type {Set<string>} */
  #unanswered = new Set();
  /** @type {Transport|null} */
  #transport = null;
  /** @type {Transport|null} */
  #trial = null;
  /** @type {Record<string, any>} */
  #timers = {};
  #rung = 0;
  #attempt = 0;
  #blocked = 0;
  #notBefore_ms = 0;
  #asked_ms = 0;
  #visible = true;
  #probing = false;
  /** @type {Sink|null} */
  #current = null;

  /**
   * @param {object} given
   * @param {Rung[]} given.ladder  best transport first
   * @param {() => Promise<Probed>} given.probe  why was an attempt refused?
   * @param {Clock} given.clock
   * @param {() => number} given.random
   */
  constructor({ ladder, probe, clock, random }) {
    super();
    this.ladder = ladder;
    this.probe = probe;
    this.clock = clock;
    this.random = random;
  }

  /** @returns {Link} */
  get state() {
    return this.#state;
  }

  /** Connects, and stays connected. @param {number|null} [lost_ms]  since when another connection is lost */
  start(lost_ms = null) {
    if (this.#state.name !== 'idle') return;
    this.#become({ lost_ms: lost_ms ?? this.#state.lost_ms });
    this.#open();
  }

  /** Until it is started again. */
  suspend() {
    this.#drop();
    this.#become({ name: 'idle', lost_ms: this.#state.lost_ms ?? this.clock.now(), live_ms: null, retry_ms: null });
  }

  /** Ends for good. @param {string} reason */
  stop(reason) {
    this.#drop();
    this.#become({
      name: 'stopped',
      reason,
      lost_ms: this.#state.lost_ms ?? this.clock.now(),
      live_ms: null,
      retry_ms: null,
    });
  }

  /** An attempt now, with the row of failures forgotten: somebody asked for it, or the machine is online again. */
  retryNow() {
    if (this.#state.name !== 'waiting') return;
    this.#attempt = 0;
    this.#hurry();
  }

  /** An attempt that is overdue, because a hidden tab's clock is slow, is made; nothing else changes. */
  nudge() {
    if (this.#state.name === 'waiting' && (this.#state.retry_ms ?? 0) <= this.clock.now()) this.#hurry();
  }

  /** Asks whether the hub is still there: a laptop's lid, a cable, leave a socket that only looks open. */
  check() {
    if (this.#state.name === 'waiting') return this.#hurry();
    if (!this.#isOpen() || this.#state.transport !== 'socket') return;
    this.#asked_ms = this.clock.now();
    this.#transport?.send({ type: 'ping', id: 'check' });
    this.#expect(ANSWER_MS);
  }

  /**
   * @param {string} topic
   * @param {() => object|null} [since]  what to resume from, asked at every attempt
   */
  follow(topic, since = () => null) {
    this.#topics.delete(topic); // the newest one comes last
    this.#topics.set(topic, since);
    if (this.#isOpen()) this.#ask(topic);
  }

  /** @param {string} topic */
  unfollow(topic) {
    if (!this.#topics.delete(topic)) return;
    this.#unanswered.delete(topic);
    if (this.#isOpen()) this.#transport?.unfollow(topic);
  }

  /** Asks for a topic's present state again. @param {string} topic */
  refresh(topic) {
    if (this.#isOpen() && this.#topics.has(topic) && !this.#unanswered.has(topic)) this.#ask(topic, null);
  }

  /** A hidden tab is sent updates at the slow rate. @param {boolean} visible */
  show(visible) {
    this.#visible = visible;
    if (this.#isOpen()) this.#transport?.send({ type: 'visible', value: visible });
  }

  #isOpen() {
    return this.#state.name === 'live' || this.#state.name === 'catching';
  }

  /** @param {string} topic @param {object|null} [since] */
  #ask(topic, since = this.#topics.get(topic)?.() ?? null) {
    this.#unanswered.add(topic);
    this.#transport?.follow(topic, since);
  }

  #open() {
    this.#drop();
    this.#become({ name: 'connecting', transport: this.ladder[this.#rung].name, retry_ms: null });
    this.#transport = this.#climb(this.#rung, this.#sink());
    if (this.#transport) this.#expect(OPENING_MS);
    else this.#lose({});
  }

  /** @param {number} rung @param {Sink} sink @returns {Transport|null} a browser may refuse to make one */
  #climb(rung, sink) {
    try {
      return this.ladder[rung].open(sink, { visible: this.#visible, topics: [...this.#topics.keys()] });
    } catch {
      return null;
    }
  }

  /** @returns {Sink} what the present transport reports to; an earlier one's reports are nobody's */
  #sink() {
    /** @type {Sink} */
    const sink = {
      message: (message) => sink === this.#current && this.#hear(message),
      alive: () => sink === this.#current && this.#expect(SILENCE_MS),
      closed: (end) => sink === this.#current && this.#lose(end),
    };
    this.#current = sink;
    return sink;
  }

  /** @param {Message} message */
  #hear(message) {
    this.#expect(SILENCE_MS);
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
    if (message.type === 'welcome') this.#enter();
    if (message.type === 'pong') this.#become({ delay_ms: this.clock.now() - this.#asked_ms });
    if (message.type === 'closing') this.#holdOff(message.retry_after_s);
    if (message.type === 'subscribed' || message.type === 'error') this.#answered(message.topic);
  }

  /** The hub let us in: ask for everything that the page follows. */
  #enter() {
    this.#blocked = 0;
    this.#unanswered.clear();
    this.#become({ name: 'catching' });
    for (const topic of this.#topics.keys()) this.#ask(topic);
    this.#answered();
    if (this.#rung > 0) this.#set('better', BETTER_MS, () => this.#tryBetter());
  }

  /** @param {string} [topic] */
  #answered(topic) {
    if (topic) this.#unanswered.delete(topic);
    if (this.#state.name !== 'catching' || this.#unanswered.size) return;
    this.#become({ name: 'live', lost_ms: null, live_ms: this.clock.now() });
  }

  /** @param {{code?: number, retry_after_s?: number|null}} end */
  #lose({ code = 1006, retry_after_s = null }) {
    const wasOpen = this.#isOpen();
    this.#holdOff(retry_after_s);
    this.#drop();
    if (FINAL[code]) return this.stop(FINAL[code]);
    if (this.#wasSteady()) this.#attempt = 0;
    this.#become({ name: 'waiting', lost_ms: this.#state.lost_ms ?? this.clock.now(), live_ms: null });
    return wasOpen ? this.#backOff() : this.#askWhy();
  }

  #wasSteady() {
    return this.#state.live_ms !== null && this.clock.now() - this.#state.live_ms >= STEADY_MS;
  }

  /** A refused upgrade cannot be seen by a page: a request tells refused from unreachable. */
  async #askWhy() {
    this.#backOff();
    if (this.#probing) return;
    this.#probing = true;
    const answer = await this.probe();
    this.#probing = false;
    if (!['waiting', 'connecting'].includes(this.#state.name)) return; // it was let in, stopped or put aside meanwhile
    if (answer === 'unauthenticated' || answer === 'forbidden') this.stop(answer);
    else if (answer === 'ok') this.#countBlocked();
  }

  #countBlocked() {
    this.#blocked += 1;
    if (this.#blocked < BLOCKED_TIMES || this.#rung === this.ladder.length - 1) return;
    this.#blocked = 0;
    this.#rung += 1;
    this.#attempt = 0;
    this.#wait(0);
  }

  #backOff() {
    const held_ms = Math.max(0, this.#notBefore_ms - this.clock.now());
    this.#wait(held_ms + jitter_ms(this.#attempt, this.random));
    this.#attempt += 1;
  }

  /** Never before the time that the hub named. */
  #hurry() {
    this.#wait(Math.max(0, this.#notBefore_ms - this.clock.now()));
  }

  /** @param {number} delay_ms */
  #wait(delay_ms) {
    this.#become({ name: 'waiting', retry_ms: this.clock.now() + delay_ms });
    this.#set('retry', delay_ms, () => this.#open());
  }

  /** @param {number|null|undefined} retry_after_s */
  #holdOff(retry_after_s) {
    if (retry_after_s) this.#notBefore_ms = this.clock.now() + retry_after_s * 1000;
  }

  /**
   * The present transport goes on while a better one is tried beside it, the best one first.
   * @param {number} [rung]
   */
  #tryBetter(rung = 0) {
    if (rung >= this.#rung) return;
    this.#trial?.close();
    /** @type {Sink|null} */
    let adopted = null;
    const trial = this.#climb(rung, {
      message: (message) => {
        if (message.type === 'welcome') adopted ??= this.#adopt(rung);
        adopted?.message(message);
      },
      alive: () => adopted?.alive(),
      closed: (end) => (adopted ? adopted.closed(end) : trial === this.#trial && this.#tryBetter(rung + 1)),
    });
    this.#trial = trial;
    // One that nobody answers is given up for the next.
    this.#set('better', BETTER_MS, () => this.#tryBetter(this.#trial && rung + 1 < this.#rung ? rung + 1 : 0));
    if (!trial) this.#tryBetter(rung + 1);
  }

  /** The better transport works: it takes over. @param {number} rung @returns {Sink} */
  #adopt(rung) {
    const better = this.#trial;
    this.#trial = null;
    this.#drop();
    this.#rung = rung;
    this.#transport = better;
    this.#become({ transport: this.ladder[rung].name });
    return this.#sink();
  }

  /** Something must be heard within this time. @param {number} ms */
  #expect(ms) {
    this.#set('silence', ms, () => this.#lose({}));
  }

  /** @param {string} name @param {number} ms @param {() => void} call */
  #set(name, ms, call) {
    this.clock.clearTimeout(this.#timers[name]);
    this.#timers[name] = this.clock.setTimeout(call, ms);
  }

  #drop() {
    for (const timer of Object.values(this.#timers)) this.clock.clearTimeout(timer);
    this.#timers = {};
    this.#current = null;
    this.#transport?.close();
    this.#trial?.close();
    this.#transport = this.#trial = null;
  }

  /** @param {Partial<Link>} change */
  #become(change) {
    const before = this.#state;
    this.#state = { ...before, ...change };
    this.dispatchEvent(new CustomEvent('state', { detail: before }));
  }
}
