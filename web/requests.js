/** Two ways to hear the hub by requests, where no socket gets through: Server-Sent Events, and polling. */
import { timeOf } from './answers.js';
import { EventParser, parse } from './events.js';

const POLL_MS = 5_000;
const POLL_HIDDEN_MS = 20_000; // before a connection counts as silent

/**
 * @typedef {import('./socket.js').Rung} Rung
 * @typedef {import('./socket.js').Sink} Sink
 * @typedef {import('./socket.js').Transport} Transport
 * @typedef {import('./socket.js').Clock} Clock
 * @typedef {import('./wire.js').Message} Message
 * @typedef {{stream: (topic: string, signal: AbortSignal) => Promise<Response>,
 *   poll: (topic: string, since: any) => Promise<Message[]>, answered_at?: number|null}} Source  `answered_at`: the hub's
 *   time of the last answer
 */

/** What asks by requests. `seq` of one such transport does not compare with another's. @implements {Transport} */
class RequestTransport {
  static #opened = 0;
  /** @type {Map<string, any>} each topic and what to resume it from */
  topics;
  #entered = false;
  /** @type {Set<string>} */
  #answered = new Set();
  visible;
  closed = false;

  /** @param {Sink} sink @param {Source} source @param {import('./socket.js').Wish} wish */
  constructor(sink, source, { topics, visible }) {
    this.sink = sink;
    this.source = source;
    this.visible = visible;
    this.topics = new Map(topics.map((topic) => [topic, null]));
  }

  /** @param {string} topic @param {object|null} since */
  follow(topic, since) {
    const again = this.#answered.has(topic);
    this.topics.delete(topic); // the newest one comes last
    this.topics.set(topic, since);
    this.#answered.add(topic);
    this.subscribed(topic);
    this.turn(topic, again);
  }

  /** @param {string} topic  what follows is all of it */
  subscribed(topic) {
    this.sink.message({ type: 'subscribed', topic, recovered: false, log_gap: null });
  }

  /** @param {string} topic */
  unfollow(topic) {
    this.topics.delete(topic);
    this.#answered.delete(topic);
    this.turn(topic, false);
  }

  /** Only whether anybody looks can be told here. @param {any} message */
  send(message) {
    if (message.type === 'visible') this.visible = message.value;
  }

  close() {
    this.closed = true;
    this.leave();
  }

  /** The first sign of life. @param {number|null} [at]  the hub's time */
  enter(at) {
    if (this.#entered) return;
    this.#entered = true;
    RequestTransport.#opened += 1;
    this.sink.message({ type: 'welcome', epoch: `page-${RequestTransport.#opened}`, ...(at && { at }) });
  }

  /** What is followed changed. @param {string} _topic @param {boolean} _again  it is to be told anew */
  turn(_topic, _again) {}

  leave() {}
}

/**
 * Server-Sent Events, read with `fetch` because comments count as signs of life. Each costs one of the few connections
 * that a browser makes to a host: two at most are open, the feed's for all jobs and that of the newest topic.
 */
class StreamTransport extends RequestTransport {
  /** @type {Map<string, AbortController>} */
  #reading = new Map();
  /** @type {Set<string>} what is still to be told from its beginning */
  #untold = new Set();

  /** @param {Sink} sink @param {Source} source @param {import('./socket.js').Wish} wish */
  constructor(sink, source, wish) {
    super(sink, source, wish);
    this.#turn();
  }

  /** Many topics come and go in one turn. @param {string} topic @param {boolean} again */
  turn(topic, again) {
    if (again) this.#stop(topic);
    if (!this.#reading.has(topic)) this.#untold.add(topic);
    queueMicrotask(() => this.#turn());
  }

  #turn() {
    if (this.closed) return;
    const wanted = this.#wanted();
    for (const open of this.#reading.keys()) if (!wanted.includes(open)) this.#stop(open);
    for (const topic of wanted) if (!this.#reading.has(topic)) this.#begin(topic);
    for (const topic of this.#untold) if (!wanted.includes(topic)) this.#tellOnce(topic);
    this.#untold.clear();
  }

  leave() {
    for (const topic of this.#reading.keys()) this.#stop(topic);
  }

  /** @returns {string[]} */
  #wanted() {
    const jobs = [...this.topics.keys()].filter((topic) => topic !== 'jobs');
    const feed = this.topics.has('jobs') || jobs.length !== 1;
    return [...(feed ? ['jobs'] : []), ...jobs.slice(-1)];
  }

  /** @param {string} topic */
  #begin(topic) {
    const reading = new AbortController();
    this.#reading.set(topic, reading);
    const lose = () => !reading.signal.aborted && this.sink.closed({});
    this.#read(topic, reading.signal).then((told) => told || lose(), lose);
  }

  /** @param {string} topic */
  #stop(topic) {
    this.#reading.get(topic)?.abort();
    this.#reading.delete(topic);
  }

  /** @param {string} topic @param {AbortSignal} signal @returns {Promise<boolean>} there is no such job, and it was told */
  async #read(topic, signal) {
    const answer = await this.source.stream(topic, signal);
    if (answer.status === 404 && topic !== 'jobs') return this.#tellMissing(topic);
    if (!answer.ok || !answer.body) return false;
    const parser = new EventParser((event, data) => this.#hear(event, data));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return false;
      this.enter(timeOf(answer));
      this.sink.alive();
      parser.push(value);
    }
  }

  /** @param {string} topic @returns {true} */
  #tellMissing(topic) {
    this.enter();
    this.sink.message({ type: 'error', code: 'not_found', topic });
    return true;
  }

  /** @param {string} event @param {string} data */
  #hear(event, data) {
    const message = parse(data, event);
    if (message) this.sink.message(message);
  }

  /** The feed's stream tells what becomes of it. @param {string} topic */
  async #tellOnce(topic) {
    const messages = await this.source.poll(topic, this.topics.get(topic)).catch(() => []);
    if (this.topics.has(topic) && !this.closed) for (const message of messages) this.sink.message(message);
  }
}

/** Asks again and again; live enough when nothing else gets through. */
class PollingTransport extends RequestTransport {
  #round = 0;
  #asked = 0;

  /** @param {Sink} sink @param {Source} source @param {import('./socket.js').Wish} wish @param {Clock} clock */
  constructor(sink, source, wish, clock) {
    super(sink, source, wish);
    const pause = () => (this.visible ? POLL_MS : POLL_HIDDEN_MS);
    this.asking = new Repeat(() => this.#ask(), pause, clock);
    this.asking.start();
  }

  /** @param {string} topic @param {boolean} again */
  turn(topic, again) {
    if (this.topics.has(topic) && (again || this.#round > 0)) this.asking.start();
  }

  leave() {
    this.asking.stop();
  }

  /** Who comes back is told at once. @param {any} message */
  send(message) {
    const returns = message.type === 'visible' && message.value && !this.visible;
    super.send(message);
    if (returns) this.asking.start();
  }

  async #ask() {
    const topics = [...this.topics.keys()];
    this.#asked += 1;
    const asked = this.#asked;
    try {
      const answers = await Promise.all(topics.map((topic) => this.source.poll(topic, this.topics.get(topic))));
      if (this.closed || asked !== this.#asked) return; // another question was asked meanwhile
      this.#hearTime(this.source.answered_at ?? null);
      this.#round += 1;
      topics.forEach((topic, index) => this.topics.has(topic) && this.#pass(topic, answers[index]));
    } catch {
      if (!this.closed && asked === this.#asked) this.sink.closed({});
    }
  }

  /** No answer's body tells the time. @param {number|null} at */
  #hearTime(at) {
    this.enter(at);
    if (at) this.sink.message({ type: 'beat', at });
  }

  /** Between two polls the hub may have been restarted. @param {string} topic @param {Message[]} messages */
  #pass(topic, messages) {
    this.subscribed(topic);
    for (const message of messages) {
      if (message.type === 'log') this.#keep(topic, message.entries);
      this.sink.message(message.type === 'snapshot' ? { ...message, epoch: `poll-${this.#round}` } : message);
    }
  }

  /** @param {string} topic @param {import('./wire.js').LogEntry[]} entries  that need not be asked for again */
  #keep(topic, entries) {
    const log = entries.at(-1)?.n;
    if (log) this.topics.set(topic, { ...this.topics.get(topic), log });
  }
}

/** Calls at once and then a while after each call has ended, never twice at a time. */
class Repeat {
  /** @type {any} */
  #timer = null;
  #round = 0;

  /** @param {() => Promise<void>} call @param {() => number} pause_ms @param {Clock} clock */
  constructor(call, pause_ms, clock) {
    this.call = call;
    this.pause_ms = pause_ms;
    this.clock = clock;
  }

  start() {
    this.stop();
    this.#go(this.#round);
  }

  stop() {
    this.#round += 1;
    this.clock.clearTimeout(this.#timer);
  }

  /** @param {number} round */
  async #go(round) {
    await this.call();
    if (round === this.#round) this.#timer = this.clock.setTimeout(() => this.#go(round), this.pause_ms());
  }
}

/** @param {{source: Source}} given @returns {Rung} */
export const streamRung = ({ source }) => ({
  name: 'stream',
  open: (sink, wish) => new StreamTransport(sink, source, wish),
});

/** @param {{source: Source, clock: Clock}} given @returns {Rung} */
export const pollingRung = ({ source, clock }) => ({
  name: 'polling',
  open: (sink, wish) => new PollingTransport(sink, source, wish, clock),
});
