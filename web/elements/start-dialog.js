/** `<start-dialog>`: starts a job of a registered kind with checked parameters. */
import { Refused, Unanswered } from '../api.js';
import { fieldsOf } from '../fields.js';
import { foot } from '../foot.js';
import { h, show, write } from './dom.js';
import { icon } from './icon.js';
import { ParamField } from './param-field.js';

/** @typedef {import('../wire.js').Kind} Kind @typedef {import('../wire.js').Job} Job */

const PRIORITY = {
  type: 'integer',
  minimum: -100,
  maximum: 100,
  description: 'Of the jobs that wait, the highest starts first.',
};

/** `randomUUID` is there on safe addresses only, and a hub may be at none. */
const newKey = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');

/** @param {Kind} kind @returns {ParamField} a field like those of its parameters */
const priorityField = ({ priority }) =>
  new ParamField(fieldsOf({ properties: { priority: { ...PRIORITY, default: priority ?? 0 } } })[0]);

export class StartDialog extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  /** @type {ParamField[]} */
  #fields = [];
  #key = '';
  #kind = h('select', { class: 'input', id: 'start-kind', change: () => this.#turnTo(this.#kind.value) });
  #doc = h('p', { class: 'hint' });
  #params = h('div', { class: 'params' });
  #advanced = h('details', { class: 'advanced' }, h('summary', {}, 'Advanced'));
  /** @type {ParamField|null} */
  #priority = null;
  #error = h('p', { class: 'err', role: 'alert', hidden: true });
  #note = h('p');
  #submit = h('button', { class: 'btn primary', type: 'submit' }, 'Start job');
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'start-title' });

  connectedCallback() {
    if (this.firstChild) return;
    const close = () => this.#dialog.close();
    const head = h(
      'header',
      {},
      h('h2', { id: 'start-title' }, 'Start a job'),
      h('button', { type: 'button', class: 'btn quiet icon', 'aria-label': 'Close', click: close }, icon('x')),
    );
    const kind = h('div', { class: 'field' }, h('label', { for: 'start-kind' }, 'Kind'), this.#kind, this.#doc);
    const foot = h(
      'footer',
      {},
      this.#note,
      h('button', { type: 'button', class: 'btn quiet', click: close }, 'Close'),
      this.#submit,
    );
    const form = h(
      'form',
      { novalidate: true, submit: (event) => this.#send(event) },
      head,
      h('div', { class: 'body' }, kind, this.#params, this.#advanced, this.#error),
      foot,
    );
    this.#dialog.append(form);
    this.append(this.#dialog);
  }

  open() {
    const kinds = [...this.app.kinds.values()];
    const chosen = this.#kind.value;
    this.#kind.replaceChildren(
      ...kinds.map((kind) => h('option', { value: kind.kind, selected: kind.kind === chosen }, named(kind))),
    );
    this.#turnTo(this.#kind.value);
    this.#dialog.showModal();
    this.#kind.focus();
  }

  /** @param {string} name */
  #turnTo(name) {
    const kind = /** @type {Kind} */ (this.app.kinds.get(name));
    this.#key = newKey();
    this.#fields = fieldsOf(kind.params).map((field) => new ParamField(field));
    this.#params.replaceChildren(...this.#fields.map((field) => field.element));
    this.#turnAdvanced(kind);
    write(this.#doc, kind.doc.split('\n\n', 1)[0]);
    show(this.#doc, kind.doc !== '');
    write(this.#note, foot(this.app.store.state, kind));
    this.#fail('');
  }

  /** @param {Kind} kind */
  #turnAdvanced(kind) {
    this.#priority?.element.remove();
    this.#priority = priorityField(kind);
    this.#advanced.append(this.#priority.element);
    this.#advanced.open = false;
  }

  /** @param {Event} event */
  async #send(event) {
    event.preventDefault();
    const params = this.#read();
    const priority = this.#readPriority();
    if (!params || !priority) return;
    this.#submit.disabled = true;
    this.#fail('');
    try {
      this.#started(await this.app.api.start({ kind: this.#kind.value, params, key: this.#key, ...priority }));
    } catch (error) {
      this.#explain(error);
    } finally {
      this.#submit.disabled = false;
    }
  }

  /** @returns {Record<string, unknown>|null} `null`: something is not acceptable, and the first of it has the cursor */
  #read() {
    const checked = this.#fields.map((field) => ({ field, result: field.check() }));
    const wrong = checked.find(({ result }) => result === null);
    if (wrong) {
      wrong.field.focus();
      return null;
    }
    const given = checked.filter(({ result }) => result?.value !== undefined);
    return Object.fromEntries(given.map(({ field, result }) => [field.field.name, result?.value]));
  }

  /** @returns {{priority?: unknown}|null} nothing where it is the kind's own; `null`: it is not acceptable */
  #readPriority() {
    const checked = this.#priority?.check();
    if (!checked) {
      this.#advanced.open = true;
      this.#priority?.focus();
      return null;
    }
    const { value } = checked;
    return value === undefined || value === this.#priority?.field.initial ? {} : { priority: value };
  }

  /** @param {Job} job */
  #started(job) {
    this.#dialog.close();
    this.app.started(job);
  }

  /** @param {unknown} error */
  #explain(error) {
    const problems = error instanceof Refused ? error.errors : [];
    const rest = problems.filter((problem) => !this.#showAtField(problem));
    this.#fields.find((field) => field.hint.classList.contains('err'))?.focus();
    if (problems.length && !rest.length) return;
    const unsure =
      error instanceof Unanswered ? ' It may or may not have been started; trying again starts it only once.' : '';
    const unsent = error instanceof Refused || unsure ? '' : ' Nothing was started.';
    this.#fail(
      rest.length
        ? rest.map(({ field, message }) => `${field}: ${message}`).join(' ')
        : `${/** @type {Error} */ (error).message}${unsure}${unsent}`,
    );
  }

  /** @param {{field: string, message: string}} problem @returns {boolean} whether a field is there to show it */
  #showAtField({ field: path, message }) {
    const name = path.replace(/^params\./, '').split(/[.[]/, 1)[0];
    const field = this.#fields.find((one) => one.field.name === name);
    field?.fail(message);
    return field !== undefined;
  }

  /** @param {string} text */
  #fail(text) {
    show(this.#error, text !== '');
    this.#error.replaceChildren(...(text ? [icon('stalled'), text] : []));
  }
}

/** @param {Kind} kind */
const named = ({ kind, title }) => (title && title !== kind && !title.includes('{') ? `${kind}: ${title}` : kind);

customElements.define('start-dialog', StartDialog);
