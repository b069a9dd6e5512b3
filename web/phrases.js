/** The sentences of a row that tell more than one thing. Pure. */
import {
  about,
  brief,
  clock,
  clockSeconds,
  counts,
  duration,
  isolated,
  number,
  percent,
  plural,
  secondsBetween,
  sentence,
  step,
} from './words.js';
import { currentPhase } from './states.js';

const QUIET_S = 15; // no sign of life for so long: the worker does not answer

/** @typedef {import('./state.js').SeenJob} SeenJob */

/** @param {string|null|undefined} name @returns {string} `by Ada`, or nothing */
export const by = (name) => (name ? `by ${isolated(name)}` : '');

/** @param {(string|false|null|undefined)[]} parts @param {string} [between] */
export const join = (parts, between = ' ') => parts.filter(Boolean).join(between);

/** @param {string} text */
export const firstLine = (text) => text.split('\n', 1)[0];

/** How far it is, unless nothing is known of that. @param {SeenJob} job */
export const countsText = ({ done, total, unit }) =>
  done === null || (!done && !total) ? '' : counts(done, total, unit);

/** @param {SeenJob} job */
export const workerOf = (job) => (job.worker ? isolated(job.worker) : 'the worker');

/** @param {SeenJob} job @param {number} now */
export const endText = (job, now) => (job.finished_at ? clock(job.finished_at, now) : '');

/** @param {SeenJob} job @returns {string} `worker-02 confirmed in 0.4 s` */
export function confirmed(job) {
  const { acknowledged_at, requested_at, forced_at } = job.cancel ?? {};
  if (acknowledged_at && requested_at)
    return `${workerOf(job)} confirmed in ${brief(secondsBetween(requested_at, acknowledged_at))}`;
  return forced_at ? `forced at ${clockSeconds(forced_at)}` : '';
}

/** Its place among all that wait, whatever their kind. @param {SeenJob} job */
export function queueText(job) {
  const position = job.queue_position;
  if (position === null) return job.attempt > 1 ? `Attempt ${number(job.attempt)}` : '';
  if (position <= 1) return 'Position 1, next to start';
  return `Position ${number(position)}, behind ${plural(position - 1, 'job')}`;
}

/** @param {number|null} seconds @returns {string} nothing where it is not known */
export function startsIn(seconds) {
  if (seconds === null) return '';
  const stepped = step(seconds);
  return stepped === 0 ? 'starts in a few seconds' : `starts in about ${about(stepped)}`;
}

/** @param {SeenJob} job @param {number} now */
export function stalledText(job, now) {
  const answers = job.heard_at !== null && secondsBetween(job.heard_at, now) < QUIET_S;
  if (!answers) return `${workerOf(job)} does not answer`;
  const last = join([currentPhase(job)?.name, job.message], ', ') || 'started';
  return `last: ${isolated(last)}, worker still answers`;
}

/** `attempt 2 of 4`; who else tries again may try more often than was said. @param {SeenJob} job */
export const attemptText = ({ attempt, max_attempts }) =>
  `attempt ${number(attempt)}${attempt <= max_attempts ? ` of ${number(max_attempts)}` : ''}`;

/** @param {SeenJob} job @param {number} now */
export function retryText(job, now) {
  const left_s = Math.ceil(secondsBetween(now, job.retry_at ?? now));
  return `${sentence(attemptText(job))} ${left_s ? `starts in ${duration(left_s)}` : 'starts now'}`;
}

/** A lost worker's job is tried again by itself. @param {SeenJob} job */
export const follows = ({ attempt, max_attempts }) => attempt < max_attempts;

/** @param {SeenJob} job @returns {string|null} since when the attempt before was lost; `null`: it was not, as far as is known */
export function lostBefore({ silent_at, heard_at, attempts = [] }) {
  const since = silent_at ?? heard_at; // of the attempt that waits, nothing can have been heard
  if (since !== null) return `silent since ${clockSeconds(since)}`;
  const last = attempts.at(-1);
  return last?.outcome === 'lost' ? `lost at ${clockSeconds(last.finished_at)}` : null;
}

/** What a retry of a job without a checkpoint does. @param {SeenJob} job */
export const startsOver = ({ children }) =>
  children ? 'Retry keeps the jobs that succeeded' : 'Retry starts from the beginning';

/** @param {SeenJob} job */
export function cancelledText(job) {
  const at = job.fraction ? `at ${percent(job.fraction)}` : '';
  const how = { forced: 'stopped by force', assumed: 'its worker was lost', acknowledged: '' }[
    job.cancel?.how ?? 'acknowledged'
  ];
  const who = job.cancel ? join([by(job.cancel.by), at]) : join(['by the work itself', at]);
  return join([who, how, job.message], ', ');
}
