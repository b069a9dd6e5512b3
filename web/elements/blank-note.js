/** `<blank-note>`: what stands where jobs would: nothing yet, nothing found, no access, not there. */
import { addressOf } from '../order.js';
import { plural } from '../words.js';
import { copyBy } from './copying.js';
import { h, set, show, write } from './dom.js';
import { icon } from './icon.js';

/**
 * @typedef {import('../order.js').Wish} Wish
 * @typedef {{empty: boolean, known: boolean, waited: boolean, wish: Wish, elsewhere: number}} Blank
 */

/** Two lines that end in a moving bar, whatever the hub's address. */
const firstLines = () => [`export BARCAST_URL=${location.origin}`, 'barcast start hash-tree'];

export class BlankNote extends HTMLElement {
  onclear = () => {};
  #shown = '';

  connectedCallback() {
    this.hidden = true;
  }

  /** @param {Blank} blank */
  paint({ empty, known, waited, wish, elsewhere }) {
    show(this, empty && (known || waited));
    if (this.hidden) return;
    if (!known) return this.#once('loading', () => [h('p', { class: 'c-3' }, 'Loading')]);
    if (wish.q || wish.status)
      return this.#once(`none ${addressOf(wish)} ${elsewhere}`, () => this.#none(wish, elsewhere));
    if (wish.tab === 'finished')
      return this.#once('unfinished', () => [
        h('h2', {}, 'No finished jobs'),
        h('p', {}, 'They appear here when they end.'),
      ]);
    this.#once('first', () => this.#first());
  }

  /** @param {{title: string, text: string, icon: string}} note @param {Node|null} [below] */
  tell(note, below = null) {
    show(this, true);
    this.#once(`tell ${note.title} ${note.text}`, () => [
      icon(note.icon, null, 'c-3'),
      h('h1', {}, note.title),
      h('p', {}, note.text),
      ...(below ? [below] : []),
    ]);
  }

  /** @param {string} name @param {() => Node[]} make */
  #once(name, make) {
    set(this, 'class', name === 'loading' ? 'loading' : 'blank');
    if (this.#shown === name) return;
    this.#shown = name;
    this.replaceChildren(...make());
  }

  /** @param {Wish} wish @param {number} elsewhere */
  #none(wish, elsewhere) {
    const what = { active: 'active job', finished: 'finished job', all: 'job' }[wish.tab];
    const title = wish.q ? [`No ${what} matches “`, h('bdi', {}, wish.q), '”'] : [`No ${wish.status} job`];
    const clear = h(
      'button',
      { type: 'button', class: 'textlink', click: () => this.onclear() },
      wish.q ? 'Clear the search' : 'Show all jobs',
    );
    const there =
      wish.tab === 'active' && wish.q
        ? h('a', { href: addressOf({ ...wish, tab: 'finished' }) }, 'Search in Finished')
        : null;
    if (there) write(clear, 'clear the search');
    const found = elsewhere ? `${plural(elsewhere, 'finished job does', 'finished jobs do')}. ` : '';
    return [h('h2', {}, ...title), h('p', {}, found, there, there ? ' or ' : null, clear, '.')];
  }

  #first() {
    const lines = firstLines();
    const code = h('pre', {}, ...lines.flatMap((line) => [h('span', {}, '$ '), `${line}\n`]));
    const copy = h(
      'button',
      { type: 'button', class: 'btn sm', click: () => copyBy(copy, lines.join('\n')) },
      'Copy both lines',
    );
    const bar = h(
      'div',
      { class: 'bar', 'data-b': 'none', 'aria-hidden': 'true' },
      h('span', { class: 'parts' }, h('i')),
    );
    const text = h('p', {}, 'Start one here, or from a terminal. It appears here as soon as it is queued.');
    return [bar, h('h2', {}, 'No jobs yet'), text, code, ...(navigator.clipboard ? [copy] : [])];
  }
}

customElements.define('blank-note', BlankNote);
