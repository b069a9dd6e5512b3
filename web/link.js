/** The state of a connection, as a value. Pure. */

/**
 * @typedef {object} Link  the connection's state
 * @property {'idle'|'connecting'|'catching'|'live'|'waiting'|'stopped'} name
 * @property {'socket'|'stream'|'polling'} transport
 * @property {number|null} lost_ms  since when nothing is heard; `null` while live and before the first time
 * @property {number|null} live_ms  since when it is live
 * @property {number|null} retry_ms  when the next attempt is due
 * @property {string|null} reason  why it stopped
 * @property {number|null} delay_ms  from the last question to its answer
 */

/** @type {Link} */
export const IDLE = {
  name: 'idle',
  transport: 'socket',
  lost_ms: null,
  live_ms: null,
  retry_ms: null,
  reason: null,
  delay_ms: null,
};

/**
 * @param {Link} link
 * @param {number} by_ms
 * @returns {Link} as another clock tells it
 */
export const moved = (link, by_ms) => ({
  ...link,
  lost_ms: link.lost_ms === null ? null : link.lost_ms + by_ms,
  live_ms: link.live_ms === null ? null : link.live_ms + by_ms,
  retry_ms: link.retry_ms === null ? null : link.retry_ms + by_ms,
});
