/**
 * Who is in the list of active jobs at this moment: ended jobs linger a little, new ones wait while
 * someone is pointing at a row, so that nothing jumps. Pure, but for what it remembers.
 */
import { ended } from './states.js';

const LINGER_MS = 1_500;

/** @typedef {import('./state.js').SeenJob} SeenJob */

export class Crowd {
  /** @type {Set<string>} */
  #shown = new Set();
  /** @type {Map<string, number>} */
  #leaving = new Map();
  #begun = false;

  /** @returns {Set<string>} ids of jobs that ended just now and are still shown where they were */
  get fresh() {
    return new Set(this.#leaving.keys());
  }

  /**
   * @param {SeenJob[]} jobs  all that match
   * @param {{now: number, busy: boolean, isHeld: (id: string) => boolean, isOwn: (id: string) => boolean}} given
   * @returns {{present: SeenJob[], waiting: number}} those to show as active, and how many new ones wait
   */
  admit(jobs, { now, busy, isHeld, isOwn }) {
    this.#part(jobs, now, isHeld);
    const present = jobs.filter((job) => !ended(job) || this.#leaving.has(job.id));
    const isNew = (/** @type {SeenJob} */ job) => !this.#shown.has(job.id);
    const waits = (/** @type {SeenJob} */ job) => this.#begun && busy && isNew(job) && !isOwn(job.id);
    const admitted = present.filter((job) => !waits(job));
    this.#shown = new Set(admitted.map((job) => job.id));
    this.#begun = true;
    return { present: admitted, waiting: present.length - admitted.length };
  }

  /** @param {SeenJob[]} jobs @param {number} now @param {(id: string) => boolean} isHeld */
  #part(jobs, now, isHeld) {
    const byId = new Map(jobs.map((job) => [job.id, job]));
    for (const id of this.#shown) {
      const job = byId.get(id);
      if (job && ended(job) && !this.#leaving.has(id)) this.#leaving.set(id, now + LINGER_MS);
    }
    for (const [id, until] of this.#leaving) {
      const job = byId.get(id);
      if (!job || !ended(job) || (now >= until && !isHeld(id))) this.#leaving.delete(id);
    }
  }

  /** Everyone who waits may come in. @param {SeenJob[]} jobs */
  openDoors(jobs) {
    for (const job of jobs) if (!ended(job)) this.#shown.add(job.id);
  }

  /** A new filter is a new list. */
  reset() {
    this.#begun = false;
    this.#leaving.clear();
    this.#shown.clear();
  }
}
