/** What a screen reader is told, and what a toast says: news of one's own jobs, not of every tick. Pure, but for time. */
import { firstLine } from './phrases.js';
import { ended, stateOf } from './states.js';
import { duration, percent, percentOf, percentSpoken, plural, sentence } from './words.js';

const APART_MS = 15_000;
const TOGETHER_MS = 1_000; // two that end at once are both heard
const QUARTERS = [25, 50, 75];

/** @typedef {import('./state.js').SeenJob} SeenJob @typedef {{text: string, urgent: boolean}} News */
/** @typedef {import('./elements/toast-stack.js').Toast} Toast */

/** @type {Record<string, string>} */
const ENDS = { done: 'done', failed: 'failed', cancelled: 'cancelled', stopping: 'stopping, confirmed' };
/** Told on the job's own page only. @type {Record<string, string>} */
const TURNS = {
  requested: 'cancel requested',
  paused: 'paused',
  waiting: 'waiting to retry',
  lost: 'worker lost',
  stalled: 'stalled',
};

/** @param {SeenJob} before @param {SeenJob} job @returns {number|undefined} a quarter that was passed */
function quarter(before, job) {
  const [from, to] = [before.fraction, job.fraction].map((fraction) => percentOf(fraction ?? 0));
  return QUARTERS.findLast((mark) => from < mark && to >= mark);
}

/** @param {string} text @param {boolean} [urgent] @returns {News} */
const tidings = (text, urgent = false) => ({ text, urgent });

/**
 * @param {SeenJob|undefined} before
 * @param {SeenJob} job
 * @param {boolean} inFull  on the job's own page: quarters, phases and stalls too
 * @returns {News|null}
 */
export function news(before, job, inFull) {
  if (!before || before === job) return null;
  const state = stateOf(job);
  const turned = state !== stateOf(before);
  if (turned && ENDS[state]) return tidings(`${job.title}: ${ENDS[state]}`, true);
  if (!inFull) return null;
  if (turned && TURNS[state]) return tidings(`${job.title}: ${TURNS[state]}`, state === 'requested');
  if (job.phase !== before.phase && job.phase !== null) return tidings(`Phase ${job.phases[job.phase]?.name ?? ''}`);
  const mark = quarter(before, job);
  return mark ? tidings(percentSpoken(mark / 100)) : null;
}

/** Tells news at least 15 s apart, the newest of those that wait; ends and confirmations do not wait. */
export class Announcer {
  #said_ms = -Infinity;
  #urgent = false;
  /** @type {any} */
  #timer = null;

  /** @param {{textContent: string|null}} place  a polite live region @param {import('./socket.js').Clock} clock */
  constructor(place, clock) {
    this.place = place;
    this.clock = clock;
  }

  /** @param {News|null} news */
  say(news) {
    if (!news) return;
    this.clock.clearTimeout(this.#timer);
    const left_ms = this.#said_ms + APART_MS - this.clock.now();
    if (news.urgent || left_ms <= 0) this.#tell(news);
    else this.#timer = this.clock.setTimeout(() => this.#tell(news), left_ms);
  }

  /** @param {News} news */
  #tell({ text, urgent }) {
    const now_ms = this.clock.now();
    const joined = urgent && this.#urgent && now_ms - this.#said_ms < TOGETHER_MS;
    this.place.textContent = joined ? `${this.place.textContent}. ${text}` : text;
    this.#said_ms = now_ms;
    this.#urgent = urgent;
  }
}

/** @param {SeenJob|undefined} before @param {SeenJob} job @returns {boolean} */
export const justEnded = (before, job) => before !== undefined && !ended(before) && ended(job);

/** @param {string} text @returns {string} with a full stop, if it says anything */
const stopped = (text) => (text && !/[.!?…]$/.test(text) ? `${text}.` : text);

/** @param {SeenJob} job @returns {string} what came of it */
function outcome({ status, message, error, elapsed_s }) {
  if (status === 'failed') return stopped(sentence(firstLine(error?.message ?? '')));
  const took = duration(elapsed_s);
  return message ? `${message.replace(/[.!]$/, '')} in ${took}.` : `Took ${took}.`;
}

/** @param {SeenJob} job @returns {string} ` failed at 67%`, after its title */
const turn = ({ status, fraction }) =>
  status === 'succeeded'
    ? ' is done'
    : `${status === 'failed' ? ' failed' : ' was cancelled'}${fraction ? ` at ${percent(fraction)}` : ''}`;

/** @param {SeenJob} job  ended @returns {import('./notices.js').Notice} */
export const endNotice = (job) => ({
  job: job.id,
  title: `${job.title}${turn(job)}`,
  text: job.status === 'cancelled' ? stopped(job.message ?? '') : outcome(job),
});

/** @param {number} count @returns {import('./notices.js').Notice} one instead of many, after an absence */
export const awayNotice = (count) => ({ job: '', title: `${plural(count, 'job')} finished`, text: '' });

/** @param {SeenJob} job @returns {import('./elements/toast-stack.js').Link} its result, or its page */
const resultLink = ({ id, artifacts: [file] }) =>
  file
    ? { text: 'Open result', href: file.url, file: file.name }
    : { text: 'Open job', href: `/jobs/${encodeURIComponent(id)}` };

/** @param {SeenJob} job @param {(() => void)|null} retry  where it can be tried again @returns {Toast|null} */
export function endToast(job, retry) {
  const common = { job: job.id, name: job.title, title: turn(job), text: outcome(job) };
  if (job.status === 'succeeded') return { ...common, icon: 'done', tone: 'c-ok', link: resultLink(job) };
  if (job.status !== 'failed') return null;
  const from = job.checkpoint?.fraction;
  const again = retry && { text: from ? `Retry from ${percent(from)}` : 'Retry', run: retry };
  const way = again ? { act: again } : { link: resultLink({ ...job, artifacts: [] }) };
  return { ...common, ...way, icon: 'failed', tone: 'c-bad', stays: true };
}

/** A job that had not started is cancelled at once. @param {SeenJob} job @param {() => void} undo @returns {Toast} */
export const undoToast = (job, undo) => ({
  job: job.id,
  name: job.title,
  title: ' was cancelled',
  text: job.attempt > 1 ? 'Its next attempt had not started.' : 'It had not started.',
  icon: 'cancelled',
  tone: 'c-3',
  act: { text: 'Undo', run: undo },
});

/** @param {number} count @param {boolean} offline @returns {Toast} one instead of many, after an absence */
export const backToast = (count, offline) => ({
  icon: 'lost',
  tone: 'c-3',
  title: offline ? 'Back online' : 'Welcome back',
  text: `${plural(count, 'job')} finished meanwhile.`,
  link: { text: 'Show', href: '/?tab=finished' },
});
