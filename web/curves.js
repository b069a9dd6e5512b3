/** The lines of a job's charts: where they go on, where they are torn, where nothing is known. Pure. */
import { rate } from './words.js';

const RATES = 3; // fewer say nothing

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {import('./samples.js').Point & {attempt: number}} Point
 * @typedef {Point & {fraction: number}} Placed
 * @typedef {Point & {rate: number}} Rated
 * @typedef {{at: number, text: string}} Reset  where the line may fall
 * @typedef {{lines: Placed[][], guesses: Placed[][], resets: Reset[]}} Progress
 * @typedef {{lines: Rated[][], average: number, peak: number, from_at: number}} Pace
 */

/** @param {Placed} before @param {Placed} point @returns {string} why the line is torn between them, if it is */
function torn(before, point) {
  if (point.attempt !== before.attempt) return `attempt ${point.attempt}`;
  const other = point.total !== before.total || point.phase !== before.phase;
  return point.fraction < before.fraction && other ? 'total grew' : '';
}

/**
 * Within an attempt the fraction never falls: where both ends of a hole are the same, nothing happened in it, and
 * where one point falls although no total grew it was heard late.
 * @param {Point[]} points  by time
 * @returns {Progress}
 */
export function progress(points) {
  /** @type {Progress} */
  const drawn = { lines: [], guesses: [], resets: [] };
  /** @type {Placed|null} */
  let before = null;
  for (const point of points) {
    if (point.fraction === null) continue;
    before = add(drawn, before, /** @type {Placed} */ (point));
  }
  return drawn;
}

/** @param {Progress} drawn  to be changed @param {Placed|null} before @param {Placed} point @returns {Placed} */
function add(drawn, before, point) {
  const why = before ? torn(before, point) : '';
  if (before && why) drawn.resets.push({ at: point.at, text: why });
  const held = before && !why ? { ...point, fraction: Math.max(point.fraction, before.fraction) } : point;
  const unknown = before && !why && held.hole && held.fraction > before.fraction;
  if (before && unknown) drawn.guesses.push([before, held]);
  if (!before || why || unknown) drawn.lines.push([]);
  drawn.lines[drawn.lines.length - 1].push(held);
  return held;
}

/** @param {Job} job @param {number|null} phase @returns {string|null} in what it counts */
const unitOf = (job, phase) => (phase === job.phase ? job.unit : (job.phases[phase ?? -1]?.unit ?? null));

/**
 * The points of this attempt since the unit is what it is now.
 * @param {Job} job
 * @param {Point[]} points
 */
function sameUnit(job, points) {
  const other = points.findLastIndex((point) => point.attempt !== job.attempt || unitOf(job, point.phase) !== job.unit);
  return points.slice(other + 1);
}

/** @param {Rated[][]} lines @returns {number} weighed by time: what the hub kept long ago lies further apart */
function averageOf(lines) {
  let [sum, span_ms] = [0, 0];
  for (const line of lines) {
    for (const [index, { at, rate }] of line.slice(1).entries()) {
      sum += ((rate + line[index].rate) / 2) * (at - line[index].at);
      span_ms += at - line[index].at;
    }
  }
  const rates = lines.flat().map((point) => point.rate);
  return span_ms > 0 ? sum / span_ms : rates.reduce((total, rate) => total + rate, 0) / rates.length;
}

/** @param {Job} job @param {Point[]} points  by time @returns {Pace|null} */
export function pace(job, points) {
  const own = sameUnit(job, points);
  const rates = own.flatMap((point) => (point.rate === null ? [] : [point.rate]));
  if (rates.length < RATES) return null;
  /** @type {Rated[][]} */
  const lines = [];
  for (const [index, point] of own.entries()) {
    if (point.rate === null) continue;
    if (index === 0 || point.hole || own[index - 1].rate === null) lines.push([]);
    lines[lines.length - 1].push(/** @type {Rated} */ (point));
  }
  return { lines, average: averageOf(lines), peak: Math.max(...rates), from_at: lines[0][0].at };
}

/** @param {string} text  `186 rows/s` @returns {string[]} figure and unit */
const halves = (text) => (/^([\d.,]+)(.*)$/s.exec(text) ?? ['', text, '']).slice(1);

/**
 * `186 rows/s`, and `average 186, peak 231`: the unit is told once, where it is the same.
 * @param {Pace} pace
 * @param {number|null} now  rows a second at this moment, where that may be told
 * @param {string|null} unit
 * @returns {[string, string]}
 */
export function paceTexts({ average, peak }, now, unit) {
  const [mean, most] = [rate(average, unit), rate(peak, unit)];
  const main = now === null ? mean : rate(now, unit);
  const same = (/** @type {string} */ text) => (halves(text)[1] === halves(main)[1] ? halves(text)[0] : text);
  return now === null ? [`average ${mean}`, `peak ${same(most)}`] : [main, `average ${same(mean)}, peak ${same(most)}`];
}
