/**
 * Barcast's client: follow jobs live, and start, cancel or retry them, from a page of your own.
 *
 * ```js
 * import { connect } from 'http://127.0.0.1:8600/barcast.js';
 *
 * const watch = connect().job('01K…');
 * watch.addEventListener('change', ({ detail: job }) => console.log(job.status, job.fraction));
 * ```
 *
 * Times (`…_at`) are milliseconds since 1970 UTC on the hub's clock, durations (`…_s`) seconds, unknown is `null`.
 */
import { Api, Refused, Unanswered, Unreachable } from './api.js';
import { keepUp, tabs } from './browser.js';
import { clock } from './clock.js';
import { SharedConnection } from './shared.js';
import { Connection } from './socket.js';
import { since } from './state.js';
import { Store } from './store.js';
import { TypedTarget } from './target.js';
import { concerning, jobOf } from './topics.js';
import { pollingRung, streamRung } from './requests.js';
import { FeedWatch, JobWatch } from './watch.js';
import { socketRung } from './websocket.js';

export { FeedWatch, JobWatch, Refused, Unanswered, Unreachable };

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {import('./wire.js').Message} Message
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./state.js').State} State
 * @typedef {import('./api.js').Control} Control
 * @typedef {JobWatch|FeedWatch} Watch
 *
 * @typedef {object} HubEvents
 * @property {{before: State, state: State}} change  something is known that was not
 * @property {{before: Link, link: Link}} link  the connection's state
 *
 * @typedef {object} Start  how a job is started
 * @property {string} [title]
 * @property {Record<string, string>} [tags]
 * @property {string} [key]  of idempotency: the same key starts one job only
 * @property {number} [priority]
 */

/**
 * One hub, followed over one connection. Made by `connect`. Events: `change`, `link`.
 * @extends {TypedTarget<HubEvents>}
 */
export class Hub extends TypedTarget {
  /** @type {Set<Watch>} */
  #watches = new Set();
  /** @type {string[]} topics that were left, the last one first */
  #left = [];
  #close;

  /**
   * @param {object} given
   * @param {Api} given.api
   * @param {Store} given.store
   * @param {Connection|SharedConnection} given.connection
   * @param {() => void} [given.close]  what else ends with it
   */
  constructor({ api, store, connection, close = () => {} }) {
    super();
    this.api = api;
    this.store = store;
    this.connection = connection;
    this.#close = close;
    connection.addEventListener('message', (event) => this.#hear(/** @type {CustomEvent} */ (event).detail));
    connection.addEventListener('state', (event) =>
      this.tell('link', { before: /** @type {CustomEvent} */ (event).detail, link: this.link }),
    );
    store.addEventListener('change', (event) => this.#changed(/** @type {CustomEvent} */ (event).detail));
  }

  /** @returns {Link} the connection's state: `name` is `live` while what is shown is what there is */
  get link() {
    return this.connection.state;
  }

  /** @returns {State} all that is known, at any time */
  get state() {
    return this.store.state;
  }

  /** @returns {number} milliseconds on the hub's clock, whatever this machine's says */
  now() {
    return this.store.now();
  }

  /** @returns {boolean} something of it is followed */
  get followed() {
    return this.#watches.size > 0;
  }

  /** Follow one job and its log. @param {string} id */
  job(id) {
    const watch = new JobWatch(this, id);
    const known = this.#follows(watch.topic);
    if (known) queueMicrotask(() => this.#watches.has(watch) && watch.join());
    return this.#follow(watch);
  }

  /** Follow all jobs, without their logs. */
  feed() {
    return this.#follow(new FeedWatch(this));
  }

  /**
   * Start a job of a registered kind.
   * @param {string} kind
   * @param {Record<string, unknown>} [params]
   * @param {Start} [how]
   * @returns {Promise<Job>}
   * @throws {Refused} `errors` names the fields @throws {Unreachable} nothing was sent @throws {Unanswered} nobody knows
   */
  start(kind, params = {}, how = {}) {
    return this.api.start({ kind, params, ...how });
  }

  /**
   * Ask for a cancel. What comes back is the job with the request stored, not its end.
   * @param {string} id
   * @param {Control} [control]  `force`: do not wait for the grace time
   * @throws {Refused} @throws {Unreachable} nothing was sent, and nothing will be @throws {Unanswered} nobody knows
   */
  cancel(id, control = {}) {
    return this.#control('cancel', id, control);
  }

  /** @param {string} id  of a job that failed or was cancelled, or waits for its next attempt */
  retry(id) {
    return this.#control('retry', id);
  }

  /** @param {string} id */
  pause(id) {
    return this.#control('pause', id);
  }

  /** @param {string} id */
  resume(id) {
    return this.#control('resume', id);
  }

  /** Ends the connection; nothing is followed any more. */
  close() {
    this.#watches.clear();
    this.#close();
    this.connection.stop('closed');
  }

  /** @param {Watch} watch */
  leave(watch) {
    if (!this.#watches.delete(watch) || this.#follows(watch.topic)) return;
    this.connection.unfollow(watch.topic);
    this.#left = [watch.topic, ...this.#left.filter((topic) => topic !== watch.topic)].slice(0, LATELY);
    this.store.take({ type: 'left', job: jobOf(watch.topic), kept: this.#kept });
  }

  /** @returns {(string|null)[]|null} whose state is kept; `null`: the feed says */
  get #kept() {
    if (this.#follows('jobs')) return null;
    return [...[...this.#watches].map(({ topic }) => topic), ...this.#left].map(jobOf);
  }

  /** @template {Watch} W @param {W} watch @returns {W} */
  #follow(watch) {
    const id = jobOf(watch.topic);
    if (!this.#follows(watch.topic))
      this.connection.follow(watch.topic, () => (id === null ? null : since(this.state, id)));
    this.#watches.add(watch);
    this.connection.start();
    return watch;
  }

  /** @param {string} topic */
  #follows = (topic) => [...this.#watches].some((watch) => watch.topic === topic);

  /** @param {'cancel'|'retry'|'pause'|'resume'} verb @param {string} id @param {Control} [control] @returns {Promise<Job>} */
  async #control(verb, id, control) {
    const job = await this.api.control(verb, id, control);
    this.store.take({ type: 'snapshot', jobs: [job] });
    return job;
  }

  /** @param {Message} message */
  #hear(message) {
    const ours = concerning(message, this.#follows);
    if (!ours) return;
    this.store.take(ours);
    for (const id of this.state.holes) this.#mend(id);
  }

  /** Something of a job was skipped: its present state is asked for. @param {string} id */
  #mend(id) {
    const onFeed = this.state.feed.has(id) || !this.#follows(`job:${id}`);
    this.connection.refresh(onFeed && this.#follows('jobs') ? 'jobs' : `job:${id}`);
  }

  /** @param {State} before */
  #changed(before) {
    const { state } = this;
    this.tell('change', { before, state });
    for (const watch of [...this.#watches]) watch.compare(before, state);
  }
}

const LATELY = 20; // jobs that are remembered though nobody follows them any more: a page may come back to one

/** @type {Map<string, Hub>} one of each hub on a page */
const hubs = new Map();

/**
 * The hub at an address. Asked twice it is the same one: all that watches on a page shares one connection, and all tabs
 * of a browser do where it can (not with a token, and not on a page that is not served safely).
 * @param {string} [url]  the hub's address; without it, where this module was loaded from
 * @param {{token?: string|null}} [how]  `token`: what lets this page in, where the hub asks for one
 * @returns {Hub}
 */
export function connect(url = new URL(import.meta.url).origin, { token = null } = {}) {
  const { origin } = new URL(url);
  const name = `barcast ${origin} ${token ?? ''}`;
  const known = hubs.get(name);
  if (known) return known;
  const hub = made(origin, token, () => hubs.delete(name));
  hubs.set(name, hub);
  return hub;
}

/** @param {string} origin @param {string|null} token @param {() => void} forget @returns {Hub} */
function made(origin, token, forget) {
  const fetch = globalThis.fetch.bind(globalThis);
  const api = new Api(fetch, { origin, token });
  const host = token ? null : tabs(clock);
  const link = () =>
    new Connection({ ladder: ladder(api, origin, token), probe: () => api.probe(), clock, random: Math.random });
  const connection = host ? new SharedConnection({ name: `barcast ${origin}`, connect: link, host }) : link();
  const stop = keepUp(connection, () => hub.followed);
  const hub = new Hub({ api, store: new Store(clock.now), connection, close: () => [stop(), forget()] });
  return hub;
}

/** @param {Api} api @param {string} origin @param {string|null} token */
const ladder = (api, origin, token) => [
  socketRung({ url: `${origin.replace(/^http/, 'ws')}/ws`, WebSocket, token }),
  streamRung({ source: api }),
  pollingRung({ source: api, clock }),
];
