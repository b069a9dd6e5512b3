/** Which jobs' rows are open, how far, and where the jobs under them come from when the feed does not hold them. */

const SHOWN = 20;
const MORE = 100;
const ASKED_AT_ONCE = 5;

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {{jobs: Job[], next: string|null}} Pages
 * @typedef {{jobs: (query: {parent: string, after: string|null}) => Promise<Pages>,
 *   job: (id: string) => Promise<Job>}} Source
 * @typedef {{open: boolean|undefined, most: number, next: string|null|undefined, known: number, busy: boolean}} Branch
 *   `next`: the hub's cursor; `undefined` before the first page, `null` after the last; `known`: when last looked at
 */

export class Branches {
  /** @type {Map<string, Branch>} */
  #branches = new Map();
  /** @type {Set<string>} */
  #asked = new Set();
  #asking = 0;

  /** @param {Source} source @param {(jobs: Job[]) => void} take  is given jobs that the feed may not hold */
  constructor(source, take) {
    this.source = source;
    this.take = take;
  }

  /** @param {string} id @returns {Branch} */
  #of(id) {
    const known = this.#branches.get(id);
    if (known) return known;
    const made = { open: undefined, most: SHOWN, next: undefined, known: 0, busy: false };
    this.#branches.set(id, made);
    return made;
  }

  /** @param {string} id @returns {boolean|undefined} `undefined` while nobody said */
  isOpen(id) {
    return this.#branches.get(id)?.open;
  }

  /** @param {string} id @returns {number} rows under it */
  most(id) {
    return this.#branches.get(id)?.most ?? SHOWN;
  }

  /** @param {string} id @param {boolean} open */
  turn(id, open) {
    const branch = this.#of(id);
    branch.open = open;
    branch.most = SHOWN;
  }

  /** @param {string} id */
  more(id) {
    const branch = this.#of(id);
    branch.most += MORE;
    if (branch.next === null) branch.next = undefined; // whoever asks again means it
  }

  /** With a new filter nothing is closed that it finds. */
  forgetClosed() {
    for (const branch of this.#branches.values()) if (branch.open === false) branch.open = undefined;
  }

  /**
   * Asks the hub for more jobs of an open row, if more are to be shown than are known.
   * @param {string} id
   * @param {number} total
   * @param {number} known
   */
  async fill(id, total, known) {
    const branch = this.#of(id);
    if (known < branch.known) branch.next = undefined; // the feed dropped some
    branch.known = known;
    if (branch.busy || branch.next === null || known >= Math.min(total, branch.most)) return;
    branch.busy = true;
    const page = await this.source.jobs({ parent: id, after: branch.next ?? null }).catch(() => null);
    branch.busy = false;
    branch.next = page?.next ?? null;
    if (page) this.take(page.jobs);
  }

  /** Asks for a job once, few at a time. @param {string} id  of one that started a job */
  async meet(id) {
    if (this.#asked.has(id) || this.#asking >= ASKED_AT_ONCE) return;
    this.#asked.add(id);
    this.#asking += 1;
    const job = await this.source.job(id).catch(() => null);
    this.#asking -= 1;
    if (job) this.take([job]);
  }
}
