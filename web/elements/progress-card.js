/** The face of `<job-progress>`: one card whose parts stay, and are placed by its size and look. */
import { CardBar } from './card-bar.js';
import { each, h, set, show, svg, write } from './dom.js';
import { redraw } from './icon.js';

/**
 * @typedef {import('../card.js').Card} Card
 * @typedef {import('../card.js').Size} Size
 * @typedef {import('../card.js').Row} Row
 */

/** A text from outside: whichever way it runs, it turns nothing beside it. @param {import('./dom.js').Attributes} attributes */
const slot = (attributes) => h('span', attributes, h('bdi'));

/** @param {HTMLElement} box  a slot @param {string} text */
function put(box, text) {
  write(/** @type {HTMLElement} */ (box.firstChild), text);
  show(box, text !== '');
}

/** @param {Element} mark @param {string} name  '' for none @param {string} tone */
function drawn(mark, name, tone) {
  mark.toggleAttribute('hidden', name === '');
  set(mark, 'class', tone ? `i ${tone}` : 'i');
  if (name) redraw(mark, name, null);
}

const mark = () => svg('svg', { class: 'i', viewBox: '0 0 16 16' });

export class ProgressCard {
  #icon = mark();
  #title = h('a', { class: 'title', part: 'title', target: '_blank', rel: 'noopener' }, h('bdi'));
  #rest = h('span', { class: 'rest' });
  #figure = h('span', { class: 'pct', part: 'percent' });
  bar = new CardBar();
  #text = slot({ class: 'text', id: 'text' });
  #eta = slot({ class: 'eta', part: 'eta' });
  #rows = h('ol', { part: 'phases' });
  #foot = h('span', { class: 'foot' });
  #details = h('a', { class: 'btn quiet', part: 'button', target: '_blank', rel: 'noopener' }, 'Details');
  #file = h('a', { class: 'btn', part: 'button', rel: 'noopener noreferrer' }, h('bdi'));
  button = h('button', { class: 'btn', part: 'button', type: 'button' });
  element = h(
    'div',
    { class: 'jp', part: 'card' },
    h('div', { class: 't' }, this.#icon, h('span', { class: 'name' }, this.#title, ' ', this.#rest), this.#figure),
    this.bar.element,
    h('div', { class: 'l' }, this.#text, this.#eta),
    this.#rows,
    h('div', { class: 'f' }, this.#foot, this.#details, this.#file, this.button),
  );

  /**
   * @param {Card} card
   * @param {Size} form
   * @param {string|null} page  the address of the job's own page
   */
  paint(card, form, page) {
    set(this.element, 'data-size', form);
    set(this.element, 'data-look', card.look);
    this.#paintHead(card, form === 'compact' ? page : null);
    put(this.#text, card.text);
    put(this.#eta, card.eta);
    this.#paintRows(card);
    write(this.#foot, card.foot);
    this.#paintActs(card, form === 'full' ? page : null);
  }

  /** @param {Card} card @param {string|null} page */
  #paintHead(card, page) {
    drawn(this.#icon, card.icon, card.tone);
    write(/** @type {Element} */ (this.#title.firstChild), card.title);
    show(this.#title, card.title !== '');
    set(this.#title, 'href', page);
    set(this.#title, 'title', card.title || null);
    write(this.#rest, card.rest);
    write(this.#figure, card.figure);
    show(this.#figure, card.figure !== '');
    set(this.#figure, 'data-word', card.icon !== '' && card.look === 'bar');
    this.#figure.classList.toggle('c-bad', card.tone === 'c-bad');
    set(this.#text, 'title', card.text || null);
  }

  /** @param {Card} card */
  #paintRows({ rows, more }) {
    show(this.#rows, rows.length > 0);
    const make = () =>
      h('li', {}, mark(), slot({ class: 'text' }), h('span', { class: 'more' }), h('span', { class: 'took' }));
    each(this.#rows, rows, make, (item, row, index) => {
      drawn(item.children[0], row.icon, row.tone);
      put(item.children[1], row.name);
      write(item.children[2], index === rows.length - 1 ? more : '');
      write(item.children[3], row.value);
      set(item, 'aria-current', row.current ? 'step' : null);
    });
  }

  /** @param {Card} card @param {string|null} page */
  #paintActs({ title, file, act }, page) {
    show(this.#details, page !== null);
    set(this.#details, 'href', page);
    set(this.#details, 'aria-label', `Details of ${title}`);
    show(this.#file, file !== null);
    set(this.#file, 'href', file?.href);
    set(this.#file, 'download', file?.name);
    set(this.#file, 'title', file?.name);
    write(/** @type {Element} */ (this.#file.firstChild), file?.text ?? '');
    set(this.#file, 'aria-label', file && `Download ${file.name}`);
    this.#paintButton(title, act);
  }

  /** Whoever stands on it is not left nowhere. @param {string} title @param {Card['act']} act */
  #paintButton(title, act) {
    if (!act && this.button.matches(':focus')) (this.#details.href ? this.#details : this.#title).focus();
    show(this.button, act !== null);
    write(this.button, act?.text ?? '');
    set(this.button, 'aria-disabled', act !== null && !act.enabled ? 'true' : null);
    set(this.button, 'data-verb', act?.verb);
    set(this.button, 'aria-label', act && title ? `${act.text} ${title}` : null);
    set(this.button, 'aria-haspopup', act?.verb === 'cancel' || act?.verb === 'force' ? 'dialog' : null);
  }
}
