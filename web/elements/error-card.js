/** Why the last attempt failed, with its traceback for those who may see it. */
import { Refused } from '../api.js';
import { errorText } from '../failures.js';
import { h, show, write } from './dom.js';

/** @typedef {import('../state.js').SeenJob} SeenJob */

/** The one before, where the next is counted already. @param {SeenJob} job */
const failedAttempt = (job) => (job.status === 'queued' ? job.attempt - 1 : job.attempt);

export class ErrorCard {
  #of = '';
  #what = h('bdi');
  #trace = h('pre', { hidden: true, tabindex: 0 });
  #button = h(
    'button',
    { type: 'button', class: 'btn sm', 'aria-expanded': 'false', click: () => this.#toggle() },
    'Show traceback',
  );
  element = h(
    'section',
    { class: 'card', 'aria-label': 'Error', hidden: true },
    h('header', {}, h('h2', {}, 'Error')),
    h('div', { class: 'pad' }, h('p', { class: 'what' }, this.#what), this.#trace, this.#button),
  );

  /** @param {import('../app.js').App} app */
  constructor(app) {
    this.app = app;
  }

  /** @param {SeenJob} job */
  paint(job) {
    show(this.element, job.error !== null);
    if (!job.error) return;
    this.job = job;
    write(this.#what, errorText(job.error));
    show(this.#button, this.app.may('tracebacks'));
    const of = `${job.id} ${failedAttempt(job)}`;
    if (of === this.#of) return;
    this.#of = of;
    this.#fold(false);
  }

  /** @param {boolean} open */
  #fold(open) {
    show(this.#trace, open);
    write(this.#button, open ? 'Hide traceback' : 'Show traceback');
    this.#button.setAttribute('aria-expanded', String(open));
  }

  async #toggle() {
    if (!this.job || !this.#trace.hidden) return this.#fold(false);
    this.#button.disabled = true;
    write(this.#trace, await this.#ask(this.job));
    this.#button.disabled = false;
    this.#fold(true);
  }

  /** @param {SeenJob} job @returns {Promise<string>} */
  async #ask(job) {
    try {
      return (await this.app.api.traceback(job.id, failedAttempt(job))) || 'No traceback was kept.';
    } catch (error) {
      return error instanceof Refused && error.status === 404
        ? 'No traceback was kept.'
        : /** @type {Error} */ (error).message;
    }
  }
}
