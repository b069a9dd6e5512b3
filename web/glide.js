/**
 * Where a moving bar stands between what the hub says: on at the pace it had, never further than is likely, never back
 * but for a reason that the log tells. Pure.
 */
import { reachedBy, weights } from './bar.js';
import { stateOf } from './states.js';

const STEP_MS = 400;
const LEAP_MS = 600; // eased: more than this much at once
const LEAP = 0.15;
const END_MS = 300;
const FALL = 0.1; // a smaller fall is waited out
const GAPS_AHEAD = 1.5;
const AHEAD = 0.02; // and never more, however large the gaps
const PHASE_MARGIN = 0.005;
const MOST = 0.995; // the end is shown when it is there
const NEW_SHARE = 0.3; // of the latest in what is usual
const LONGEST_GAP_MS = 30_000;
const FAST_MS = 16;
const SLOW_MS = 100;
const SEEN = 0.003; // about two pixels of a wide bar: less in one picture looks even

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {{value: number, run: string, moves: boolean, end: number}} Frame  what the hub says: the fraction, of which
 *   attempt, whether it goes on by itself, and where its phase ends
 * @typedef {object} Glide  times in milliseconds, all else as fractions of the whole
 * @property {Frame} frame  the last one
 * @property {number} from  what was shown when it came
 * @property {number} at  when it came
 * @property {number} step_ms  how long it takes to catch up
 * @property {boolean} eased
 * @property {boolean} back  it may fall
 * @property {number} speed  per millisecond
 * @property {number} gap_ms  the usual time between two frames; 0 until there were two
 * @property {number} limit  how far it may go without a further frame
 */

/** @param {Job} job @param {boolean} live  the hub is heard @returns {Frame|null} `null`: there is nothing to show */
export function frameOf(job, live) {
  const state = stateOf(job);
  const value = reachedBy(job);
  if (value === null) return null;
  const run = `${job.id} ${job.attempt}${state === 'waiting' ? ' waits' : ''}`; // where it goes on is a new beginning
  const moves = live && (state === 'running' || state === 'requested');
  return { value, run, moves, end: state === 'done' ? 1 : phaseEnd(job) };
}

/** @param {Job} job @returns {number} */
function phaseEnd(job) {
  if (job.phase === null || job.phases.length === 0) return 1;
  return weights(job)
    .slice(0, job.phase + 1)
    .reduce((sum, weight) => sum + weight, 0);
}

/** @param {Frame} frame @param {number} now @returns {Glide} standing where the hub says */
export const stand = (frame, now) => ({
  frame,
  from: frame.value,
  at: now,
  step_ms: 0,
  eased: false,
  back: true,
  speed: 0,
  gap_ms: 0,
  limit: frame.value,
});

/** @param {Frame} a @param {Frame} b */
const same = (a, b) => a.value === b.value && a.run === b.run && a.moves === b.moves && a.end === b.end;

/** It stands still where it is: the clock may, too. @param {Frame} before @param {Frame} frame */
const stops = (before, frame) =>
  !frame.moves && before.moves && frame.value === before.value && frame.run === before.run;

/**
 * @param {Glide|null} glide
 * @param {Frame} frame
 * @param {number} now
 * @returns {Glide} the same one where nothing is new
 */
export function hear(glide, frame, now) {
  if (!glide) return stand(frame, now);
  if (same(glide.frame, frame)) return glide;
  const from = shownAt(glide, now);
  if (stops(glide.frame, frame)) return { ...stand(frame, now), from, back: false };
  const back = frame.run !== glide.frame.run || (frame.value < glide.frame.value && frame.value <= from - FALL);
  const leap = frame.value - from > LEAP;
  const pace = back || leap ? { speed: 0, gap_ms: 0 } : paceOf(glide, frame, now); // a leap is no pace to go on at
  const step_ms = frame.value >= 1 ? END_MS : leap ? LEAP_MS : STEP_MS;
  return { frame, from, at: now, step_ms, eased: leap, back, ...pace, limit: limitOf(frame, pace) };
}

/** @param {Glide} glide @param {Frame} frame @param {number} now @returns {{speed: number, gap_ms: number}} */
function paceOf({ frame: before, at, speed, gap_ms }, frame, now) {
  const gap = Math.min(LONGEST_GAP_MS, now - at);
  if (!frame.moves || frame.value <= before.value || gap <= 0) return { speed: frame.moves ? speed : 0, gap_ms };
  const fresh = (frame.value - before.value) / gap;
  if (!gap_ms) return { speed: fresh, gap_ms: gap };
  return { speed: mixed(speed, fresh), gap_ms: mixed(gap_ms, gap) };
}

/** @param {number} known @param {number} fresh */
const mixed = (known, fresh) => known + (fresh - known) * NEW_SHARE;

/** @param {Frame} frame @param {{speed: number, gap_ms: number}} pace @returns {number} */
function limitOf({ value, end }, { speed, gap_ms }) {
  const likely = value + Math.min(AHEAD, speed * gap_ms * GAPS_AHEAD);
  return Math.max(value, Math.min(likely, end - PHASE_MARGIN, MOST));
}

/** @param {Glide} glide @param {number} now @returns {number} the fraction to show, 0 to 1 */
export function shownAt({ frame, from, at, step_ms, eased, back, speed, limit }, now) {
  const passed_ms = Math.max(0, now - at);
  const truth = Math.min(limit, frame.value + speed * passed_ms);
  const part = passed_ms >= step_ms ? 1 : passed_ms / step_ms;
  const caught = from + (truth - from) * (eased ? 1 - (1 - part) ** 3 : part);
  return back ? caught : Math.max(from, caught);
}

/**
 * @param {Glide} glide
 * @param {number} now
 * @returns {number} after how many milliseconds it is worth a new picture; `Infinity`: it stands still
 */
export function restless(glide, now) {
  const rests = now - glide.at >= glide.step_ms && (glide.speed === 0 || shownAt(glide, now) >= glide.limit);
  if (rests) return Infinity;
  const far = Math.abs(shownAt(glide, now + SLOW_MS) - shownAt(glide, now));
  return far > SEEN ? FAST_MS : SLOW_MS;
}
