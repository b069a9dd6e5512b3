/** The words in the browser's tab. Pure. */
import { ended, stateOf, STATE_NAMES } from './states.js';
import { isolated, number, percent } from './words.js';

const NAME = 'Barcast';

/**
 * @param {import('./state.js').State} state
 * @param {string|null} id  the job whose page is open
 * @param {boolean} [lost]  the hub cannot be heard: nothing is known of what moves
 * @returns {string}
 */
export function title(state, id, lost = false) {
  const job = id === null ? null : state.jobs.get(id);
  if (!job) return lost ? `Offline · ${NAME}` : id === null ? listTitle(state) : NAME;
  const name = isolated(job.title);
  if (ended(job)) return `${STATE_NAMES[stateOf(job)]} · ${name} · ${NAME}`;
  if (lost) return `Offline · ${name} · ${NAME}`;
  const head = job.fraction === null ? '' : `${percent(job.fraction)} · `;
  return `${head}${name} · ${NAME}`;
}

/** @param {import('./state.js').State} state */
function listTitle({ summary }) {
  return summary?.running ? `${number(summary.running)} running · ${NAME}` : NAME;
}
