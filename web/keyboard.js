/** Does what a single key means, on the page as it stands. */
import { rowLinks } from './focus.js';
import { meaning, neighbour } from './keys.js';
import { addressOf, wishOf } from './order.js';

/**
 * @typedef {import('./keys.js').Meaning} Meaning
 * @typedef {{press: (meant: 'cancel'|'again') => void}} Pressed  a row, or the page of a job
 * @typedef {object} Reach  what keys reach
 * @property {HTMLElement} main
 * @property {import('./choices.js').Choices} choices
 * @property {() => void} search  puts the cursor there
 * @property {() => void} start
 * @property {() => void} keys  shows their list
 * @property {(path: string) => void} go
 * @property {() => Pressed|null} job  the one whose page is open
 */

const FIELDS = 'input, select, textarea, [contenteditable]';
const COVERS = 'dialog[open], :popover-open';

export class Keyboard {
  /** @param {Reach} reach */
  constructor(reach) {
    this.reach = reach;
    document.addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const meant = meaning(event, {
      on: this.reach.choices.keys,
      typing: event.target instanceof Element && event.target.matches(FIELDS),
      covered: document.querySelector(COVERS) !== null,
    });
    if (!meant || event.defaultPrevented) return;
    event.preventDefault(); // the letter is not typed into the field that it leads to
    this.#act(meant);
  }

  /** @param {Meaning} meant */
  #act(meant) {
    if (meant === 'search' || meant === 'start' || meant === 'keys') return this.reach[meant]();
    if (meant === 'next' || meant === 'previous') return this.#step(meant);
    if (meant === 'cancel' || meant === 'again') return this.#meant()?.press(meant);
    this.reach.go(addressOf({ tab: meant, status: '', q: wishOf(new URLSearchParams(location.search)).q }));
  }

  /** @param {'next'|'previous'} way */
  #step(way) {
    const links = rowLinks(this.reach.main);
    const row = document.activeElement?.closest('.row');
    const at = links.findIndex((link) => row?.contains(link));
    links[neighbour(at, links.length, way)]?.focus();
  }

  /** @returns {Pressed|null} the row that has the focus, before the page that it stands on */
  #meant() {
    const row = document.activeElement?.closest('.row');
    return /** @type {any} */ (row) ?? this.reach.job();
  }
}
