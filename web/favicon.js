/** The icon in the browser's tab: how far the open job is, or the jobs that run. Pure. */
import { ended, stateOf } from './states.js';
import { percentOf } from './words.js';

/** They stand out from a light and from a dark row of tabs. @type {Record<string, string>} */
const COLOURS = { stalled: '#c07f10', done: '#2a9d60', failed: '#dc4a40' };
const RUN = '#4a7cf0';
const IDLE = '#858d94';
const MOVING = ['running', 'requested'];
/** What is said by colour is said by shape, too. @type {Record<string, string>} */
const SIGNS = { done: 'm5 8.3 2 2 4-4.5', failed: 'm5.5 5.5 5 5m0-5-5 5' };

/** @typedef {import('./state.js').SeenJob} SeenJob */

/** @param {SeenJob} job */
const colourOf = (job) => COLOURS[stateOf(job)] ?? (MOVING.includes(stateOf(job)) ? RUN : IDLE);

/** @param {number} percent @param {string} colour */
const ring = (percent, colour) =>
  `<circle cx="8" cy="8" r="6.5" stroke="${IDLE}" opacity=".45"/>` +
  `<circle cx="8" cy="8" r="6.5" stroke="${colour}" pathLength="100" stroke-dasharray="${percent} 100" transform="rotate(-90 8 8)"/>`;

/** @param {string} colour @param {string} sign */
const disc = (colour, sign) =>
  `<circle cx="8" cy="8" r="8" fill="${colour}" stroke="none"/><path stroke="#fff" stroke-width="2" d="${sign}"/>`;

/** @param {string} shapes */
const address = (shapes) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke-width="3">${shapes}</svg>`)}`;

/** @param {SeenJob} job @param {boolean} lost @returns {string|null} */
function jobIcon(job, lost) {
  const sign = SIGNS[stateOf(job)];
  if (sign) return address(disc(colourOf(job), sign));
  if (job.fraction === null) return null;
  return address(ring(percentOf(job.fraction), lost ? IDLE : colourOf(job)));
}

/** @param {SeenJob[]} jobs  of the feed @param {boolean} lost @returns {string|null} */
function listIcon(jobs, lost) {
  const known = jobs.filter((job) => !ended(job) && job.status !== 'queued' && job.fraction !== null);
  if (!known.length) return null;
  const mean = known.reduce((sum, job) => sum + (job.fraction ?? 0), 0) / known.length;
  const runs = !lost && known.some((job) => colourOf(job) === RUN);
  return address(ring(percentOf(mean), runs ? RUN : IDLE));
}

/**
 * @param {import('./state.js').State} state
 * @param {string|null} id  the job whose page is open
 * @param {boolean} [lost]  the hub cannot be heard: nothing is known to run
 * @returns {string|null} an address of the icon; `null` for the plain one
 */
export function favicon(state, id, lost = false) {
  if (id === null)
    return listIcon(
      [...state.feed].flatMap((one) => state.jobs.get(one) ?? []),
      lost,
    );
  const job = state.jobs.get(id);
  return job ? jobIcon(job, lost) : null;
}
