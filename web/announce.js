/** What a screen reader is told, and what a toast says: news of one's own jobs, not of every tick. */
import { ended, stateOf } from './states.js';
import { duration, percent, percentOf } from './words.js';

const APART_MS = 15_000;
const QUARTERS = [25, 50, 75];

/** @typedef {import('./state.js').SeenJob} SeenJob @typedef {{text: string, urgent: boolean}} News */
/** @typedef {import('./elements/toast-stack.js').Toast} Toast */

/** @type {Record<string, string>} */
const TURNS = {
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  stopping: 'stopping, confirmed',
  requested: 'cancel requested',
  paused: 'paused',
  waiting: 'waiting to retry',
};

/** @param {SeenJob} before @param {SeenJob} job @returns {number|undefined} a quarter that was passed */
function quarter(before, job) {
  const [from, to] = [before.fraction, job.fraction].map((fraction) => percentOf(fraction ?? 0));
  return QUARTERS.findLast((mark) => from < mark && to >= mark);
}

/**
 * @param {SeenJob|undefined} before
 * @param {SeenJob} job
 * @param {boolean} inFull  on the job's own page: quarters, phases and stalls too
 * @returns {News|null}
 */
export function news(before, job, inFull) {
  if (!before || before === job) return null;
  const state = stateOf(job);
  if (state !== stateOf(before) && TURNS[state]) return { text: `${job.title}: ${TURNS[state]}`, urgent: true };
  if (!inFull) return null;
  if (state === 'stalled' && stateOf(before) !== 'stalled') return { text: `${job.title}: stalled`, urgent: false };
  if (job.phase !== before.phase && job.phase !== null)
    return { text: `Phase ${job.phases[job.phase]?.name ?? ''}`, urgent: false };
  const mark = quarter(before, job);
  return mark ? { text: `${mark} percent`, urgent: false } : null;
}

/** Tells news at least 15 s apart, the newest first; ends and confirmations do not wait. */
export class Announcer {
  #said_ms = -Infinity;

  /** @param {{textContent: string|null}} place  a polite live region */
  constructor(place) {
    this.place = place;
  }

  /** @param {News|null} news @param {number} now_ms */
  say(news, now_ms) {
    if (!news || (!news.urgent && now_ms - this.#said_ms < APART_MS)) return;
    this.#said_ms = now_ms;
    this.place.textContent = news.text;
  }
}

/** @param {SeenJob|undefined} before @param {SeenJob} job @returns {boolean} */
export const justEnded = (before, job) => before !== undefined && !ended(before) && ended(job);

/** @param {SeenJob} job @returns {Toast|null} */
export function endToast(job) {
  const common = { job: job.id, link: { text: 'Open job', href: `/jobs/${encodeURIComponent(job.id)}` } };
  if (job.status === 'succeeded')
    return {
      icon: 'done',
      tone: 'c-ok',
      title: `${job.title} is done`,
      text: `${job.message ? `${job.message}, ` : ''}took ${duration(job.elapsed_s)}.`,
      ...common,
    };
  if (job.status !== 'failed') return null;
  const at = job.fraction === null ? '' : ` at ${percent(job.fraction)}`;
  return {
    icon: 'failed',
    tone: 'c-bad',
    title: `${job.title} failed${at}`,
    text: job.error?.message ?? '',
    ...common,
    stays: true,
  };
}

/** @param {number} count @returns {Toast} one instead of many, after an absence */
export const backToast = (count) => ({
  icon: 'lost',
  tone: 'c-3',
  title: 'Back online',
  text: `${count} ${count === 1 ? 'job' : 'jobs'} finished meanwhile.`,
  link: { text: 'Show', href: '/?tab=finished' },
});
