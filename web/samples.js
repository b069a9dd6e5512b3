/**
 * A job's points over time, as its charts draw them: those that the hub kept, and those that this page saw
 * itself. A point before which something went unrecorded says so. Pure.
 */
import { thin } from './chart.js';

const EACH_MS = 1_000; // a chart is redrawn no more often
const AWAY_MS = 5_000; // so long without a look at the job: it was hidden, asleep or cut off
const HOLE_MS = 10_000; // between two points that the hub kept, or five times the usual gap, the longer
const HOLE_GAPS = 5;
const MOST = 1_000;

/**
 * @typedef {import('./wire.js').Sample} Sample
 * @typedef {Pick<Sample, 'at'|'phase'|'total'|'fraction'|'rate'> & {attempt: number|null, hole: boolean}} Point
 *   `attempt`: `null` where only the time tells it; `hole`: what was before it is not known
 * @typedef {{points: Point[], seen_at: number, missing: boolean}} Samples  `seen_at`: when the job was last looked at;
 *   `missing`: the hub may know points that these are not
 */

/** @returns {Samples} */
export const emptySamples = () => ({ points: [], seen_at: -Infinity, missing: true });

/** @param {{at: number}[]} points  by time @returns {number} the longest gap that is none, milliseconds */
export function longest(points) {
  const gaps = points.slice(1).map(({ at }, index) => at - points[index].at);
  const usual = gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  return Math.max(HOLE_MS, HOLE_GAPS * usual);
}

/**
 * What the page sees at this moment. It is to be told every second: a job that says nothing stands still.
 * @param {Samples} samples
 * @param {import('./wire.js').Job} job
 * @param {number} now  milliseconds, the hub's clock
 * @returns {Samples}
 */
export function watch(samples, job, now) {
  const last = samples.points.at(-1);
  const hole = now - samples.seen_at > AWAY_MS;
  const seen = { ...samples, seen_at: now, missing: samples.missing || hole };
  if (job.started_at === null || job.finished_at !== null) return seen;
  if (last && last.attempt === job.attempt && now - last.at < EACH_MS) return seen;
  const { phase, total, fraction, rate, attempt } = job;
  const points = [...samples.points, { at: now, phase, total, fraction, rate, attempt, hole }];
  return { ...seen, points: points.length > MOST ? thin(points, MOST / 2) : points };
}

/**
 * What the hub kept, with what this page saw since.
 * @param {Samples} samples
 * @param {Sample[]} kept  by time
 * @returns {Samples}
 */
export function keep(samples, kept) {
  const until = kept.at(-1)?.at ?? -Infinity;
  const most_ms = longest(kept);
  const follows = (/** @type {number} */ at, /** @type {number|undefined} */ before) =>
    before !== undefined && at - before <= most_ms;
  const old = kept.map(({ at, phase, total, fraction, rate }, index) => ({
    ...{ at, phase, total, fraction, rate },
    attempt: null,
    hole: index > 0 && !follows(at, kept[index - 1].at),
  }));
  const [first, ...rest] = samples.points.filter((point) => point.at > until);
  const joined = first ? [{ ...first, hole: !follows(first.at, old.at(-1)?.at) }, ...rest] : [];
  return { ...samples, points: [...old, ...joined], missing: false };
}
