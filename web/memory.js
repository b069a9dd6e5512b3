/** What the page remembers of a job beside what the hub tells of it at the moment. Pure. */

const MANY = 99; // a page that comes later does not know how much was told before

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {object} Memory
 * @property {number} frames  how often its progress was told in this attempt
 * @property {number} phase_frames  the same in this phase
 * @property {number|null} reached  how far the attempt before got, 0 to 1
 * @property {number|null} silent_at  since when the attempt before was not heard, where its worker was lost
 */

/**
 * @param {(Job & Memory)|undefined} known
 * @param {Job} job  as it is now
 * @returns {Memory}
 */
export function rememberedOf(known, job) {
  if (!known) return { frames: MANY, phase_frames: MANY, reached: null, silent_at: null };
  if (job.attempt !== known.attempt)
    return {
      frames: 0,
      phase_frames: 0,
      reached: known.fraction,
      silent_at: known.status === 'lost' ? known.heard_at : null,
    };
  const more = job.done !== known.done || job.phase !== known.phase ? 1 : 0;
  return {
    frames: known.frames + more,
    phase_frames: job.phase === known.phase ? known.phase_frames + more : 0,
    reached: known.reached,
    silent_at: known.silent_at,
  };
}
