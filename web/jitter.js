/** How long to wait before coming back, so that a thousand pages do not come back at once. Pure. */
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 20_000;

/**
 * Full jitter: anything between nothing and the bound, which doubles from 0.25 s to 20 s.
 * @param {number} attempt  failures in a row so far
 * @param {() => number} random  0 to 1
 */
export const jitter_ms = (attempt, random) => random() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
