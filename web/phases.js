/** The rows of a timeline: each phase, when it was worked on and when it is expected to be. Pure. */
import { place } from './chart.js';
import { STATE_NAMES, ended, stateOf } from './states.js';
import { duration, range, secondsBetween, usualStep } from './words.js';

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {import('./chart.js').Span} Span
 * @typedef {import('./outlook.js').Outlook} Outlook
 * @typedef {{name: string, icon: string, state: string, span: Span|null, current: boolean, expected: Span|null,
 *   took: string, usual: string}} Row  spans in percent
 */

/** @param {Job} job @param {number} index @returns {[string, string]} icon, and its name */
function stateOfPhase(job, index) {
  const { finished_at } = job.phases[index];
  if (finished_at !== null) return ['done', 'Done'];
  if (index !== job.phase) return ['queued', 'Not started'];
  const state = stateOf(job);
  return [state, STATE_NAMES[state]];
}

/** @param {Job} job @param {number} index @param {number} end_at @returns {string} */
function tookText(job, index, end_at) {
  const { started_at, finished_at } = job.phases[index];
  if (started_at !== null) return duration(secondsBetween(started_at, finished_at ?? end_at));
  if (finished_at !== null) return 'earlier';
  return ended(job) ? 'not run' : 'not yet';
}

/** @param {Outlook|null} ahead @param {number} index @param {number} now @returns {Span|null} when it is expected */
function expectedOf(ahead, index, now) {
  const place = ahead?.stops.findIndex((stop) => stop.index === index) ?? -1;
  if (!ahead || place < 0) return null;
  const at = (/** @type {number} */ part) => now + part * ahead.left_s * 1000;
  return { from: at(ahead.stops[place - 1]?.part ?? 0), to: at(ahead.stops[place].part) };
}

/** @param {Span} axis @param {Span|null} span @returns {Span|null} in percent */
const onAxis = (axis, span) => span && { from: place(axis, span.from), to: place(axis, span.to) };

/** @param {Job} job @param {Outlook|null} ahead @param {Span} axis @param {number} now @returns {Row[]} */
export function rowsOf(job, ahead, axis, now) {
  const end_at = job.finished_at ?? now;
  return job.phases.map(({ name, started_at, finished_at, typical }, index) => {
    const [icon, state] = stateOfPhase(job, index);
    const worked = started_at === null ? null : { from: started_at, to: finished_at ?? end_at };
    return {
      ...{ name, icon, state, span: onAxis(axis, worked) },
      current: worked !== null && finished_at === null && !ended(job),
      expected: onAxis(axis, expectedOf(ahead, index, now)),
      took: tookText(job, index, end_at),
      usual: typical ? range(typical.p10_s, typical.p90_s, usualStep) : '',
    };
  });
}
