/** `<cancel-popover>`: asks before a cancel or a force stop, and says when it could not be sent. */
import { QuestionBox } from './question-box.js';

/** @typedef {import('../state.js').SeenJob} SeenJob */

export class CancelPopover extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  /** @type {QuestionBox|null} */
  #box = null;

  connectedCallback() {
    this.#box ??= new QuestionBox(this, {
      kindOf: (kind) => this.app.kinds.get(kind),
      confirm: ({ job, opener, force }) => this.app.actions.cancel(job, opener, force),
    });
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} force */
  ask(job, opener, force) {
    this.#box?.ask(job, opener, force);
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} force @param {unknown} error */
  fail(job, opener, force, error) {
    this.#box?.fail(job, opener, force, error);
  }

  /** @param {import('../state.js').State} state */
  paint(state) {
    this.#box?.paint((id) => state.jobs.get(id));
  }
}

customElements.define('cancel-popover', CancelPopover);
