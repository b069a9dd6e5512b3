/** Jobs and the jobs that they started: whose row stands under whose, and which of many. Pure. */
import { ended, stateOf } from './states.js';
import { number } from './words.js';

const DEEPEST = 16; // the hub allows five; a broken chain must not hang the page
const DONE_SHOWN_MS = 5_000; // an end is seen before its row is folded away
const HELD_MOST = 100; // rows that stay beyond their time because somebody points at the list

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {{job: SeenJob, depth: number, open: boolean|null}} Row  `open`: `null` where there is nothing to open
 * @typedef {{of: SeenJob, depth: number, hidden: number}} Rest  how many rows are not shown of its jobs
 * @typedef {object} Look  what is to be seen
 * @property {Set<string>|null} visible  ids that a filter lets through; `null` for all
 * @property {(id: string) => boolean|undefined} isOpen  as somebody wants it
 * @property {(id: string) => number} most  rows under a job at a time
 * @property {(id: string) => boolean} isHeld  the row is there, and must not leave while somebody points at it
 * @property {number} now  milliseconds, the hub's clock
 */

/** Who started whom, among the jobs that are known. */
export class Family {
  /** @type {Map<string, SeenJob[]>} */
  #children = new Map();

  /** @param {Map<string, SeenJob>} jobs */
  constructor(jobs) {
    this.jobs = jobs;
    for (const job of jobs.values()) {
      if (!job.parent) continue;
      const known = this.#children.get(job.parent);
      if (known) known.push(job);
      else this.#children.set(job.parent, [job]);
    }
  }

  /** @param {string} id @returns {SeenJob[]} in no order */
  childrenOf(id) {
    return this.#children.get(id) ?? [];
  }

  /** @param {SeenJob} job @returns {SeenJob[]} who started it, who started that, and so on */
  ancestors(job) {
    const found = [];
    for (let at = this.#parent(job); at && found.length < DEEPEST; at = this.#parent(at)) found.push(at);
    return found;
  }

  /** @param {SeenJob} job @returns {SeenJob} the job under which it stands in a list, or itself */
  rootOf(job) {
    return this.ancestors(job).at(-1) ?? job;
  }

  /** @param {SeenJob} job @returns {boolean} somebody started it who is not known here */
  isOrphan(job) {
    return Boolean(job.parent) && !this.jobs.has(job.parent ?? '');
  }

  /** Those with a row of their own. An ended orphan belongs to a row that is elsewhere. @returns {SeenJob[]} */
  roots() {
    return [...this.jobs.values()].filter((job) => !job.parent || (this.isOrphan(job) && !ended(job)));
  }

  /**
   * @param {SeenJob[]} found  what a filter finds
   * @returns {{roots: SeenJob[], visible: Set<string>}} with the rows that it stands under
   */
  around(found) {
    const visible = new Set(found.map((job) => job.id));
    const roots = new Set(found.map((job) => this.rootOf(job)));
    for (const job of found) for (const above of this.ancestors(job)) visible.add(above.id);
    return { roots: [...roots], visible };
  }

  /** @param {SeenJob} job */
  #parent(job) {
    return job.parent ? this.jobs.get(job.parent) : undefined;
  }
}

/** @type {WeakMap<Map<string, SeenJob>, Family>} */
const families = new WeakMap();

/** @param {Map<string, SeenJob>} jobs  never changed @returns {Family} made once for each map */
export function familyOf(jobs) {
  const family = families.get(jobs) ?? new Family(jobs);
  families.set(jobs, family);
  return family;
}

/** @param {SeenJob} a @param {SeenJob} b  as they were started */
const byBirth = (a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1);

/** What goes on comes first, then what failed, what waits, what is done. @param {SeenJob} job @param {number} now */
function rank(job, now) {
  if (ended(job) && now - (job.finished_at ?? 0) < DONE_SHOWN_MS) return 0;
  if (job.status === 'failed') return 1;
  if (ended(job)) return 3;
  return stateOf(job) === 'queued' ? 2 : 0;
}

/**
 * The most telling of many, in the order in which they were started: a row never passes another.
 * @param {SeenJob[]} children
 * @param {number} most
 * @param {Look} look
 * @returns {SeenJob[]}
 */
export function telling(children, most, look) {
  const all = [...children].sort(byBirth);
  if (all.length <= most) return all;
  const ranked = all.map((job) => ({ job, rank: rank(job, look.now) })).sort((a, b) => a.rank - b.rank);
  const wanted = ranked.slice(0, most).map(({ job }) => job);
  const held = all.filter((job) => look.isHeld(job.id)).slice(-HELD_MOST);
  return [...new Set([...wanted, ...held])].sort(byBirth);
}

/**
 * A row and, where it is open, those under it.
 * @param {SeenJob} job
 * @param {Family} family
 * @param {Look} look
 * @param {number} [depth]
 * @returns {(Row|Rest)[]}
 */
export function rowsOf(job, family, look, depth = 0) {
  const known = family.childrenOf(job.id);
  const found = look.visible ? known.filter((child) => look.visible?.has(child.id)) : [];
  const total = Math.max(job.children?.total ?? 0, known.length);
  const open = total > 0 && depth < DEEPEST ? (look.isOpen(job.id) ?? found.length > 0) : null;
  if (!open) return [{ job, depth, open }];
  return [
    { job, depth, open },
    ...under(job, found.length ? found : known, found.length || total, family, look, depth + 1),
  ];
}

/**
 * @param {SeenJob} job
 * @param {SeenJob[]} children
 * @param {number} total
 * @param {Family} family
 * @param {Look} look
 * @param {number} depth
 * @returns {(Row|Rest)[]}
 */
function under(job, children, total, family, look, depth) {
  const shown = telling(children, look.most(job.id), look);
  const rows = shown.flatMap((child) => rowsOf(child, family, look, depth));
  const hidden = total - shown.length;
  return hidden > 0 ? [...rows, { of: job, depth, hidden }] : rows;
}

/** `37 of 100 done, 2 failed`. @param {import('./wire.js').Children} children */
export const childrenText = ({ total, succeeded, failed, cancelled }) =>
  [
    `${number(succeeded)} of ${number(total)} done`,
    failed > 0 && `${number(failed)} failed`,
    cancelled > 0 && `${number(cancelled)} cancelled`,
  ]
    .filter(Boolean)
    .join(', ');

/** @param {SeenJob} job @returns {number} of the jobs that it started */
export const unfinished = ({ children }) =>
  children ? children.total - children.succeeded - children.failed - children.cancelled : 0;
