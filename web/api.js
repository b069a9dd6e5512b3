/** What the page asks the hub by request. Nothing is queued: what could not be sent is said at once. */
import { timeOf } from './answers.js';

const PATIENCE_MS = 10_000;
const PAGE_JOBS = 100;
const LOG_AT_ONCE = 1_000; // all that the hub keeps
const FEED_PAGES = 20; // of polling: more than two thousand active jobs are not polled for
const ACTIVE = ['queued', 'running', 'paused', 'cancelling', 'lost'];
export const ENDED = ['succeeded', 'failed', 'cancelled'];

/** The hub said no. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {{detail?: string, title?: string, type?: string, errors?: {field: string, message: string}[]}} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.title || `The hub answered ${status}.`);
    this.status = status;
    this.code = (problem.type ?? '').split(/[/:#]/).at(-1) ?? '';
    this.errors = problem.errors ?? [];
  }
}

/** The hub could not be reached: nothing was sent. */
export class Unreachable extends Error {}

/** The request was sent, and no answer came: nobody knows. */
export class Unanswered extends Error {}

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {import('./wire.js').Message} Message
 * @typedef {{force?: boolean, reason?: string}} Control
 */

/** Requests to one hub. */
export class Api {
  /** @type {number|null} the hub's time of the last answer */
  answered_at = null;

  /**
   * @param {typeof globalThis.fetch} fetch  given, so that tests need no network
   * @param {{origin?: string, token?: string|null}} [hub]  where it is, and what lets us in
   */
  constructor(fetch, { origin = '', token = null } = {}) {
    this.fetch = fetch;
    this.origin = origin;
    /** @type {Record<string, string>} */
    this.headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  /** @param {string} path @param {object} [body]  sent as JSON by POST @returns {Promise<any>} */
  async #ask(path, body) {
    const answer = await this.#send(path, body);
    this.answered_at = timeOf(answer);
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(answer.status, content);
    return content;
  }

  /** @param {string} path @param {object} [body] @returns {Promise<Response>} */
  async #send(path, body) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const { headers } = this;
    const json = { ...headers, 'content-type': 'application/json' };
    const post = { method: 'POST', headers: json, body: JSON.stringify(body) };
    try {
      return await this.fetch(this.origin + path, { signal, headers, ...(body && post) });
    } catch {
      throw signal.aborted
        ? new Unanswered('The hub did not answer.')
        : new Unreachable('The hub could not be reached.');
    }
  }

  /** @returns {Promise<import('./wire.js').Kind[]>} */
  async kinds() {
    return (await this.#ask('/api/kinds')).kinds;
  }

  /** @param {string} kind @returns {Promise<import('./wire.js').History>} */
  async history(kind) {
    const history = await this.#ask(`/api/kinds/${encodeURIComponent(kind)}/history`);
    return { ...history, runs: history.runs ?? [] };
  }

  /** @returns {Promise<import('./wire.js').Summary>} */
  summary() {
    return this.#ask('/api/summary');
  }

  /** @param {string} id @returns {Promise<Job>} */
  job(id) {
    return this.#ask(`/api/jobs/${encodeURIComponent(id)}`);
  }

  /**
   * @param {{status?: string[], q?: string, parent?: string|null, after?: string|null}} query  `parent`: whose jobs;
   *   '' for those that nobody started, `null` for all
   * @returns {Promise<{jobs: Job[], next: string|null}>}
   */
  jobs({ status = [], q = '', parent = null, after = null }) {
    const query = new URLSearchParams(status.map((name) => ['status', name]));
    query.set('limit', String(PAGE_JOBS));
    if (q) query.set('q', q);
    if (parent !== null) query.set('parent', parent);
    if (after) query.set('after', after);
    return this.#ask(`/api/jobs?${query}`);
  }

  /** @param {string} id @param {Record<string, number>} query  `after`, `before`, `limit` */
  log(id, query) {
    const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    return this.#ask(`/api/jobs/${encodeURIComponent(id)}/log?${text}`);
  }

  /** @param {string} id @returns {Promise<import('./wire.js').Sample[]>} by time */
  async samples(id) {
    return (await this.#ask(`/api/jobs/${encodeURIComponent(id)}/samples`)).samples ?? [];
  }

  /** @param {string} id @param {number} attempt @returns {Promise<string>} */
  async traceback(id, attempt) {
    const answer = await this.#ask(`/api/jobs/${encodeURIComponent(id)}/traceback?attempt=${attempt}`);
    return answer.traceback ?? '';
  }

  /** @param {string} id @returns {Promise<import('./wire.js').Stack>} where the work is at this moment */
  stack(id) {
    return this.#ask(`/api/jobs/${encodeURIComponent(id)}/stack`);
  }

  /** @param {{kind: string, params: object, key?: string, title?: string, tags?: Record<string, string>, priority?: unknown}} order @returns {Promise<Job>} */
  start(order) {
    return this.#ask('/api/jobs', order);
  }

  /**
   * @param {'cancel'|'retry'|'pause'|'resume'} verb
   * @param {string} id
   * @param {Control} [control]
   * @returns {Promise<Job>}
   */
  control(verb, id, control = {}) {
    return this.#ask(`/api/jobs/${encodeURIComponent(id)}/${verb}`, control);
  }

  /** Why was the socket refused? @returns {Promise<import('./socket.js').Probed>} */
  async probe() {
    const answer = await this.#send('/api/summary').catch(() => null);
    if (answer?.status === 401) return 'unauthenticated';
    if (answer?.status === 403) return 'forbidden';
    return answer?.ok ? 'ok' : 'unreachable';
  }

  /** @param {string} topic  `jobs` or `job:ID` @param {AbortSignal} signal  ends it @returns {Promise<Response>} */
  stream(topic, signal) {
    const path = topic === 'jobs' ? '/api/stream' : `/api/jobs/${encodeURIComponent(topic.slice(4))}/stream`;
    return this.fetch(this.origin + path, { signal, headers: { ...this.headers, accept: 'text/event-stream' } });
  }

  /**
   * A topic's present state as the socket's messages.
   * @param {string} topic
   * @param {{log?: number}|null} since
   * @returns {Promise<Message[]>}
   */
  poll(topic, since) {
    return topic === 'jobs' ? this.#pollFeed() : this.#pollJob(topic, since?.log ?? 0);
  }

  /** @returns {Promise<Message[]>} */
  async #pollFeed() {
    const [summary, active, ended] = await Promise.all([
      this.summary(),
      this.#allActive(),
      this.jobs({ status: ENDED, parent: '' }),
    ]);
    return [
      { ...summary, type: 'summary' },
      { type: 'snapshot', jobs: [...active, ...ended.jobs].map(asOnFeed), end: true },
    ];
  }

  /** @returns {Promise<Job[]>} */
  async #allActive() {
    /** @type {Job[]} */
    const jobs = [];
    /** @type {string|null} */
    let after = null;
    for (let page = 0; page < FEED_PAGES; page += 1) {
      const answer = await this.jobs({ status: ACTIVE, after });
      jobs.push(...answer.jobs);
      after = answer.next;
      if (!after) break;
    }
    return jobs;
  }

  /** @param {string} topic @param {number} after @returns {Promise<Message[]>} */
  async #pollJob(topic, after) {
    const id = topic.slice(4);
    try {
      const [job, log] = await Promise.all([this.job(id), this.log(id, { after, limit: LOG_AT_ONCE })]);
      return [
        { type: 'snapshot', jobs: [job] },
        { type: 'log', job: id, entries: log.entries },
      ];
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return [{ type: 'error', code: 'not_found', topic }];
      throw error;
    }
  }
}

/** The feed's form of a job, whichever the hub sent. @param {Job} job @returns {Job} */
function asOnFeed(job) {
  const { params, result, attempts, ...feed } = job;
  return feed;
}
