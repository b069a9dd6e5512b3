/**
 * The geometry of a job's timeline: phases, progress and rate over one axis, all in percent of the drawing. Pure.
 */
import { bar } from './bar.js';
import { area, path, paths, place, thin, ticks } from './chart.js';
import { pace, paceTexts, progress } from './curves.js';
import { outlook } from './outlook.js';
import { rowsOf } from './phases.js';
import { longest } from './samples.js';
import { ended, stateOf } from './states.js';
import { clock, isolated, moment, percent, rate, secondsBetween } from './words.js';

const POINTS = 300;
const REDRAW_MS = 1_000;
const MARGIN = 0.1; // of the time so far, right of `now`
const SHORTEST_MS = 10_000;
const REST_MS = 60_000; // so long a wait between two attempts, or four times the first, is shown with both
const REST_TIMES = 4;
const RATE_AFTER_S = 3;
const HEADROOM = 1.06; // above the highest rate
const MARK_PX = 80; // that the text at a reset takes

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./story.js').Setting} Setting
 * @typedef {import('./chart.js').Span} Span
 * @typedef {import('./chart.js').Spot} Spot
 * @typedef {import('./outlook.js').Outlook} Outlook
 * @typedef {import('./curves.js').Point} Point
 * @typedef {{attempt: number, started_at: number, finished_at: number}} Run  of one attempt; an open one ends now
 * @typedef {{width_px: number, eta: import('./eta.js').Eta}} Shown  how wide the axis is, which estimate is shown
 * @typedef {{line: string, guess: string, cone: string, median: string, dot: Spot|null, ring: number|null,
 *   resets: {x: number, text: string}[], text: string, more: string, spoken: string}} ProgressChart
 * @typedef {{line: string, area: string, text: string, more: string, spoken: string}} RateChart
 * @typedef {{heading: string, tone: string, now: number, ended: boolean, ticks: import('./chart.js').Tick[],
 *   rows: import('./phases.js').Row[], progress: ProgressChart|null, rate: RateChart|null}} Timeline
 */

/** @param {SeenJob} job @param {number} now @returns {Run[]} all that started, by time */
function runsOf(job, now) {
  const runs = (job.attempts ?? []).flatMap(({ attempt, started_at, finished_at }) =>
    started_at === null ? [] : [{ attempt, started_at, finished_at }],
  );
  const { attempt, started_at, finished_at } = job;
  if (started_at === null || runs.some((run) => run.attempt === attempt)) return runs;
  return [...runs, { attempt, started_at, finished_at: finished_at ?? now }];
}

/**
 * The last runs, as far as the waits between them are no longer than what they show.
 * @param {Run[]} runs
 * @param {number} end_at
 */
function lastRuns(runs, end_at) {
  let next_at = end_at;
  let first = runs.length;
  for (const { started_at, finished_at } of runs.toReversed()) {
    if (next_at - finished_at > Math.max(REST_MS, REST_TIMES * (finished_at - started_at))) break;
    next_at = started_at;
    first -= 1;
  }
  return runs.slice(first);
}

/** @param {number} from @param {SeenJob} job @param {Outlook|null} ahead @param {number} now @returns {Span} */
function axisOf(from, job, ahead, now) {
  if (ended(job)) return { from, to: Math.max(job.finished_at ?? now, from + 1_000) };
  const expected_s = Math.max(ahead?.left_s ?? 0, ahead?.high_s ?? 0);
  return { from, to: Math.max(now + (now - from) * MARGIN, now + expected_s * 1000, from + SHORTEST_MS) };
}

/** @param {import('./eta.js').Eta} eta @returns {string} when it ends, where that is told */
function endText({ main, sub }) {
  const done = [sub, main].find((text) => text.startsWith('done ')) ?? 'done now';
  return done.slice(5).replace('≈', 'about');
}

/** @param {Span} axis @param {SeenJob} job @param {Outlook|null} ahead @param {import('./eta.js').Eta} eta @param {number} now */
function headingOf(axis, job, ahead, eta, now) {
  const until = ended(job) ? moment(job.finished_at ?? now, axis.from) : ahead?.sure ? endText(eta) : 'now';
  return `${moment(axis.from, now)} to ${until}`;
}

/** @param {SeenJob} job @param {number|null} lost_at @returns {string} what the colour says, as the bar's does */
function toneOf(job, lost_at) {
  const { look } = bar(job);
  if (lost_at !== null && !ended(job)) return 'idle';
  return { any: '', undo: 'idle', none: 'idle' }[/** @type {'any'} */ (look)] ?? look;
}

/** @param {Run[]} runs @param {import('./samples.js').Point[]} points @returns {Point[]} those on the axis */
function withAttempts(runs, points) {
  const last = runs[runs.length - 1];
  return points.flatMap((point) => {
    const attempt = point.attempt ?? (runs.find((run) => point.at <= run.finished_at) ?? last).attempt;
    const run = runs.find((known) => known.attempt === attempt);
    return run && point.at >= run.started_at ? [{ ...point, attempt }] : [];
  });
}

/**
 * The job's start, what was seen of it, and how it stands.
 * @param {SeenJob} job
 * @param {Run[]} runs
 * @param {import('./samples.js').Point[]} kept
 * @param {number} now
 * @returns {Point[]}
 */
function pointsOf(job, runs, kept, now) {
  const points = withAttempts(runs, kept);
  const most_ms = longest(points);
  const { phase, total, rate: pace, attempt, finished_at, started_at } = job;
  const first = points[0];
  const start = { at: runs[0].started_at, phase: first?.phase ?? phase, total: first?.total ?? total, rate: null };
  if (first) points[0] = { ...first, hole: first.at - start.at > most_ms };
  if (runs[0].attempt === 1) points.unshift({ ...start, fraction: 0, attempt: 1, hole: false });
  if (started_at === null) return thin(points, POINTS);
  const at = finished_at ?? now;
  const hole = at - (points.at(-1)?.at ?? at) > most_ms;
  const fraction = job.status === 'succeeded' ? 1 : job.fraction;
  const seen = points.filter((point) => point.at < at);
  return thin([...seen, { at, phase, total, fraction, rate: ended(job) ? null : pace, attempt, hole }], POINTS);
}

/** @param {Span} axis @param {{at: number, fraction: number}} point @returns {Spot} */
const spotOf = (axis, { at, fraction }) => [place(axis, at), 100 - Math.min(1, fraction) * 100];

/**
 * From now to the end, with a bend where a phase ends.
 * @param {Span} axis @param {SeenJob} job @param {Outlook} ahead @param {number} left_s @param {number} now
 * @returns {Spot[]}
 */
function courseOf(axis, job, ahead, left_s, now) {
  const stops = ahead.stops.slice(0, -1).map(({ part, fraction }) => ({ at: now + part * left_s * 1000, fraction }));
  const whole = [{ at: now, fraction: job.fraction ?? 0 }, ...stops, { at: now + left_s * 1000, fraction: 1 }];
  return whole.map((point) => spotOf(axis, point));
}

/** @param {Span} axis @param {SeenJob} job @param {Outlook|null} ahead @param {number} now */
function expectation(axis, job, ahead, now) {
  if (!ahead?.sure) return { cone: '', median: '', ring: null };
  const course = (/** @type {number} */ left_s) => courseOf(axis, job, ahead, left_s, now);
  const { low_s, high_s, left_s } = ahead;
  const cone = low_s === null || high_s === null ? '' : `${path([...course(low_s), ...course(high_s).toReversed()])}Z`;
  return { cone, median: path(course(left_s)), ring: place(axis, now + left_s * 1000) };
}

/** @param {SeenJob} job @param {Outlook} ahead @param {number} now @returns {string} how sure the end is */
function sureText({ typical }, { low_s, high_s }, now) {
  if (low_s === null || high_s === null) return '';
  const [low, high] = [low_s, high_s].map((seconds) => clock(now + seconds * 1000, now));
  if (low === high) return '';
  return typical
    ? `8 of 10 similar runs would end between ${low} and ${high}`
    : `most likely between ${low} and ${high}`;
}

/** @param {Outlook} ahead @param {number} now */
function spokenEnd({ low_s, left_s, high_s }, now) {
  const [low, mid, high] = [low_s ?? left_s, left_s, high_s ?? left_s].map((seconds) =>
    clock(now + seconds * 1000, now),
  );
  return low === high ? `at ${mid}` : `between ${low} and ${high}, most likely ${mid}`;
}

/** @param {SeenJob} job @param {number} fraction @param {Outlook|null} ahead @param {number} now */
function spokenProgress(job, fraction, ahead, now) {
  const done = percent(fraction, job.status === 'succeeded').replace('%', ' percent');
  const end = ahead?.sure ? `, expected to reach 100 percent ${spokenEnd(ahead, now)}` : '';
  return `Progress over time: ${done} at ${clock(job.finished_at ?? now, now)}${end}.`;
}

/** @param {Span} axis @param {import('./curves.js').Reset[]} resets @param {number} width_px */
function marks(axis, resets, width_px) {
  let free = -Infinity;
  return resets.map(({ at, text }) => {
    const x = place(axis, at);
    const fits = (x / 100) * width_px >= free;
    if (fits) free = (x / 100) * width_px + MARK_PX;
    return { x, text: fits ? text : '' };
  });
}

/**
 * @param {Span} axis @param {SeenJob} job @param {Point[]} points @param {Outlook|null} ahead
 * @param {Shown} shown @param {number} now
 * @returns {ProgressChart|null}
 */
function progressChart(axis, job, points, ahead, { width_px, eta }, now) {
  const { lines, guesses, resets } = progress(points);
  const last = lines.at(-1)?.at(-1);
  if (!last || (job.fraction === null && !ended(job) && job.started_at !== null)) return null;
  const spots = (/** @type {{at: number, fraction: number}[]} */ line) => line.map((point) => spotOf(axis, point));
  return {
    line: paths(lines.map(spots)),
    guess: paths(guesses.map(spots)),
    ...expectation(axis, job, ahead, now),
    dot: job.started_at === null ? null : spotOf(axis, last),
    resets: marks(axis, resets, width_px),
    text: ahead?.sure ? eta.sub || eta.main : '',
    more: ahead?.sure ? sureText(job, ahead, now) : '',
    spoken: spokenProgress(job, last.fraction, ahead, now),
  };
}

/** @param {SeenJob} job @param {Point[]} points @param {Span} axis @param {Setting} setting @returns {RateChart|null} */
function rateChart(job, points, axis, { now, lost_at }) {
  const seen = pace(job, points);
  if (!seen || seen.peak <= 0) return null;
  const spots = seen.lines.map((line) =>
    line.map((point) => /** @type {Spot} */ ([place(axis, point.at), 100 - (point.rate / seen.peak / HEADROOM) * 100])),
  );
  const told = stateOf(job) === 'running' && secondsBetween(seen.from_at, now) >= RATE_AFTER_S;
  const unit = job.unit && isolated(job.unit);
  const [text, more] = paceTexts(seen, told ? job.rate : null, unit);
  const mean = `${rate(seen.average, unit)} on average, ${rate(seen.peak, unit)} at most.`;
  const spoken = `Rate over time: ${told && job.rate !== null && lost_at === null ? `${text} now, ` : ''}${mean}`;
  return { line: paths(spots), area: spots.map(area).join(''), text, more, spoken };
}

/** @typedef {{at: number, looks: string}} Drawn  when, and what else the drawing depends on */

/** @param {number} at */
const second = (at) => Math.floor(at / REDRAW_MS);

/** @param {Drawn|null} drawn  last @param {Drawn} next @returns {boolean} a second is over, or it looks different */
export const due = (drawn, next) => !drawn || drawn.looks !== next.looks || second(next.at) !== second(drawn.at);

/**
 * @param {SeenJob} job
 * @param {import('./samples.js').Samples} samples
 * @param {Setting} setting
 * @param {Shown} shown
 * @returns {Timeline|null} `null` where there is nothing to draw
 */
export function timeline(job, samples, setting, shown) {
  const { now } = setting;
  const end_at = job.finished_at ?? now;
  const runs = lastRuns(runsOf(job, now), end_at);
  if (runs.length === 0) return null;
  const ahead = outlook(job, setting);
  const axis = axisOf(runs[0].started_at, job, ahead, now);
  const points = pointsOf(job, runs, samples.points, now);
  const drawn = {
    rows: rowsOf(job, ahead, axis, now),
    progress: progressChart(axis, job, points, ahead, shown, now),
    rate: rateChart(job, points, axis, setting),
  };
  if (drawn.rows.length === 0 && !drawn.progress && !drawn.rate) return null;
  return {
    heading: headingOf(axis, job, ahead, shown.eta, now),
    tone: toneOf(job, setting.lost_at),
    now: place(axis, end_at),
    ended: ended(job),
    ticks: ticks(axis, ended(job) ? null : now, shown.width_px),
    ...drawn,
  };
}
