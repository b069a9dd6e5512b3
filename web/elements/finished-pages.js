/** Ended jobs that the feed no longer holds, asked for a page at a time. */
import { ENDED } from '../api.js';
import { addressOf } from '../order.js';
import { h, set, show } from './dom.js';

/** @typedef {import('../order.js').Wish} Wish */

export class FinishedPages {
  /** @type {Wish|null} */
  #wish = null;
  /** @type {string|null} */
  #next = null;
  loading = false;
  #button = h('button', { type: 'button', class: 'btn', click: () => this.#more() }, 'Show older');
  element = h('p', { class: 'older', hidden: true }, this.#button);

  /** @param {import('../app.js').App} app */
  constructor(app) {
    this.app = app;
  }

  /** @param {Wish} wish */
  turnTo(wish) {
    const changed = !this.#wish || addressOf(wish) !== addressOf(this.#wish);
    this.#wish = wish;
    if (!changed || wish.tab === 'active') return;
    this.#next = null;
    this.#load();
  }

  /** @param {boolean} recentOnly */
  paint(recentOnly) {
    show(this.element, !recentOnly && this.#next !== null);
    set(this.#button, 'aria-disabled', this.loading ? 'true' : null); // one that is disabled would lose the focus
  }

  #more() {
    if (!this.loading) this.#load();
  }

  async #load() {
    const wish = /** @type {Wish} */ (this.#wish);
    const status = ENDED.includes(wish.status) ? [wish.status] : ENDED;
    this.loading = true;
    this.app.refresh();
    const parent = wish.q || wish.status ? null : ''; // a filter finds jobs that others started, too
    const page = await this.app.api.jobs({ status, q: wish.q, parent, after: this.#next }).catch(() => null);
    this.loading = false;
    if (page && wish === this.#wish) {
      this.#next = page.next;
      this.app.store.take({ type: 'older', jobs: page.jobs });
    }
    this.app.refresh();
  }
}
