/** `<embed-dialog>`: the code that shows a job on another page. */
import { embedCode, SIZES } from '../embed.js';
import { label } from '../words.js';
import { copyBy } from './copying.js';
import { h, set, show, write } from './dom.js';
import { icon } from './icon.js';

/** @typedef {import('../embed.js').Size} Size */

const WHO =
  'Pages of the origins that the hub’s BARCAST_EMBED_ORIGINS names can show it. They can watch, not cancel. It works until the job is deleted.';

export class EmbedDialog extends HTMLElement {
  #job = '';
  #code = h('pre', { tabindex: 0, 'aria-label': 'Code' });
  #sizes = SIZES.map((size) => ({
    size,
    button: h('button', { type: 'button', click: () => this.#turnTo(size) }, label(size)),
  }));
  #copy = h(
    'button',
    { type: 'button', class: 'btn sm', click: () => copyBy(this.#copy, this.#code.textContent ?? '') },
    'Copy code',
  );
  #dialog = h('dialog', { class: 'dialog code', 'aria-labelledby': 'embed-title' });

  connectedCallback() {
    if (this.firstChild) return;
    const close = () => this.#dialog.close();
    const sizes = this.#sizes.map(({ button }) => button);
    this.#dialog.append(
      h(
        'header',
        {},
        h('h2', { id: 'embed-title' }, 'Embed this job'),
        h('div', { class: 'tabs', role: 'group', 'aria-label': 'Size' }, ...sizes),
        h('button', { type: 'button', class: 'btn quiet icon', 'aria-label': 'Close', click: close }, icon('x')),
      ),
      this.#code,
      h('footer', {}, h('p', {}, WHO), this.#copy),
    );
    this.append(this.#dialog);
    show(this.#copy, navigator.clipboard !== undefined);
  }

  /** @param {string} job  its id */
  open(job) {
    this.#job = job;
    this.#turnTo('compact');
    this.#dialog.showModal();
  }

  /** @param {Size} wanted */
  #turnTo(wanted) {
    for (const { size, button } of this.#sizes) set(button, 'aria-pressed', String(size === wanted));
    write(this.#code, embedCode(location.origin, this.#job, wanted));
  }
}

customElements.define('embed-dialog', EmbedDialog);
