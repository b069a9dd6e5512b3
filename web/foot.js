/** What is said below the start form: how long it usually takes, and when it would start. Pure. */
import { usually } from './eta.js';
import { startsIn } from './phrases.js';
import { plural, sentence } from './words.js';

/**
 * @typedef {import('./state.js').State} State
 * @typedef {import('./wire.js').Kind} Kind
 */

/**
 * Those that start before a job which is started now. While slots are free, who waits does so because its own kind is
 * full, and stands in nobody else's way.
 * @param {State} state
 * @param {Kind} kind
 * @returns {import('./state.js').SeenJob[]}
 */
function ahead(state, kind) {
  const free = (state.summary?.slots_free ?? 0) > 0;
  return [...state.feed]
    .flatMap((id) => state.jobs.get(id) ?? [])
    .filter((job) => job.status === 'queued' && job.retry_at === null)
    .filter((job) => (job.priority ?? 0) >= (kind.priority ?? 0) && (!free || job.kind === kind.kind));
}

/** @param {State} state @param {Kind} kind @returns {string} `2 jobs ahead, the last starts in about 4 min.` */
function queue(state, kind) {
  const jobs = ahead(state, kind);
  if (!jobs.length) return state.summary?.slots_free ? 'A worker is free.' : '';
  const last_s = Math.max(...jobs.map((job) => job.starts_in_s ?? NaN));
  const starts = Number.isNaN(last_s) ? '' : `, ${jobs.length === 1 ? 'it' : 'the last'} ${startsIn(last_s)}`;
  return `${plural(jobs.length, 'job')} ahead${starts}.`;
}

/** @param {State} state @param {Kind} kind @returns {string} `Usually 6–8 min. A worker is free.` */
export function foot(state, kind) {
  const usual = usually(kind.typical);
  return [usual && `${sentence(usual)}.`, queue(state, kind)].filter(Boolean).join(' ');
}
