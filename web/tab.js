/** What the browser's tab says: title and icon, written when they changed, and not too often. */
import { favicon } from './favicon.js';
import { title } from './title.js';

const SEEN_MS = 1_000;
const HIDDEN_MS = 5_000;

/** @typedef {{title: string, icon: string|null}} Words  `icon`: its address, `null` for the plain one */

export class Tab {
  /** @type {Words|null} */
  #words = null;
  /** @type {string|null} */
  #of = null;
  #told_ms = -Infinity;
  /** @type {any} */
  #timer = null;

  /**
   * @param {object} host
   * @param {() => boolean} host.isHidden
   * @param {(words: Words) => void} host.write
   * @param {import('./socket.js').Clock} host.clock
   */
  constructor(host) {
    this.host = host;
  }

  /**
   * @param {import('./state.js').State} state
   * @param {string|null} id  of the job whose page is open
   * @param {boolean} [lost]  the hub cannot be heard
   */
  paint(state, id, lost = false) {
    const { clock, isHidden } = this.host;
    clock.clearTimeout(this.#timer);
    const left_ms = this.#told_ms + (isHidden() ? HIDDEN_MS : SEEN_MS) - clock.now();
    if (left_ms <= 0 || id !== this.#of) this.#write(state, id, lost);
    else this.#timer = clock.setTimeout(() => this.#write(state, id, lost), left_ms);
  }

  /** @param {import('./state.js').State} state @param {string|null} id @param {boolean} lost */
  #write(state, id, lost) {
    const words = { title: title(state, id, lost), icon: favicon(state, id, lost) };
    this.#of = id;
    this.#told_ms = this.host.clock.now();
    if (words.title === this.#words?.title && words.icon === this.#words.icon) return;
    this.#words = words;
    this.host.write(words);
  }
}
