/** What the page says about its connection. Pure. */
import { clock, clockSeconds, number } from './words.js';

const SILENT_MS = 2_000; // a short drop is nobody's business
const OFFLINE_MS = 10_000;

/**
 * @typedef {import('./link.js').Link} Link
 * @typedef {{look: 'live'|'wait'|'off'|'poll', text: string, act: string}} Pill  `act`: the words of its action
 */

/**
 * @param {Link} link
 * @param {number} now_ms this machine's clock
 * @param {boolean} online
 * @returns {boolean} what is shown is old
 */
export const isOffline = (link, now_ms, online) =>
  link.name === 'stopped' || (link.lost_ms !== null && (now_ms - link.lost_ms >= OFFLINE_MS || !online));

/**
 * What is told of a job's time while the hub may not be heard, on the hub's clock.
 * @param {Link} link
 * @param {number} now_ms  this machine's clock
 * @param {() => boolean} online  asked only where it matters: this runs for each row of a list
 * @param {number} ahead_ms  of the hub's clock
 * @returns {{now: number, lost_at: number|null}}  `now` stands still soon after the hub is no longer heard, because
 *   nothing is known of what goes on; `lost_at`: since when, once that matters
 */
export function heard(link, now_ms, online, ahead_ms) {
  const { lost_ms } = link;
  if (lost_ms === null) return { now: now_ms + ahead_ms, lost_at: null };
  const lost_at = isOffline(link, now_ms, online()) ? lost_ms + ahead_ms : null;
  return { now: Math.min(now_ms, lost_ms + SILENT_MS) + ahead_ms, lost_at };
}

/** @param {Link} link @returns {Pill} */
const present = (link) =>
  link.transport === 'polling'
    ? { look: 'poll', text: 'Polling every 5\u00a0s', act: '' }
    : { look: 'live', text: 'Live', act: '' };

/** @param {Link} link @param {number} now_ms @param {boolean} online @returns {Pill} */
export function pill(link, now_ms, online) {
  const quiet = link.lost_ms === null || now_ms - link.lost_ms < SILENT_MS;
  if (link.name === 'idle' || (link.name === 'connecting' && link.lost_ms === null))
    return { look: 'wait', text: 'Connecting', act: '' };
  if (link.name === 'stopped') return { look: 'off', text: 'Offline', act: '' };
  if (link.name === 'catching' && !quiet) return { look: 'wait', text: 'Catching up', act: '' };
  if (isOffline(link, now_ms, online)) return { look: 'off', text: 'Offline', act: 'Retry now' };
  return quiet ? present(link) : { look: 'wait', text: reconnecting(link, now_ms), act: '' };
}

/** @param {Link} link @param {number} now_ms */
function reconnecting(link, now_ms) {
  const left_s = Math.ceil(((link.retry_ms ?? now_ms) - now_ms) / 1000);
  return left_s > 0 ? `Reconnecting in ${number(left_s)}\u00a0s` : 'Reconnecting';
}

/** @param {number} lost_at  hub's clock */
export const banner = (lost_at) => ({
  head: 'Connection lost.',
  text: `You are seeing the last known state from ${clockSeconds(lost_at)}. Jobs keep running.`,
});

/**
 * @param {string|null} reason  why the connection stopped
 * @param {number|null} lost_at
 * @returns {{title: string, text: string, icon: string}}
 */
export function access(reason, lost_at) {
  const since = lost_at === null ? '' : `Your session ended at ${clock(lost_at, lost_at)}. `;
  if (reason === 'forbidden')
    return { title: 'You may not see these jobs', text: 'Ask whoever runs this hub for access.', icon: 'key' };
  if (reason === 'malformed')
    return { title: 'This page does not fit the hub', text: 'One of them is newer. Reload the page.', icon: 'plug' };
  return { title: 'Sign in to see jobs', text: `${since}Jobs keep running without you.`, icon: 'key' };
}
