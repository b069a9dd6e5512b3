/**
 * A job told in the words of one row: what it does, how far it is, when it ends, what can be done.
 * Pure. Sentence case, no number that is not yet trustworthy.
 */
import { elapsed, elapsedText, estimate, lastKnown, usually } from './eta.js';
import { errorText } from './failures.js';
import { offers, stopping } from './offers.js';
import {
  attemptText,
  by,
  cancelledText,
  confirmed,
  countsText,
  endText,
  firstLine,
  follows,
  join,
  lostBefore,
  queueText,
  retryText,
  stalledText,
  startsIn,
  startsOver,
  workerOf,
} from './phrases.js';
import { currentPhase, ended, stateOf, STATE_NAMES } from './states.js';
import {
  about,
  clock,
  clockSeconds,
  countsSpoken,
  duration,
  list,
  number,
  percent,
  percentSpoken,
  plural,
  rate,
  roughly,
  secondsBetween,
  sentence,
  spoken,
  spokenExactly,
  step,
  usualStep,
} from './words.js';

const RATE_AFTER_S = 3;
const RATE_AFTER_FRAMES = 3;
const EYES_FROM = 2;

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./states.js').RowState} RowState
 * @typedef {{text: string, tone?: string}} Bit
 * @typedef {import('./offers.js').Action} Action
 * @typedef {{head: Bit, step: string, message: string, under: Bit[], when: Bit, whenMore: string[],
 *   left_s: number|null}} Words  `left_s`: what an estimate says is left
 * @typedef {Words & import('./offers.js').Offers} Story
 * @typedef {object} Setting  what else the words depend on
 * @property {number} now  milliseconds, the hub's clock
 * @property {() => number} clock  the same, later
 * @property {number|null} lost_at  since when the hub cannot be heard
 * @property {import('./wire.js').Kind|undefined} kind
 * @property {boolean} control  whether this viewer may act
 */

/** @param {SeenJob} job @param {Setting} setting @returns {string} hidden until it can be trusted */
function rateText(job, { now }) {
  const since = currentPhase(job)?.started_at ?? job.started_at;
  const early = job.phase_frames < RATE_AFTER_FRAMES || (since && secondsBetween(since, now) < RATE_AFTER_S);
  if (stateOf(job) !== 'running' || !job.rate || early) return '';
  return rate(job.rate, job.unit);
}

/** @param {SeenJob} job @returns {Bit[]} errors are told only above zero, and then what went well, too */
function errorBits(job) {
  const { errors, ok } = job.counters;
  if (!errors) return [];
  const well = ok === undefined ? [] : [{ text: `${number(ok)} ok` }];
  return [...well, { text: plural(errors, 'error'), tone: 'c-bad' }];
}

/** @param {(string|Bit|false|null)[]} bits @returns {Bit[]} */
const bitsOf = (...bits) => bits.flatMap((bit) => (!bit ? [] : typeof bit === 'string' ? [{ text: bit }] : [bit]));

/** @param {SeenJob} job @param {string} verb */
const resumes = (job, verb) =>
  job.checkpoint?.fraction ? `${verb} from checkpoint ${percent(job.checkpoint.fraction)}` : '';

/** @param {SeenJob} job @returns {Bit[]} */
const cancelBits = (job) =>
  bitsOf(
    join(['Cancel asked', by(job.cancel?.by), `at ${clockSeconds(job.cancel?.requested_at ?? 0)}`]),
    confirmed(job),
  );

/** @typedef {Partial<Words> & {head: Bit}} Part */

/** @type {Record<RowState, (job: SeenJob, setting: Setting) => Part>} */
const TELL = {
  queued: (job, setting) => ({
    head: { text: 'Queued' },
    message: queueText(job),
    when: { text: startsIn(job.starts_in_s) },
    whenMore: [`waiting ${duration(secondsBetween(job.created_at, setting.now))}`],
  }),
  running: (job, setting) => {
    const known = estimate(job, setting.now);
    const { main, sub } = setting.lost_at === null ? known : lastKnown(known, setting.lost_at);
    return {
      head: { text: currentPhase(job)?.name ?? 'Running' },
      step: job.phases.length > 1 && job.phase !== null ? `${job.phase + 1} of ${job.phases.length}` : '',
      message: job.message ?? '',
      under: bitsOf(
        countsText(job),
        rateText(job, setting),
        job.done !== null && job.total === null && 'total unknown',
        ...errorBits(job),
      ),
      when: { text: main },
      left_s: setting.lost_at === null ? known.left_s : null,
      whenMore: [sub, elapsedText(job, setting.now)].filter(Boolean),
    };
  },
  stalled: (job, { now }) => ({
    head: {
      text: `No update for ${duration(secondsBetween(job.advanced_at ?? job.started_at ?? now, now))}`,
      tone: 'c-warn',
    },
    message: stalledText(job, now),
    under: bitsOf(countsText(job), ...errorBits(job)),
    when: { text: 'no estimate', tone: 'c-2' },
    whenMore: [job.advanced_at ? `last update ${clockSeconds(job.advanced_at)}` : '', elapsedText(job, now)].filter(
      Boolean,
    ),
  }),
  paused: (job, { now }) => ({
    head: { text: 'Paused' },
    message: job.pause ? join([by(job.pause.by), `at ${clock(job.pause.at, now)}`]) : '',
    under: bitsOf(countsText(job), ...errorBits(job)),
    when: { text: job.eta_s ? `${about(usualStep(job.eta_s))} of work left` : '' },
    whenMore: job.pause ? [`paused for ${roughly(secondsBetween(job.pause.at, now))}`] : [],
  }),
  requested: (job, setting) => ({
    head: { text: 'Cancel requested' },
    message: job.cancel?.delivered_at
      ? `${workerOf(job)} has it, and finishes what it is doing`
      : `Waiting for ${workerOf(job)} to confirm`,
    under: bitsOf(countsText(job), ...errorBits(job)),
    when: { text: `asked ${duration(stopping(job, setting).total_s)} ago` },
  }),
  stopping: (job, setting) => {
    const { total_s, slow } = stopping(job, setting);
    const usual_s = setting.kind?.stop_p50_s;
    return {
      head: { text: slow ? 'Still stopping' : 'Stopping' },
      message: slow ? 'Longer than usual' : (job.message ?? ''),
      under: cancelBits(job),
      when: { text: usual_s && !slow ? `usually stops in ${about(usualStep(usual_s))}` : '' },
      whenMore: [`${duration(total_s)} since request`],
    };
  },
  lost: (job) => ({
    head: { text: 'Worker lost' },
    message: `Waiting for ${workerOf(job)} to answer`,
    under: bitsOf(countsText(job), follows(job) && resumes(job, 'resumes')),
    when: { text: follows(job) ? 'estimate after restart' : 'no estimate', tone: 'c-2' },
    whenMore: job.heard_at ? [`${follows(job) ? 'silent' : 'no answer'} since ${clockSeconds(job.heard_at)}`] : [],
  }),
  waiting: (job, { now }) => {
    const since = lostBefore(job);
    return {
      head: { text: since === null ? 'Waiting to retry' : 'Worker lost' },
      message: retryText(job, now),
      under: bitsOf(
        countsText(job),
        since === null && job.message && sentence(firstLine(job.message)),
        resumes(job, 'resumes'),
      ),
      when: { text: 'estimate after restart', tone: 'c-2' },
      whenMore: since ? [since] : [],
    };
  },
  failed: (job, setting) => ({
    head: { text: 'Failed', tone: 'c-bad' },
    message: job.error ? firstLine(errorText(job.error)) : (job.message ?? ''),
    under: bitsOf(
      countsText(job),
      ...errorBits(job),
      setting.kind ? resumes(job, 'Retry resumes') || startsOver(job) : null,
    ),
    when: { text: endText(job, setting.now) },
    whenMore: [`failed after ${duration(job.elapsed_s)}`],
  }),
  done: (job, { now }) => ({
    head: { text: job.cancel ? 'Done before it could stop' : 'Done' },
    message:
      job.message ||
      list([
        ...bitsOf(countsText({ ...job, done: job.total ?? job.done, total: null })).map((bit) => bit.text),
        ...errorBits(job).map((bit) => bit.text),
      ]),
    under: bitsOf(countsText(job), ...errorBits(job)),
    when: { text: endText(job, now) },
    whenMore: [`took ${duration(job.elapsed_s)}`],
  }),
  cancelled: (job, { now }) => ({
    head: { text: 'Cancelled' },
    message: cancelledText(job),
    under: job.cancel ? cancelBits(job) : [],
    when: { text: endText(job, now) },
    whenMore: [job.started_at ? `stopped after ${duration(job.elapsed_s)}` : 'before it started'],
  }),
};

/** @param {SeenJob} job @param {Setting} setting @returns {Story} */
export function tell(job, setting) {
  const words = TELL[stateOf(job)](job, setting);
  return {
    step: '',
    message: '',
    under: [],
    when: { text: '' },
    whenMore: [],
    left_s: null,
    ...words,
    ...offers(job, setting),
  };
}

/** Kind, worker, watchers. @param {SeenJob} job */
export function meta(job) {
  const state = stateOf(job);
  const silent = state === 'queued' ? 'no worker yet' : attemptText(job);
  const tries = state === 'queued' || (state === 'failed' && job.attempt > 1);
  const named = job.worker && !ended(job) && (state === 'lost' ? `${job.worker} lost` : job.worker);
  return {
    texts: bitsOf(
      job.kind,
      (tries && silent) || named || null,
      job.priority ? `priority ${number(job.priority)}` : null,
    ),
    eyes: job.viewers >= EYES_FROM ? job.viewers : null,
  };
}

/** @param {SeenJob} job @param {number} now @returns {string} `1 to 3 minutes left` */
function leftSpoken(job, now) {
  const { from_s = null, left_s } = estimate(job, now);
  if (left_s === null) return '';
  const to = spoken(step(left_s) || 10);
  return from_s === null ? `About ${to} left.` : `${spoken(step(from_s) || 10)} to ${to} left.`;
}

/** What stands beside the percent while it does not run. @param {SeenJob} job @param {number} now @returns {string} */
function standingSpoken(job, now) {
  const back = job.checkpoint?.fraction;
  const state = stateOf(job);
  if (state === 'stalled')
    return `No update for ${spokenExactly(secondsBetween(job.advanced_at ?? job.started_at ?? now, now))}.`;
  if (state === 'stopping') return job.message ? `${job.message}.` : '';
  if (!back || !['lost', 'waiting', 'failed'].includes(state)) return '';
  return `${state === 'failed' ? 'Retry resumes' : 'Resumes'} from ${percentSpoken(back)}.`;
}

/** Spelled out for a screen reader. @param {SeenJob} job @param {Story} story @param {number} now */
export function spokenProgress(job, story, now) {
  const share = job.fraction === null ? '' : percentSpoken(job.fraction, job.status === 'succeeded');
  const runs = stateOf(job) === 'running';
  if (!runs)
    return join([
      `${stateOf(job) === 'stopping' ? story.head.text : STATE_NAMES[stateOf(job)]}${share && ` at ${share}`}.`,
      standingSpoken(job, now),
    ]);
  const phase = job.phases.length > 1 ? currentPhase(job) : null;
  return join([
    share && `${share}.`,
    phase && `${phase.name}, phase ${number((job.phase ?? 0) + 1)} of ${number(job.phases.length)}.`,
    countsText(job) && `${countsSpoken(job.done ?? 0, job.total, job.unit)}.`,
    leftSpoken(job, now),
  ]);
}

/** `4 min 12 s elapsed` and `usually 6–8 min`, for the page of one job. @param {SeenJob} job @param {number} now */
export const sinceLines = (job, now) => [`${duration(elapsed(job, now))} elapsed`, usually(job.typical)];
