/** One field of the start form: label, control, hint or error. */
import { initialText, read, Unacceptable } from '../fields.js';
import { h, set, write } from './dom.js';
import { icon } from './icon.js';

/** @typedef {import('../fields.js').Field} Field */

let made = 0;

/** @param {string} type @param {Record<string, string>} [more] @returns {(id: string, field: Field, text: string) => HTMLElement} */
const line =
  (type, more = {}) =>
  (id, _, text) =>
    h('input', { id, class: 'input', type, value: text, autocomplete: 'off', ...more });

/** @type {Record<string, (id: string, field: Field, text: string) => HTMLElement>} */
const CONTROLS = {
  text: line('text'),
  address: line('text', { inputmode: 'url', spellcheck: 'false' }),
  date: line('date'),
  number: (id, field, text) =>
    h('input', {
      id,
      class: 'input',
      type: 'text',
      inputmode: field.whole ? 'numeric' : 'decimal',
      value: text,
      autocomplete: 'off',
    }),
  list: line('text'),
  time: line('datetime-local'),
  json: (id, _, text) => h('textarea', { id, class: 'input mono', rows: 3, spellcheck: 'false' }, text),
  select: (id, field, text) =>
    h(
      'select',
      { id, class: 'input' },
      ...(text === '' ? [h('option', { value: '' }, 'Choose')] : []),
      ...field.choices.map((choice) => h('option', { selected: String(choice) === text }, String(choice))),
    ),
  radios: (id, field, text) =>
    h(
      'div',
      { id, class: 'opts' },
      ...field.choices.map((choice) =>
        h(
          'label',
          {},
          h('input', { type: 'radio', name: id, value: String(choice), checked: String(choice) === text }),
          h('bdi', {}, String(choice)),
        ),
      ),
    ),
};

export class ParamField {
  /** @param {Field} field */
  constructor(field) {
    made += 1;
    this.field = field;
    this.id = `param-${made}`;
    this.hint = h('p', { class: 'hint', id: `${this.id}-hint` });
    this.element = field.control === 'yesno' ? this.#yesno() : this.#labelled();
    set(this.element, 'data-control', field.control);
    this.element.addEventListener('focusout', (event) => this.#left(/** @type {FocusEvent} */ (event)));
    this.#describe('');
  }

  #yesno() {
    const { label, hint, initial } = this.field;
    const note = hint ? [' ', h('small', {}, h('bdi', {}, hint))] : [];
    const box = h(
      'label',
      {},
      h('input', { id: this.id, type: 'checkbox', checked: initial === true }),
      h('span', {}, h('bdi', {}, label), ...note),
    );
    return h('div', { class: 'field' }, h('div', { class: 'opts' }, box), this.hint);
  }

  #labelled() {
    const { label, required, control } = this.field;
    const text = initialText(this.field);
    const words = [h('bdi', {}, label), ...(required || text ? [] : [' ', h('span', {}, 'optional')])];
    const body = CONTROLS[control](this.id, this.field, text);
    if (control === 'radios') return h('fieldset', { class: 'field' }, h('legend', {}, ...words), body, this.hint);
    return h('div', { class: 'field' }, h('label', { for: this.id }, ...words), body, this.hint);
  }

  /** @returns {any} the control, or the first of them */
  get #control() {
    return this.element.querySelector('input, select, textarea');
  }

  get text() {
    if (this.field.control === 'radios')
      return /** @type {HTMLInputElement|null} */ (this.element.querySelector('input:checked'))?.value ?? '';
    return this.field.control === 'yesno' ? String(this.#control.checked) : this.#control.value;
  }

  focus() {
    this.#control.focus();
  }

  /** @returns {{value: unknown}|null} `null`: an error is shown */
  check() {
    try {
      const value = read(this.field, this.text);
      this.#describe('');
      return { value };
    } catch (error) {
      if (!(error instanceof Unacceptable)) throw error;
      this.#describe(error.message);
      return null;
    }
  }

  /** @param {string} message  what is accepted instead */
  fail(message) {
    this.#describe(message);
  }

  /** @param {FocusEvent} event */
  #left(event) {
    if (
      !this.element.contains(/** @type {Node|null} */ (event.relatedTarget)) &&
      (this.text || this.hint.classList.contains('err'))
    )
      this.check();
  }

  /** The error takes the hint's place. @param {string} error */
  #describe(error) {
    const listNote = this.field.control === 'list' ? 'Separate with commas.' : '';
    const hint =
      this.field.control === 'yesno'
        ? ''
        : [this.field.hint, listNote].filter(Boolean).join(/[.!?]$/.test(this.field.hint) ? ' ' : '. ');
    this.hint.className = error ? 'err' : 'hint';
    if (error) this.hint.replaceChildren(icon('stalled'), error);
    else write(this.hint, hint);
    this.hint.hidden = !error && !hint;
    set(this.#control, 'aria-invalid', error ? 'true' : null);
    set(this.#control, 'aria-describedby', this.hint.hidden ? null : this.hint.id);
  }
}
