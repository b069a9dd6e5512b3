/** `<keys-dialog>`: the keys of the page, and what the system may be told; both are switched here. */
import { KEYS } from '../keys.js';
import { h, show, write } from './dom.js';
import { icon } from './icon.js';

/** @type {Partial<Record<import('../notices.js').Standing, string>>} */
const WHY_NOT = {
  refused: 'The browser refuses notices from this page. Its settings for this site can allow them.',
  missing: 'This browser shows no notices for this address. It does for https addresses and for this machine’s own.',
};

/** @param {string} text @param {string} note @param {HTMLInputElement} box */
const option = (text, note, box) => h('label', {}, box, h('span', {}, text, ' ', h('small', {}, note)));

export class KeysDialog extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  #single = h('input', { type: 'checkbox', change: () => this.#turnKeys() });
  #notices = h('input', { type: 'checkbox', 'aria-describedby': 'notices-why', change: () => this.#turnNotices() });
  #why = h('p', { class: 'hint', id: 'notices-why', role: 'status', hidden: true });
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'keys-title' });

  connectedCallback() {
    if (this.firstChild) return;
    const close = () => this.#dialog.close();
    const rows = KEYS.flatMap(([keys, text]) => [
      h('dt', {}, ...keys.flatMap((key) => [h('kbd', {}, key), ' '])),
      h('dd', {}, text),
    ]);
    const options = h(
      'div',
      { class: 'opts' },
      option('Single keys', 'outside text fields', this.#single),
      option('Notify me when a job of mine ends', 'while this tab is hidden', this.#notices),
      this.#why,
    );
    this.#dialog.append(
      h(
        'header',
        {},
        h('h2', { id: 'keys-title' }, 'Keyboard and notices'),
        h('button', { type: 'button', class: 'btn quiet icon', 'aria-label': 'Close', click: close }, icon('x')),
      ),
      h('div', { class: 'body' }, h('dl', { class: 'keys' }, ...rows), options),
    );
    this.append(this.#dialog);
  }

  open() {
    this.#paint();
    this.#dialog.showModal();
  }

  #paint() {
    const { standing } = this.app.notices;
    this.#single.checked = this.app.choices.keys;
    this.#notices.checked = standing === 'on';
    this.#notices.disabled = standing === 'missing';
    write(this.#why, WHY_NOT[standing] ?? '');
    show(this.#why, standing in WHY_NOT);
  }

  #turnKeys() {
    this.app.choices.keys = this.#single.checked;
  }

  async #turnNotices() {
    await this.app.notices.turn(this.#notices.checked);
    this.#paint();
  }
}

customElements.define('keys-dialog', KeysDialog);
