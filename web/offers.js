/** What may be done to a job, as it stands. Pure. */
import { stateOf } from './states.js';
import { secondsBetween } from './words.js';

const SLOW_STOP_S = 30;
const SLOW_STOP_TIMES = 3;

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./states.js').RowState} RowState
 * @typedef {import('./story.js').Setting} Setting
 * @typedef {{verb: 'cancel'|'force'|'retry'|'pause'|'resume'|'result'|'none', text: string, enabled: boolean}} Action
 * @typedef {{action: Action, second: Action}} Offers  `second`: what stands beside it, quieter
 */

/** @param {Action['verb']} verb @param {string} text @param {boolean} [enabled] @returns {Action} */
const action = (verb, text, enabled = true) => ({ verb, text, enabled });

const NOTHING = action('none', '');
const CANCEL = action('cancel', 'Cancel');
const PAUSE = action('pause', 'Pause');

/**
 * @param {SeenJob} job
 * @param {Setting} setting
 * @returns {{total_s: number, slow: boolean}} how long a cancel has been going on
 */
export function stopping(job, { now, kind }) {
  const total_s = secondsBetween(job.cancel?.requested_at ?? now, now);
  return { total_s, slow: total_s >= Math.max(SLOW_STOP_S, SLOW_STOP_TIMES * (kind?.stop_p50_s ?? 0)) };
}

/** @param {SeenJob} job @param {Setting} setting @param {string} text @returns {Action} */
const forceOr = (job, setting, text) =>
  stopping(job, setting).slow && !job.cancel?.forced_at ? action('force', 'Force stop') : action('none', text, false);

/**
 * Work of an unknown kind is started by others.
 * @param {string} text
 * @returns {(job: SeenJob, setting: Setting) => Action}
 */
const again =
  (text) =>
  (_, { kind }) =>
    kind ? action('retry', text) : NOTHING;

/** @type {Partial<Record<RowState, (job: SeenJob, setting: Setting) => Action>>} */
const FIRST = {
  paused: () => action('resume', 'Resume'),
  waiting: (_, { kind }) => (kind ? action('retry', 'Retry now') : CANCEL),
  requested: (job, setting) => forceOr(job, setting, 'Cancel requested'),
  stopping: (job, setting) => forceOr(job, setting, 'Stopping'),
  failed: again('Retry'),
  cancelled: again('Run again'),
  done: () => action('result', 'Result'),
};

/** @type {Partial<Record<RowState, Action>>} */
const SECOND = { running: PAUSE, stalled: PAUSE, paused: CANCEL, waiting: CANCEL };

/** @param {SeenJob} job @param {Setting} setting @returns {Offers} */
export function offers(job, setting) {
  const state = stateOf(job);
  const first = FIRST[state]?.(job, setting) ?? CANCEL;
  if (!setting.control) return { action: first.verb === 'result' ? first : NOTHING, second: NOTHING };
  const second = SECOND[state] ?? NOTHING;
  return { action: first, second: second.verb === first.verb ? NOTHING : second };
}
