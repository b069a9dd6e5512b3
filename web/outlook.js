/**
 * What is expected of a job from now on: when it ends, and when each phase that is left. Pure.
 * An estimate that may not be told is not drawn either; then what phases usually take is all there is.
 */
import { weights } from './bar.js';
import { estimate } from './eta.js';
import { stateOf } from './states.js';
import { secondsBetween } from './words.js';

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./story.js').Setting} Setting
 * @typedef {{index: number, share: number, usual_s: number|null}} Part  of the whole that is left of a phase
 * @typedef {{index: number, part: number, fraction: number}} Stop  where that phase ends: how much of the time that is
 *   left, and of the whole, is done then
 * @typedef {{left_s: number, low_s: number|null, high_s: number|null, sure: boolean, stops: Stop[]}} Outlook
 *   `sure`: by an estimate, not only by what is usual
 */

/** @param {SeenJob} job @returns {number} how much of the current phase is done, 0 to 1 */
const here = ({ done, total }) => (done !== null && total ? Math.min(1, done / total) : 0);

/** @param {SeenJob} job @param {number} now @returns {Part[]} the current phase first */
function partsLeft(job, now) {
  const shares = weights(job);
  return job.phases.flatMap(({ started_at, finished_at, typical }, index) => {
    if (finished_at !== null || index < (job.phase ?? 0)) return [];
    const current = index === job.phase;
    const worked_s = current && started_at !== null ? secondsBetween(started_at, now) : 0;
    const usual_s = typical && Math.max(0, typical.p50_s - worked_s);
    return [{ index, share: shares[index] * (current ? 1 - here(job) : 1), usual_s }];
  });
}

/** @param {Part[]} parts @returns {number|null} what they usually take, if that is known of each */
const usually_s = (parts) =>
  parts.reduce(
    (/** @type {number|null} */ sum, { usual_s }) => (sum === null || usual_s === null ? null : sum + usual_s),
    0,
  );

/**
 * How the time that is left is spread: later phases take what they usually take, the current one the rest.
 * @param {Part[]} parts
 * @param {number} left_s
 * @returns {number[]} of the same scale
 */
function spread(parts, left_s) {
  const later_s = usually_s(parts.slice(1));
  if (later_s !== null && later_s < left_s)
    return parts.map(({ usual_s }, index) => (index ? (usual_s ?? 0) : left_s - later_s));
  return parts.map(({ share }) => share);
}

/** @param {number[]} values @returns {number[]} each with those before it, of their sum */
function running(values) {
  const sum = values.reduce((total, value) => total + value, 0);
  let before = 0;
  return values.map((value, index) => {
    before += value;
    return index === values.length - 1 ? 1 : sum > 0 ? before / sum : (index + 1) / values.length;
  });
}

/** @param {SeenJob} job @param {Part[]} parts @param {number[]} times @returns {Stop[]} */
function stopsOf(job, parts, times) {
  const done = parts.map((_, index) => 1 - parts.slice(index + 1).reduce((sum, { share }) => sum + share, 0));
  const ends = running(times);
  return parts.map(({ index }, k) => ({ index, part: ends[k], fraction: Math.max(job.fraction ?? 0, done[k]) }));
}

/** @param {SeenJob} job @param {number} now @returns {Outlook|null} as the estimate says */
function estimated(job, now) {
  if (job.fraction === null || job.eta_s === null || estimate(job, now).left_s === null) return null;
  const gone_s = secondsBetween(job.seen_at, now);
  const left = (/** @type {number|null} */ seconds) => (seconds === null ? null : Math.max(0, seconds - gone_s));
  const left_s = Math.max(0, job.eta_s - gone_s);
  const bounds = { low_s: left(job.eta_low_s), high_s: left(job.eta_high_s) };
  const parts = partsLeft(job, now);
  return { left_s, ...bounds, sure: true, stops: stopsOf(job, parts, spread(parts, left_s)) };
}

/** @param {SeenJob} job @param {number} now @returns {Outlook|null} as its phases usually go */
function usual(job, now) {
  const parts = partsLeft(job, now);
  const left_s = usually_s(parts);
  if (left_s === null || parts.length === 0) return null;
  const times = parts.map(({ usual_s }) => usual_s ?? 0);
  return { left_s, low_s: null, high_s: null, sure: false, stops: stopsOf(job, parts, times) };
}

/** @param {SeenJob} job @param {Setting} setting @returns {Outlook|null} nothing of one that stands or is not heard */
export function outlook(job, { now, lost_at }) {
  if (stateOf(job) !== 'running' || lost_at !== null) return null;
  return estimated(job, now) ?? usual(job, now);
}
