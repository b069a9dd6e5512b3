/** The words in the browser's tab. Pure. */
import { ended, stateOf, STATE_NAMES } from './states.js';
import { isolated, number, percent } from './words.js';

const NAME = 'Barcast';

/** @param {import('./state.js').State} state @param {string|null} id  the job whose page is open @returns {string} */
export function title(state, id) {
  const job = id === null ? null : state.jobs.get(id);
  if (!job) return id === null ? listTitle(state) : NAME;
  const name = isolated(job.title);
  if (ended(job)) return `${STATE_NAMES[stateOf(job)]} · ${name} · ${NAME}`;
  const head = job.fraction === null ? '' : `${percent(job.fraction)} · `;
  return `${head}${name} · ${NAME}`;
}

/** @param {import('./state.js').State} state */
function listTitle({ summary }) {
  return summary?.running ? `${number(summary.running)} running · ${NAME}` : NAME;
}
