/**
 * A job told in the words of one row: what it does, how far it is, when it ends, what can be done.
 * Pure. Sentence case, no number that is not yet trustworthy.
 */
import { elapsed, elapsedText, estimate, lastKnown, usually } from './eta.js';
import { errorText } from './failures.js';
import { offers, stopping } from './offers.js';
import { currentPhase, ended, stateOf } from './states.js';
import {
  about,
  brief,
  clock,
  clockSeconds,
  counts,
  duration,
  number,
  percent,
  rate,
  secondsBetween,
  sentence,
  spoken,
  step,
  usualStep,
} from './words.js';

const QUIET_S = 15; // no sign of life for so long: the worker does not answer
const RATE_AFTER_S = 3;
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

/** @param {string|null|undefined} name @param {string} [before] @returns {string} ` by Ada`, or nothing */
const by = (name, before = 'by ') => (name ? `${before}${name}` : '');

/** @param {(string|false|null|undefined)[]} parts @param {string} [between] */
const join = (parts, between = ' ') => parts.filter(Boolean).join(between);

/** @param {SeenJob} job */
const worker = (job) => job.worker ?? 'the worker';

/** @param {SeenJob} job */
const countsText = (job) =>
  job.done === null || (!job.done && !job.total) ? '' : counts(job.done, job.total, job.unit);

/** @param {SeenJob} job @param {Setting} setting @returns {string} hidden until it can be trusted */
function rateText(job, { now }) {
  const since = currentPhase(job)?.started_at ?? job.started_at;
  if (stateOf(job) !== 'running' || !job.rate || (since && secondsBetween(since, now) < RATE_AFTER_S)) return '';
  return rate(job.rate, job.unit);
}

/** @param {SeenJob} job @returns {Bit[]} errors are told only above zero, and then what went well, too */
function errorBits(job) {
  const { errors, ok } = job.counters;
  if (!errors) return [];
  const well = ok === undefined ? [] : [{ text: `${number(ok)} ok` }];
  return [...well, { text: `${number(errors)} ${errors === 1 ? 'error' : 'errors'}`, tone: 'c-bad' }];
}

/** @param {(string|Bit|false|null)[]} bits @returns {Bit[]} */
const bitsOf = (...bits) => bits.flatMap((bit) => (!bit ? [] : typeof bit === 'string' ? [{ text: bit }] : [bit]));

/** @param {SeenJob} job @param {string} verb */
const resumes = (job, verb) =>
  job.checkpoint?.fraction ? `${verb} from checkpoint ${percent(job.checkpoint.fraction)}` : '';

/** @param {SeenJob} job @returns {string} `worker-02 confirmed in 0.4 s` */
function confirmed(job) {
  const { acknowledged_at, requested_at, forced_at } = job.cancel ?? {};
  if (acknowledged_at && requested_at)
    return `${worker(job)} confirmed in ${brief(secondsBetween(requested_at, acknowledged_at))}`;
  return forced_at ? `forced at ${clockSeconds(forced_at)}` : '';
}

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
    when: { text: job.starts_in_s === null ? '' : `starts in about ${about(step(job.starts_in_s) || 10)}` },
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
    whenMore: job.pause ? [`paused for ${duration(secondsBetween(job.pause.at, now))}`] : [],
  }),
  requested: (job, setting) => ({
    head: { text: 'Cancel requested' },
    message: job.cancel?.delivered_at
      ? `${worker(job)} has it, and finishes what it is doing`
      : `Waiting for ${worker(job)} to confirm`,
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
    message: `Waiting for ${worker(job)} to answer`,
    under: bitsOf(countsText(job), resumes(job, 'resumes')),
    when: { text: 'estimate after restart', tone: 'c-2' },
    whenMore: job.heard_at ? [`silent since ${clockSeconds(job.heard_at)}`] : [],
  }),
  waiting: (job, { now }) => ({
    head: { text: 'Waiting to retry' },
    message: retryText(job, now),
    under: bitsOf(countsText(job), job.message && sentence(firstLine(job.message)), resumes(job, 'resumes')),
    when: { text: 'estimate after restart', tone: 'c-2' },
    whenMore: job.heard_at ? [`last heard ${clockSeconds(job.heard_at)}`] : [],
  }),
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
      join(
        [countsText({ ...job, done: job.total ?? job.done, total: null }), ...errorBits(job).map((bit) => bit.text)],
        ', ',
      ),
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

/** @param {string} text */
const firstLine = (text) => text.split('\n', 1)[0];

/** @param {SeenJob} job @param {number} now */
const endText = (job, now) => (job.finished_at ? clock(job.finished_at, now) : '');

/** @param {SeenJob} job */
function queueText(job) {
  const position = job.queue_position;
  if (position === null) return job.attempt > 1 ? `Attempt ${job.attempt}` : '';
  if (position <= 1) return 'Position 1, next to start';
  return `Position ${position}, behind ${position - 1} ${position === 2 ? 'job' : 'jobs'}`;
}

/** @param {SeenJob} job @param {number} now */
function stalledText(job, now) {
  const answers = job.heard_at !== null && secondsBetween(job.heard_at, now) < QUIET_S;
  if (!answers) return `${worker(job)} does not answer`;
  return join(
    [`last: ${join([currentPhase(job)?.name, job.message], ', ') || 'started'}`, 'worker still answers'],
    ', ',
  );
}

/** `attempt 2 of 4`; who else tries again may try more often than was said. @param {SeenJob} job */
const attemptText = ({ attempt, max_attempts }) =>
  `attempt ${attempt}${attempt <= max_attempts ? ` of ${max_attempts}` : ''}`;

/** @param {SeenJob} job @param {number} now */
function retryText(job, now) {
  const left_s = Math.ceil(secondsBetween(now, job.retry_at ?? now));
  return `${sentence(attemptText(job))} ${left_s ? `in ${duration(left_s)}` : 'starts now'}`;
}

/** What a retry of a job without a checkpoint does. @param {SeenJob} job */
const startsOver = ({ children }) =>
  children ? 'Retry keeps the jobs that succeeded' : 'Retry starts from the beginning';

/** @param {SeenJob} job */
function cancelledText(job) {
  const at = job.fraction ? `at ${percent(job.fraction)}` : '';
  const how = { forced: 'stopped by force', assumed: 'its worker was lost', acknowledged: '' }[
    job.cancel?.how ?? 'acknowledged'
  ];
  const who = job.cancel ? join([by(job.cancel.by), at]) : join(['by the work itself', at]);
  return join([who, how, job.message], ', ');
}

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

/** Spelled out for a screen reader. @param {SeenJob} job @param {Story} story @param {number} now */
export function spokenProgress(job, story, now) {
  const left = estimate(job, now).left_s;
  const phase = currentPhase(job);
  const numbers = countsText(job).replace(' / ', ' of ');
  return join([
    job.fraction !== null && `${percent(job.fraction, job.status === 'succeeded').replace('%', ' percent')}.`,
    stateOf(job) !== 'running' && `${story.head.text}.`,
    phase && job.phases.length > 1 && `${phase.name}, phase ${(job.phase ?? 0) + 1} of ${job.phases.length}.`,
    numbers && `${numbers}.`,
    stateOf(job) === 'running' && left !== null && `About ${spoken(step(left) || 10)} left.`,
  ]);
}

/** `4 min 12 s elapsed` and `usually 6–8 min`, for the page of one job. @param {SeenJob} job @param {number} now */
export const sinceLines = (job, now) => [`${duration(elapsed(job, now))} elapsed`, usually(job.typical)];
