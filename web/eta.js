/**
 * What may be said about the end of a job. Pure.
 * The cases and their order are those of the page's design: a number that is not yet trustworthy is
 * not shown, a noisy one is shown as a range, a bad one not at all.
 */
import { about, clock, clockSeconds, duration, range, secondsBetween, step, usualStep } from './words.js';

const EARLY_S = 10;
const TRUSTED_RUNS = 5;
const TRUSTED_FRAMES = 5;
const ONE_FIGURE_BELOW = 0.5; // (p90 - p10) / p50
const RANGE_BELOW = 1.5;
const CLOCK_FROM_S = 50;
const CLOCK_ONLY_FROM_S = 86_400;
const HOLD_MS = 3000;
const HOLD_WORSE_MS = 5000;
const WORSE_BY = 0.2;

/**
 * @typedef {{main: string, sub: string, left_s: number|null, from_s?: number|null}} Eta  two lines, `''` says nothing;
 *   `from_s`: the low end of a range, whose high end is `left_s`
 * @typedef {{shown: Eta, next: Eta, next_at: number}} Held
 * @typedef {import('./state.js').SeenJob} SeenJob
 */

/** @param {string} main @param {string} [sub] @param {number|null} [left_s] @param {number|null} [from_s] @returns {Eta} */
const eta = (main, sub = '', left_s = null, from_s = null) => ({ main, sub, left_s, from_s });

/** `usually 6–8 min`, or nothing. @param {import('./wire.js').Typical|null} typical */
export const usually = (typical) => (typical ? `usually ${range(typical.p10_s, typical.p90_s, usualStep)}` : '');

/** @param {SeenJob} job @param {number} now @returns {number} seconds worked, going on while it runs */
export function elapsed(job, now) {
  const ticking = job.status === 'running' || job.status === 'cancelling';
  return job.elapsed_s + (ticking ? secondsBetween(job.seen_at, now) : 0);
}

/**
 * Seconds left, counted down since the estimate was made.
 * @param {SeenJob} job
 * @param {number} estimate_s
 * @param {number} now
 */
const remaining = (job, estimate_s, now) => Math.max(0, estimate_s - secondsBetween(job.seen_at, now));

/** @param {SeenJob} job @returns {number} how wide the estimate is, beside its middle */
function spread(job) {
  if (!job.eta_s || job.eta_low_s === null || job.eta_high_s === null) return 0;
  return (job.eta_high_s - job.eta_low_s) / job.eta_s;
}

/** @param {SeenJob} job @param {number} now @returns {Eta} one figure */
function oneFigure(job, now) {
  const left_s = remaining(job, job.eta_s ?? 0, now);
  const done = `done ≈ ${clock(now + left_s * 1000, now)}`;
  if (left_s > CLOCK_ONLY_FROM_S) return eta(done, '', left_s);
  const stepped = step(left_s);
  const text = stepped === 0 ? 'a few seconds left' : `about ${about(stepped)} left`;
  return eta(text, left_s >= CLOCK_FROM_S ? done : '', left_s);
}

/** @param {SeenJob} job @param {number} now @returns {Eta} a low and a high figure */
function twoFigures(job, now) {
  const low_s = remaining(job, job.eta_low_s ?? 0, now);
  const high_s = remaining(job, job.eta_high_s ?? 0, now);
  if (step(low_s) === step(high_s) || high_s < CLOCK_FROM_S) return oneFigure(job, now);
  const [from, to] = [clock(now + low_s * 1000, now), clock(now + high_s * 1000, now)];
  const done = from === to ? `done ≈ ${to}` : `done ${from}–${to}`;
  if (high_s > CLOCK_ONLY_FROM_S) return eta(done, '', high_s);
  const text = step(low_s) === 0 ? `up to ${about(step(high_s))} left` : `${range(low_s, high_s)} left`;
  return eta(text, done, high_s, low_s);
}

/** @param {SeenJob} job @param {number} now @returns {boolean} slower than nine of ten, with a poor estimate */
const overdue = (job, now) =>
  job.typical !== null && elapsed(job, now) > job.typical.p90_s && spread(job) > ONE_FIGURE_BELOW;

/**
 * @param {SeenJob} job  running
 * @param {number} now  milliseconds, the hub's clock
 * @returns {Eta}
 */
export function estimate(job, now) {
  const trusted = (job.typical?.runs ?? 0) >= TRUSTED_RUNS ? usually(job.typical) : '';
  if (elapsed(job, now) < EARLY_S || job.frames < TRUSTED_FRAMES) return eta(trusted);
  if (overdue(job, now)) return eta('longer than usual', usually(job.typical));
  if (job.eta_s === null) return eta(usually(job.typical));
  const width = spread(job);
  if (width > RANGE_BELOW) return eta(usually(job.typical));
  return width > ONE_FIGURE_BELOW ? twoFigures(job, now) : oneFigure(job, now);
}

/**
 * The estimate while the hub cannot be heard: clock times do not go stale, "left" does.
 * @param {Eta} known
 * @param {number} lost_at
 * @returns {Eta}
 */
export function lastKnown(known, lost_at) {
  if (known.left_s === null) return known;
  const done = known.sub.startsWith('done') ? known.sub : `done ≈ ${clock(lost_at + known.left_s * 1000, lost_at)}`;
  return eta(done, `as of ${clockSeconds(lost_at)}`);
}

/** @param {Eta} shown @param {Eta} next @returns {boolean} */
const worse = (shown, next) => shown.left_s !== null && next.left_s !== null && next.left_s > shown.left_s;

/** @param {Eta} shown @param {Eta} next */
const muchWorse = (shown, next) => (next.left_s ?? 0) > (shown.left_s ?? 0) * (1 + WORSE_BY);

/** @param {Held} held @param {Eta} next @param {number} now @returns {boolean} stable for long enough to be shown */
function ripe(held, next, now) {
  const stable_ms = now - held.next_at;
  if (worse(held.shown, next)) return stable_ms >= HOLD_WORSE_MS && muchWorse(held.shown, next);
  return stable_ms >= HOLD_MS;
}

/**
 * Keeps an estimate from flickering: a new text shows once it has been stable for 3 s, a worse one
 * after 5 s and only when it differs by a fifth. Whatever is no estimate shows at once.
 * @param {Held|null} held
 * @param {Eta} next
 * @param {number} now  milliseconds
 * @returns {Held}
 */
export function hold(held, next, now) {
  if (!held || held.shown.left_s === null || next.left_s === null) return { shown: next, next, next_at: now };
  if (held.shown.main === next.main) return { shown: next, next, next_at: now };
  const waiting = held.next.main === next.main ? { ...held, next } : { ...held, next, next_at: now };
  return ripe(waiting, next, now) ? { shown: next, next, next_at: now } : waiting;
}

/** `4 min 12 s elapsed`. @param {SeenJob} job @param {number} now */
export const elapsedText = (job, now) => `${duration(elapsed(job, now))} elapsed`;
