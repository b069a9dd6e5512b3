/** What every chart over time needs: a scale, ticks, fewer points, and paths in percent of the drawing. Pure. */
import { clock, clockSeconds, dayOf } from './words.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const TICKS = 6;
const NOW_PX = 32; // so near the word `now` no tick's text stays
const HALF_NOW_PX = 22;
const LETTER_PX = 6.5;
const APART_PX = 16;
const EDGE_PX = 10; // a text may stand out so far

/**
 * @typedef {{from: number, to: number}} Span  times in milliseconds, or percent
 * @typedef {{x: number, text: string, hidden: boolean}} Tick
 * @typedef {[number, number]} Spot  percent from the left, and from the top
 */

/** Whole ones, so that a reader need not calculate. */
const STEPS_MS = [
  ...[1, 2, 5, 10, 15, 20, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 3, 5, 10, 15, 20, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 3, 4, 7, 14, 30, 60, 120, 365].map((days) => days * DAY_MS),
];

/** @param {Span} axis @param {number} at @returns {number} percent, of what is on the axis */
export const place = ({ from, to }, at) => Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));

/** @param {number} at @param {number} days @returns {number} local midnight so many days after that of `at` */
function midnight(at, days = 0) {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

/** @param {Span} axis @param {number} step_ms @returns {number[]} times on it that are whole by the local clock */
function whole({ from, to }, step_ms) {
  const start = midnight(from);
  const days = Math.floor(step_ms / DAY_MS);
  const times = [];
  const first = days ? 0 : Math.ceil((from - start) / step_ms);
  for (let index = first; ; index += 1) {
    const at = days ? midnight(start, index * days) : start + index * step_ms;
    if (at > to) return times;
    if (at >= from) times.push(at);
  }
}

/** @param {number} at @param {number} step_ms @returns {string} as fine as the step */
function tickText(at, step_ms) {
  if (step_ms < MINUTE_MS) return clockSeconds(at);
  return step_ms < HOUR_MS || at !== midnight(at) ? clock(at, at) : dayOf(at);
}

/** @param {number} step_ms @returns {number} pixels that its texts take */
const textWidth = (step_ms) => (step_ms < MINUTE_MS ? 8 : step_ms < DAY_MS ? 5 : 6) * LETTER_PX;

/** @param {Span} axis @param {number} width_px @returns {number} the finest step whose ticks have room */
function stepOf(axis, width_px) {
  const room = (/** @type {number} */ step_ms) =>
    Math.max(1, Math.min(TICKS, Math.floor(width_px / (textWidth(step_ms) + APART_PX))));
  const fits = (/** @type {number} */ step_ms) =>
    (axis.to - axis.from) / step_ms <= TICKS + 1 && whole(axis, step_ms).length <= room(step_ms);
  return STEPS_MS.find(fits) ?? /** @type {number} */ (STEPS_MS.at(-1));
}

/**
 * Four to six whole seconds, minutes, hours or days, as far as the axis has so many that are whole.
 * @param {Span} axis
 * @param {number|null} now  where `now` is written, if it is
 * @param {number} width_px
 * @returns {Tick[]}
 */
export function ticks(axis, now, width_px) {
  const step_ms = stepOf(axis, width_px);
  const half_px = textWidth(step_ms) / 2;
  const pixels = (/** @type {number} */ at) => (place(axis, at) / 100) * width_px;
  const near = (/** @type {number} */ at) =>
    now !== null && Math.abs(pixels(at) - pixels(now)) < Math.max(NOW_PX, half_px + HALF_NOW_PX);
  const over = (/** @type {number} */ px) => px < half_px - EDGE_PX || px > width_px - half_px + EDGE_PX;
  return whole(axis, step_ms).map((at) => ({
    x: place(axis, at),
    text: tickText(at, step_ms),
    hidden: near(at) || over(pixels(at)),
  }));
}

/**
 * At most so many points, evenly by time: of each stretch the last one stays, and says of any hole in it.
 * @template {{at: number, hole: boolean}} P
 * @param {P[]} points  by time
 * @param {number} most
 * @returns {P[]}
 */
export function thin(points, most) {
  if (points.length <= most) return points;
  const start = points[0].at;
  const each = (points[points.length - 1].at - start) / (most - 2) || 1;
  /** @type {Map<number, P>} */
  const kept = new Map([[-1, points[0]]]);
  for (const point of points.slice(1)) {
    const stretch = Math.floor((point.at - start) / each);
    const hole = point.hole || (kept.get(stretch)?.hole ?? false);
    kept.set(stretch, hole === point.hole ? point : { ...point, hole });
  }
  return [...kept.values()];
}

/** @param {number} value */
const short = (value) => String(Math.round(value * 100) / 100);

/** @param {Spot[]} spots @returns {string} the `d` of a path through them */
export const path = (spots) => (spots.length ? `M${spots.map(([x, y]) => `${short(x)} ${short(y)}`).join('L')}` : '');

/** @param {Spot[][]} lines @returns {string} */
export const paths = (lines) => lines.map(path).join('');

/** @param {Spot[]} spots @returns {string} the `d` of what lies under them */
export function area(spots) {
  const [first, last] = [spots[0], spots[spots.length - 1]];
  return first ? `${path([[first[0], 100], ...spots, [last[0], 100]])}Z` : '';
}
