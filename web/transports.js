/**
 * The three ways to hear the hub: a WebSocket, Server-Sent Events, polling. Each has the same face
 * and speaks the socket's messages, so that nobody above can tell them apart.
 */
import { EventParser } from './events.js';

const POLL_MS = 5_000;
const SUBPROTOCOL = 'barcast.v1.json';

/**
 * @typedef {import('./socket.js').Rung} Rung
 * @typedef {import('./socket.js').Sink} Sink
 * @typedef {import('./socket.js').Transport} Transport
 * @typedef {import('./socket.js').Clock} Clock
 * @typedef {import('./wire.js').Message} Message
 * @typedef {{streamUrl: (topic: string) => string, poll: (topic: string, since: any) => Promise<Message[]>}} Source
 */

/** @param {unknown} data @param {string} [type]  where the message itself names none @returns {Message|null} */
function parse(data, type) {
  try {
    const message = { ...(type && { type }), ...JSON.parse(String(data)) };
    return typeof message.type === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** The WebSocket of `protocol` version 1, in JSON. @implements {Transport} */
class SocketTransport {
  #requests = 0;
  /** @type {Map<number, string>} */
  #asked = new Map();

  /** @param {WebSocket} socket @param {Sink} sink @param {boolean} visible */
  constructor(socket, sink, visible) {
    this.socket = socket;
    this.sink = sink;
    socket.onopen = () => this.send({ type: 'hello', client: 'page', visible });
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => sink.closed({ code: event.code });
  }

  /** @param {string} topic @param {object|null} since */
  follow(topic, since) {
    this.#requests += 1;
    this.#asked.set(this.#requests, topic);
    this.send({ type: 'subscribe', id: this.#requests, topic, ...(since && { since }) });
  }

  /** @param {string} topic */
  unfollow(topic) {
    this.#requests += 1;
    this.send({ type: 'unsubscribe', id: this.#requests, topic });
  }

  /** @param {object} message */
  send(message) {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  close() {
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  /** @param {unknown} data */
  #hear(data) {
    const message = parse(data);
    if (!message) return this.sink.alive();
    const topic = message.topic ?? this.#asked.get(message.id);
    if (message.type === 'subscribed' || message.type === 'error') this.#asked.delete(message.id);
    this.sink.message(topic ? { ...message, topic } : message);
  }
}

/** What serves one topic at a time, the newest, because it costs a request each. @implements {Transport} */
class OneTopicTransport {
  static #opened = 0;
  /** @type {Map<string, any>} */
  #topics = new Map();
  #entered = false;
  closed = false;

  /** @param {Sink} sink @param {string|null} topic */
  constructor(sink, topic) {
    this.sink = sink;
    this.topic = topic;
  }

  /** @param {string} topic @param {object|null} since */
  follow(topic, since) {
    const again = this.#topics.has(topic);
    this.#topics.set(topic, since);
    if (again || topic !== this.topic) this.#turnTo(topic);
    else this.subscribed();
  }

  /** @param {string} topic */
  unfollow(topic) {
    this.#topics.delete(topic);
    const newest = [...this.#topics.keys()].at(-1);
    if (topic === this.topic && newest) this.#turnTo(newest);
  }

  send() {}

  close() {
    this.closed = true;
    this.leave();
  }

  /** @param {string} topic */
  #turnTo(topic) {
    this.leave();
    this.topic = topic;
    this.subscribed();
    this.begin();
  }

  /** The first sign of life: `seq` of one such connection does not compare with another's. @param {number} [at] */
  enter(at) {
    if (this.#entered) return;
    this.#entered = true;
    OneTopicTransport.#opened += 1;
    this.sink.message({ type: 'welcome', epoch: `page-${OneTopicTransport.#opened}`, ...(at && { at }) });
  }

  subscribed() {
    for (const topic of this.#topics.keys())
      this.sink.message({ type: 'subscribed', topic, recovered: false, log_gap: null });
  }

  /** @returns {any} */
  since() {
    return this.#topics.get(this.topic ?? '') ?? null;
  }

  /** @param {import('./wire.js').LogEntry[]} entries  that need not be asked for again */
  keep(entries) {
    if (entries.length) this.#topics.set(this.topic ?? '', { ...this.since(), log: entries[entries.length - 1].n });
  }

  begin() {}

  leave() {}
}

/** Server-Sent Events, read with `fetch` because comments count as signs of life. */
class StreamTransport extends OneTopicTransport {
  /** @type {AbortController|null} */
  #reading = null;

  /** @param {Sink} sink @param {string|null} topic @param {Source} source @param {typeof globalThis.fetch} fetch */
  constructor(sink, topic, source, fetch) {
    super(sink, topic);
    this.source = source;
    this.fetch = fetch;
    this.begin();
  }

  begin() {
    const reading = new AbortController();
    this.#reading = reading;
    this.#read(this.topic ?? 'jobs', reading.signal).then(
      () => !reading.signal.aborted && this.sink.closed({}),
      () => !reading.signal.aborted && this.sink.closed({}),
    );
  }

  leave() {
    this.#reading?.abort();
  }

  /** @param {string} topic @param {AbortSignal} signal */
  async #read(topic, signal) {
    const answer = await this.fetch(this.source.streamUrl(topic), { signal, headers: { accept: 'text/event-stream' } });
    if (!answer.ok || !answer.body) return;
    const parser = new EventParser((event, data) => this.#hear(event, data));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.enter(Date.parse(answer.headers.get('date') ?? '') || undefined);
      this.sink.alive();
      parser.push(value);
    }
  }

  /** @param {string} event @param {string} data */
  #hear(event, data) {
    const message = parse(data, event);
    if (message) this.sink.message(message);
  }
}

/** Asks again and again; live enough when nothing else gets through. */
class PollingTransport extends OneTopicTransport {
  #round = 0;

  /** @param {Sink} sink @param {string|null} topic @param {Source} source @param {Clock} clock */
  constructor(sink, topic, source, clock) {
    super(sink, topic);
    this.source = source;
    this.asking = new Repeat(() => this.#ask(), clock);
    this.begin();
  }

  begin() {
    this.asking.start();
  }

  leave() {
    this.asking.stop();
  }

  async #ask() {
    const topic = this.topic ?? 'jobs';
    try {
      const messages = await this.source.poll(topic, this.since());
      if (this.closed || topic !== (this.topic ?? 'jobs')) return;
      this.enter();
      this.subscribed();
      this.#round += 1;
      for (const message of messages) this.#pass(message);
    } catch {
      if (!this.closed) this.sink.closed({});
    }
  }

  /** Between two polls the hub may have been restarted: `seq` compares only inside one. @param {Message} message */
  #pass(message) {
    if (message.type === 'log') this.keep(message.entries);
    this.sink.message(message.type === 'snapshot' ? { ...message, epoch: `poll-${this.#round}` } : message);
  }
}

/** Calls at once and then a while after each call has ended, never twice at a time. */
class Repeat {
  /** @type {any} */
  #timer = null;
  #round = 0;

  /** @param {() => Promise<void>} call @param {Clock} clock */
  constructor(call, clock) {
    this.call = call;
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
    if (round === this.#round) this.#timer = this.clock.setTimeout(() => this.#go(round), POLL_MS);
  }
}

/** @param {{url: string, WebSocket: typeof globalThis.WebSocket}} given @returns {Rung} */
export const socketRung = ({ url, WebSocket }) => ({
  name: 'socket',
  open: (sink, { visible }) => new SocketTransport(new WebSocket(url, SUBPROTOCOL), sink, visible),
});

/** @param {{source: Source, fetch: typeof globalThis.fetch}} given @returns {Rung} */
export const streamRung = ({ source, fetch }) => ({
  name: 'stream',
  open: (sink, { topic }) => new StreamTransport(sink, topic, source, fetch),
});

/** @param {{source: Source, clock: Clock}} given @returns {Rung} */
export const pollingRung = ({ source, clock }) => ({
  name: 'polling',
  open: (sink, { topic }) => new PollingTransport(sink, topic, source, clock),
});
