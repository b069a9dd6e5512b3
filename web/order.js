/** Which jobs a list shows, and in which order. Pure, but for the places that it remembers. */
import { ended, stateOf } from './states.js';

const RECENT_MS = 86_400_000;

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {{tab: 'active'|'finished'|'all', status: string, q: string}} Wish  from the address
 */

/** @param {URLSearchParams} query @returns {Wish} */
export function wishOf(query) {
  const tab = query.get('tab');
  return {
    tab: tab === 'finished' || tab === 'all' ? tab : 'active',
    status: query.get('status') ?? '',
    q: query.get('q') ?? '',
  };
}

/** @param {Wish} wish @returns {string} the address of it */
export function addressOf(wish) {
  const query = new URLSearchParams();
  if (wish.tab !== 'active') query.set('tab', wish.tab);
  if (wish.status) query.set('status', wish.status);
  if (wish.q) query.set('q', wish.q);
  const text = query.toString();
  return text ? `/?${text}` : '/';
}

/** @param {SeenJob} job @param {string} q @returns {boolean} title, kind or tag has it */
export function matches(job, q) {
  const wanted = q.trim().toLocaleLowerCase();
  const tags = Object.entries(job.tags ?? {}).flatMap(([name, value]) => [name, value, `${name}:${value}`]);
  return [job.title, job.kind, ...tags].some((text) => text.toLocaleLowerCase().includes(wanted));
}

/** @param {SeenJob} job @param {string} status @returns {boolean} */
export function hasStatus(job, status) {
  if (!status) return true;
  if (status === 'stalled') return stateOf(job) === 'stalled';
  if (status === 'stuck') return ['stalled', 'lost'].includes(stateOf(job));
  if (status === 'running') return ['running', 'cancelling'].includes(job.status);
  return job.status === status;
}

/**
 * Newest start first, queued last by position. A row that has its place keeps it, whatever becomes
 * of its job: only a first start moves it.
 */
export class Places {
  /** @type {Map<string, number>} */
  #started = new Map();

  /** @param {SeenJob} job @returns {number|null} when its row got its place; `null` while it has never run */
  #place(job) {
    const known = this.#started.get(job.id);
    if (known !== undefined) return known;
    if (job.status === 'queued' && job.attempt === 1) return null;
    const at = job.started_at ?? job.created_at;
    this.#started.set(job.id, at);
    return at;
  }

  /** @param {SeenJob[]} jobs @returns {SeenJob[]} */
  sort(jobs) {
    const placed = jobs.map((job) => ({ job, at: this.#place(job) }));
    return placed.sort((a, b) => this.#compare(a, b)).map(({ job }) => job);
  }

  /** @param {{job: SeenJob, at: number|null}} a @param {{job: SeenJob, at: number|null}} b */
  #compare(a, b) {
    if (a.at === null && b.at === null) return queueOrder(a.job, b.job);
    if (a.at === null || b.at === null) return a.at === null ? 1 : -1;
    return b.at - a.at || (a.job.id < b.job.id ? 1 : -1);
  }

  /** @param {(id: string) => boolean} isKnown  forgets the rest */
  keep(isKnown) {
    for (const id of this.#started.keys()) if (!isKnown(id)) this.#started.delete(id);
  }
}

/** @param {SeenJob} a @param {SeenJob} b */
const queueOrder = (a, b) =>
  (a.queue_position ?? Infinity) - (b.queue_position ?? Infinity) ||
  a.created_at - b.created_at ||
  (a.id < b.id ? -1 : 1);

/** Last ended first; before them what goes on, and is there for a job under it. @param {SeenJob[]} jobs */
export const byEnd = (jobs) =>
  [...jobs].sort((a, b) => (b.finished_at ?? Infinity) - (a.finished_at ?? Infinity) || (a.id < b.id ? 1 : -1));

/** @param {SeenJob} job @param {number} now @returns {boolean} ended within a day */
export const isRecent = (job, now) => ended(job) && now - (job.finished_at ?? 0) < RECENT_MS;
