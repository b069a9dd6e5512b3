/** `<page-banner>`: what everybody must know before reading on. */
import { banner, isOffline } from '../status.js';
import { h, set, show, write } from './dom.js';
import { icon } from './icon.js';

const STORAGE = {
  head: 'The hub cannot save anything.',
  text: 'Progress stays live, but starts and cancels may be refused.',
};

export class PageBanner extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  #head = h('b');
  #text = h('span');

  connectedCallback() {
    if (this.firstChild) return;
    this.className = 'banner';
    this.hidden = true;
    set(this, 'role', 'region');
    set(this, 'aria-label', 'State of the hub');
    this.append(h('div', { class: 'wrap' }, icon('plug', null, 'c-warn'), h('p', {}, this.#head, ' ', this.#text)));
  }

  /** @param {number} now_ms  this machine's clock */
  paint(now_ms) {
    const link = this.app.connection.state;
    const lost = link.name !== 'stopped' && isOffline(link, now_ms, navigator.onLine);
    const words = lost ? banner((link.lost_ms ?? now_ms) + this.app.store.state.ahead_ms) : STORAGE;
    show(this, lost || this.app.store.state.summary?.storage === 'failing');
    if (this.hidden) return;
    write(this.#head, words.head);
    write(this.#text, words.text);
  }
}

customElements.define('page-banner', PageBanner);
