/** The geometry of a bar: which part of which phase is filled, striped or red. Pure. */
import { stateOf } from './states.js';
import { percentOf } from './words.js';

/**
 * @typedef {{from: number, to: number}} Span  percent of its segment
 * @typedef {{weight: number, filled: number, moving: boolean, again: Span|null, errors: Span|null}} Segment
 * @typedef {{look: ''|'warn'|'idle'|'undo'|'ok'|'none'|'any', segments: Segment[], lostWork: boolean,
 *   tick: number|null, percent: number|null}} Bar  `look` is the style's `data-b`
 * @typedef {import('./wire.js').Job} Job
 */

/** @type {Record<string, Bar['look']>} */
const LOOKS = {
  stalled: 'warn',
  paused: 'idle',
  lost: 'idle',
  waiting: 'idle',
  failed: 'idle',
  cancelled: 'idle',
  stopping: 'undo',
  done: 'ok',
  queued: 'none',
};

/** @param {Job} job @returns {number[]} each phase's share, as they usually take; equal while that is unknown */
export function weights(job) {
  const known = job.phases.map((phase) => phase.weight);
  if (known.length === 0) return [1];
  if (known.some((weight) => weight === null)) return known.map(() => 1 / known.length);
  const sum = known.reduce((total, weight) => (total ?? 0) + (weight ?? 0), 0) || 1;
  return known.map((weight) => (weight ?? 0) / sum);
}

/** @param {number} value @param {number} start @param {number} size @returns {number} percent of a segment */
const within = (value, start, size) => (size > 0 ? Math.min(100, Math.max(0, ((value - start) / size) * 100)) : 0);

/** @param {Job} job @returns {boolean} it goes on from its checkpoint, what came after is lost */
const goesBack = (job) => ['lost', 'waiting', 'failed'].includes(stateOf(job));

/** @param {Job} job @returns {number} where the solid part ends, 0 to 1 */
function solidEnd(job) {
  const fraction = job.fraction ?? 0;
  return goesBack(job) ? Math.min(fraction, job.checkpoint?.fraction ?? 0) : fraction;
}

/** @param {Job} job @param {number} filled @returns {Span|null} the red end of the filled part */
function errorSpan(job, filled) {
  const errors = job.counters.errors ?? 0;
  if (!errors || !job.total || filled <= 0 || goesBack(job)) return null;
  return { from: Math.max(0, filled - (errors / job.total) * 100), to: filled };
}

/** @param {Job} job @param {number} index @param {number} start @param {number} size @returns {Segment} */
function segment(job, index, start, size) {
  const filled = within(solidEnd(job), start, size);
  const reached = within(job.fraction ?? 0, start, size);
  const current = job.phases.length === 0 || job.phase === index;
  return {
    weight: size,
    filled,
    moving: job.fraction === null && current,
    again: goesBack(job) && reached > filled ? { from: filled, to: reached } : null,
    errors: current ? errorSpan(job, filled) : null,
  };
}

/**
 * A phase that is done is filled even where the whole cannot be known.
 * @param {Job} job
 * @param {Segment} part
 * @param {number} index
 */
const fillEnded = (job, part, index) =>
  job.fraction === null && job.phases[index]?.finished_at ? { ...part, filled: 100 } : part;

/** @param {Job} job @returns {Bar['look']} */
function lookOf(job) {
  const state = stateOf(job);
  const unknown = job.fraction === null && (state === 'running' || state === 'requested');
  return unknown ? 'any' : (LOOKS[state] ?? '');
}

/**
 * How far it is to be shown. One that waits to go on from its checkpoint shows what is to be done again, too.
 * @param {Job & {reached?: number|null}} job
 * @returns {number|null}
 */
export function reachedBy(job) {
  const state = stateOf(job);
  if (state === 'done') return 1;
  const before = job.reached ?? job.attempts?.at(-1)?.fraction;
  return state === 'waiting' && before ? Math.max(before, job.fraction ?? 0) : job.fraction;
}

/**
 * @param {Job} given
 * @param {number|null} [fraction]  what is shown at this moment, where that moves by itself
 * @returns {Bar}
 */
export function bar(given, fraction = reachedBy(given)) {
  const job = { ...given, fraction };
  const look = lookOf(job);
  const sizes = look === 'none' ? [1] : weights(job);
  const segments = sizes.map((size, index) => {
    const start = sizes.slice(0, index).reduce((sum, before) => sum + before, 0);
    return fillEnded(job, segment(job, index, start, size), index);
  });
  const tick = goesBack(job) && job.checkpoint?.fraction ? job.checkpoint.fraction * 100 : null;
  const percent = fraction === null || look === 'none' ? null : percentOf(fraction, look === 'ok' && fraction >= 1);
  return { look, segments, lostWork: stateOf(job) === 'failed', tick, percent };
}
