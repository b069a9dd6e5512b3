/** The names under the segments of a large bar: those that fit, and always the current one. Pure. */
import { weights } from './bar.js';
import { percent } from './words.js';

const LETTER = 0.0095; // of the bar's width, at its usual 766 px; narrow pages show the current name alone

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {{text: string, size: number, current: boolean, place: 'start'|'end'|'none'}} Label
 */

/** @param {Job} job @param {number} index @returns {string} `Validate, 62%` while it is going on */
function textOf(job, index) {
  const { name, finished_at } = job.phases[index];
  const { done, total } = job;
  if (index !== job.phase || !total || done === null) return name;
  return `${name}, ${percent(done / total, finished_at !== null)}`;
}

/** @param {Job} job @returns {Label[]} one for each phase */
export function segmentLabels(job) {
  const sizes = weights(job);
  const texts = sizes.map((_, index) => textOf(job, index));
  const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0));
  const now = job.phase ?? -1;
  const atEnd = now >= 0 && starts[now] + texts[now].length * LETTER > 1;
  const end = now < 0 ? 0 : starts[now] + (atEnd ? sizes[now] : texts[now].length * LETTER);
  const begin = now < 0 ? 0 : atEnd ? end - texts[now].length * LETTER : starts[now];
  const fits = (/** @type {number} */ index) =>
    texts[index].length * LETTER <= sizes[index] && (starts[index] >= end || starts[index] + sizes[index] <= begin);
  return sizes.map((size, index) => {
    const current = index === now;
    const place = current ? (atEnd ? 'end' : 'start') : fits(index) ? 'start' : 'none';
    return { text: texts[index], size, current, place };
  });
}
