/** `<stack-dialog>`: where the work of a job is at this moment, as text. */
import { clockSeconds, sentence } from '../words.js';
import { copyBy } from './copying.js';
import { h, show, write } from './dom.js';
import { icon } from './icon.js';

export class StackDialog extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  #job = '';
  #asked = 0;
  #note = h('p', { role: 'status' });
  #text = h('pre', { tabindex: 0, 'aria-label': 'Stack' });
  #copy = h(
    'button',
    { type: 'button', class: 'btn', click: () => copyBy(this.#copy, this.#text.textContent ?? '') },
    'Copy',
  );
  #refresh = h('button', { type: 'button', class: 'btn primary', click: () => this.#ask() }, 'Refresh');
  #dialog = h('dialog', { class: 'dialog wide', 'aria-labelledby': 'stack-title' });

  connectedCallback() {
    if (this.firstChild) return;
    const close = () => this.#dialog.close();
    this.#dialog.append(
      h(
        'header',
        {},
        h('h2', { id: 'stack-title' }, 'Where it is now'),
        h('button', { type: 'button', class: 'btn quiet icon', 'aria-label': 'Close', click: close }, icon('x')),
      ),
      h('div', { class: 'body' }, this.#text),
      h('footer', {}, this.#note, this.#copy, this.#refresh),
    );
    this.append(this.#dialog);
  }

  /** @param {string} job  its id */
  open(job) {
    this.#job = job;
    write(this.#text, '');
    this.#dialog.showModal();
    this.#ask();
  }

  /** The last question counts, whichever answer comes last. */
  async #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    this.#refresh.disabled = true;
    write(this.#note, 'Asking');
    const { text, note } = await this.#answer();
    if (asked !== this.#asked) return;
    this.#refresh.disabled = false;
    if (text) write(this.#text, text);
    show(this.#text, this.#text.textContent !== '');
    show(this.#copy, this.#text.textContent !== '' && navigator.clipboard !== undefined);
    write(this.#note, note);
  }

  /** @returns {Promise<{text: string, note: string}>} */
  async #answer() {
    try {
      const { text, at, attempt, from } = await this.app.api.stack(this.#job);
      const who = from === 'system' ? 'the system, because the worker did not answer' : 'the worker';
      return { text, note: `Attempt ${attempt} at ${clockSeconds(at)}, told by ${who}.` };
    } catch (error) {
      return { text: '', note: sentence(/** @type {Error} */ (error).message) };
    }
  }
}

customElements.define('stack-dialog', StackDialog);
