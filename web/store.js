/** The page's state, and who is told when it changes. */
import { emptyState, reduce } from './state.js';

/** Dispatches `change` (detail: the state before). */
export class Store extends EventTarget {
  #state = emptyState();

  /** @param {() => number} now  this machine's clock, milliseconds */
  constructor(now) {
    super();
    this.machineNow = now;
  }

  get state() {
    return this.#state;
  }

  /** @returns {number} milliseconds on the hub's clock */
  now() {
    return this.machineNow() + this.#state.ahead_ms;
  }

  /** @param {import('./wire.js').Message} message */
  take(message) {
    this.#become(reduce(this.#state, message, this.machineNow()));
  }

  /** @param {import('./state.js').State} next */
  #become(next) {
    if (next === this.#state) return;
    const before = this.#state;
    this.#state = next;
    this.dispatchEvent(new CustomEvent('change', { detail: before }));
  }
}
