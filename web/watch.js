/** What is followed of a hub: one job with its log, or the feed of all jobs. */
import { ended } from './states.js';
import { TypedTarget } from './target.js';
import { topicOf } from './topics.js';

/**
 * @typedef {import('./state.js').State} State
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./wire.js').LogEntry} LogEntry
 * @typedef {import('./wire.js').Summary} Summary
 * @typedef {import('./barcast.js').Hub} Hub
 *
 * @typedef {object} JobEvents
 * @property {SeenJob} change  the job, as it is now
 * @property {LogEntry[]} log  entries that are new, in order
 * @property {SeenJob} end  it ended; said once, also when it had ended before
 * @property {string} gone  why it cannot be followed: `not_found`, `deleted` or `forbidden`
 *
 * @typedef {object} FeedEvents
 * @property {SeenJob[]} change  those that changed or are new
 * @property {string[]} leave  ids of those that the feed no longer holds
 * @property {Summary} summary
 */

/**
 * One job. Events: `change`, `log`, `end`, `gone`.
 * @extends {TypedTarget<JobEvents>}
 */
export class JobWatch extends TypedTarget {
  #ended = false;

  /** @param {Hub} hub @param {string} id */
  constructor(hub, id) {
    super();
    this.hub = hub;
    this.id = id;
    this.topic = topicOf(id);
  }

  /** @returns {SeenJob|null} as it is now; `null` until it is known */
  get job() {
    return this.hub.state.jobs.get(this.id) ?? null;
  }

  /** @returns {LogEntry[]} what is known of its log, in order */
  get entries() {
    return this.hub.state.stories.get(this.id)?.entries ?? [];
  }

  /** @returns {string|null} why it cannot be followed */
  get gone() {
    return this.hub.state.gone.get(this.id) ?? null;
  }

  /** Ask for a cancel. @param {import('./api.js').Control} [control] */
  cancel(control) {
    return this.hub.cancel(this.id, control);
  }

  retry() {
    return this.hub.retry(this.id);
  }

  pause() {
    return this.hub.pause(this.id);
  }

  resume() {
    return this.hub.resume(this.id);
  }

  /** It is no longer followed. */
  close() {
    this.hub.leave(this);
  }

  /** @param {State} before @param {State} state */
  compare(before, state) {
    const job = state.jobs.get(this.id);
    if (job && job !== before.jobs.get(this.id)) this.#changed(job);
    const [known, story] = [before, state].map(({ stories }) => stories.get(this.id)?.entries ?? []);
    if (story !== known) this.#grown(known, story);
    const reason = state.gone.get(this.id);
    if (reason && !before.gone.has(this.id)) this.tell('gone', reason);
  }

  /** Another watch follows it already: nothing need come that would tell its end. */
  join() {
    if (this.job) this.#learn(this.job);
  }

  /** @param {SeenJob} job */
  #changed(job) {
    this.tell('change', job);
    this.#learn(job);
  }

  /** @param {SeenJob} job */
  #learn(job) {
    const isNew = ended(job) && !this.#ended;
    this.#ended = ended(job);
    if (isNew) this.tell('end', job);
  }

  /** @param {LogEntry[]} known @param {LogEntry[]} story */
  #grown(known, story) {
    const seen = new Set(known);
    const news = story.filter((entry) => !seen.has(entry));
    if (news.length) this.tell('log', news);
  }
}

/**
 * The feed: every job that goes on, and the newest that ended. Events: `change`, `leave`, `summary`.
 * @extends {TypedTarget<FeedEvents>}
 */
export class FeedWatch extends TypedTarget {
  topic = 'jobs';

  /** @param {Hub} hub */
  constructor(hub) {
    super();
    this.hub = hub;
  }

  /** @returns {SeenJob[]} in no order */
  get jobs() {
    const { feed, jobs } = this.hub.state;
    return [...feed].flatMap((id) => jobs.get(id) ?? []);
  }

  /** @returns {Summary|null} */
  get summary() {
    return this.hub.state.summary;
  }

  /** It is no longer followed. */
  close() {
    this.hub.leave(this);
  }

  /** @param {State} before @param {State} state */
  compare(before, state) {
    if (state.jobs !== before.jobs) this.#changed(before, state);
    const left = state.feed === before.feed ? [] : [...before.feed].filter((id) => !state.feed.has(id));
    if (left.length) this.tell('leave', left);
    if (state.summary && state.summary !== before.summary) this.tell('summary', state.summary);
  }

  /** @param {State} before @param {State} state */
  #changed(before, state) {
    const changed = this.jobs.filter((job) => job !== before.jobs.get(job.id));
    if (changed.length && state.feed.size) this.tell('change', changed);
  }
}
