/** What a person may do to a job. Each is a request of its own, never queued: it works or it is said. */
import { Refused, Unanswered } from './api.js';

/** @typedef {import('./state.js').SeenJob} SeenJob @typedef {'cancel'|'retry'|'pause'|'resume'} Verb */

/** @type {Record<string, string>} */
const NAMES = { cancel: 'Cancel', force: 'Force stop', retry: 'Retry', pause: 'Pause', resume: 'Resume' };

/** Dispatches `change` when a request starts or ends. */
export class Actions extends EventTarget {
  /** @type {Set<string>} */
  #pending = new Set();

  /**
   * @param {object} given
   * @param {import('./api.js').Api} given.api
   * @param {import('./store.js').Store} given.store
   * @param {{ask: (job: SeenJob, opener: HTMLElement, force: boolean) => void, fail: (job: SeenJob, opener: HTMLElement, force: boolean, error: unknown) => void}} given.popover
   * @param {(title: string, text: string) => void} given.warn
   * @param {(verb: Verb, before: SeenJob, after: import('./wire.js').Job) => void} [given.told]  the hub took a request
   */
  constructor({ api, store, popover, warn, told = () => {} }) {
    super();
    this.api = api;
    this.store = store;
    this.popover = popover;
    this.warn = warn;
    this.told = told;
  }

  /** @param {string} id @returns {boolean} a request about this job is on its way */
  isPending(id) {
    return this.#pending.has(id);
  }

  /** @param {'cancel'|'force'|'retry'|'pause'|'resume'} verb @param {SeenJob} job @param {HTMLElement} opener */
  act(verb, job, opener) {
    if (verb === 'force') return this.popover.ask(job, opener, true);
    if (verb !== 'cancel') return this.#plain(verb, job);
    const waits = job.status === 'queued';
    return waits ? this.cancel(job, opener) : this.popover.ask(job, opener, false);
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} [force] */
  async cancel(job, opener, force = false) {
    try {
      await this.#send('cancel', job, force ? { force } : {});
    } catch (error) {
      if (error instanceof Refused) this.#refused(job, force ? 'force' : 'cancel', error);
      else this.popover.fail(job, opener, force, error);
    }
  }

  /** @param {'retry'|'pause'|'resume'} verb @param {SeenJob} job */
  async #plain(verb, job) {
    try {
      await this.#send(verb, job);
    } catch (error) {
      this.#refused(job, verb, error);
    }
  }

  /** @param {Verb} verb @param {SeenJob} job @param {object} [control] */
  async #send(verb, job, control = {}) {
    this.#mark(job.id, true);
    try {
      const after = await this.api.control(verb, job.id, control);
      this.store.take({ type: 'snapshot', jobs: [after] });
      this.told(verb, job, after);
    } finally {
      this.#mark(job.id, false);
    }
  }

  /** @param {SeenJob} job @param {string} verb @param {unknown} error */
  #refused(job, verb, error) {
    const unknown = error instanceof Unanswered;
    const text = unknown
      ? 'The hub did not answer. It may or may not have taken it.'
      : /** @type {Error} */ (error).message;
    this.warn(unknown ? `${NAMES[verb]}: no answer` : `${NAMES[verb]} was not done: ${job.title}`, text);
  }

  /** @param {string} id @param {boolean} pending */
  #mark(id, pending) {
    if (pending) this.#pending.add(id);
    else this.#pending.delete(id);
    this.dispatchEvent(new Event('change'));
  }
}
