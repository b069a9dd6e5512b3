/** Where a job stands, as the page tells it. Pure. */

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {'queued'|'running'|'stalled'|'paused'|'requested'|'stopping'|'lost'|'waiting'|'failed'|'done'
 *   |'cancelled'} RowState
 */

/** @type {Record<string, RowState>} */
const PLAIN = {
  queued: 'queued',
  running: 'running',
  paused: 'paused',
  lost: 'lost',
  succeeded: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** The names under which a state's icon is read out. @type {Record<RowState, string>} */
export const STATE_NAMES = {
  queued: 'Queued',
  running: 'Running',
  stalled: 'Stalled',
  paused: 'Paused',
  requested: 'Cancel requested',
  stopping: 'Stopping',
  lost: 'Worker lost',
  waiting: 'Waiting to retry',
  failed: 'Failed',
  done: 'Done',
  cancelled: 'Cancelled',
};

/** @param {Job} job @returns {RowState} the one that wins where several apply */
export function stateOf(job) {
  if (job.status === 'cancelling')
    return job.cancel?.acknowledged_at || job.cancel?.forced_at ? 'stopping' : 'requested';
  if (job.status === 'queued' && job.retry_at !== null) return 'waiting';
  if (job.status === 'running' && job.stalled) return 'stalled';
  return PLAIN[job.status] ?? 'queued';
}

/** @param {Job} job @returns {boolean} no further attempt follows by itself */
export const ended = (job) => ['succeeded', 'failed', 'cancelled'].includes(job.status);

/** The phase that it is in. @param {Job} job @returns {import('./wire.js').Phase|null} */
export const currentPhase = (job) => (job.phase === null ? null : (job.phases[job.phase] ?? null));
