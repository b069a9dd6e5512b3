/** A question in a popover under the button that raised it: to go on, or to leave all as it is. */
import { asking, failing, FORCING, telling } from '../questions.js';
import { h, set, show, write } from './dom.js';

/**
 * @typedef {import('../state.js').SeenJob} SeenJob
 * @typedef {import('../questions.js').Question} Question
 * @typedef {{job: SeenJob, opener: HTMLElement, force: boolean}} About
 */

const MARGIN_PX = 16;
const GAP_PX = 6;

export class QuestionBox {
  /** @type {About|null} */
  #about = null;
  /** @type {HTMLElement|null} */
  #opener = null;
  #title = h('h2', { id: 'cancel-title' });
  #text = h('p', { id: 'cancel-text' });
  #keep = h('button', { type: 'button', class: 'btn', autofocus: true, click: () => this.element.hidePopover() });
  #go = h('button', { type: 'button', class: 'btn', click: () => this.#confirm() });

  /**
   * @param {HTMLElement} element  becomes the popover
   * @param {object} given
   * @param {(kind: string) => import('../wire.js').Kind|undefined} given.kindOf
   * @param {(about: About) => void} given.confirm  what is done when the answer is yes
   */
  constructor(element, { kindOf, confirm }) {
    this.element = element;
    this.kindOf = kindOf;
    this.confirm = confirm;
    element.className = 'pop';
    element.popover = 'auto';
    set(element, 'role', 'dialog');
    set(element, 'aria-labelledby', 'cancel-title');
    set(element, 'aria-describedby', 'cancel-text');
    element.addEventListener('toggle', () => this.#giveBack());
    element.append(this.#title, this.#text, h('div', {}, this.#keep, this.#go));
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} force */
  ask(job, opener, force) {
    this.#about = { job, opener, force };
    this.#put(force ? FORCING : asking(job, this.kindOf(job.kind)));
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} force @param {unknown} error */
  fail(job, opener, force, error) {
    this.#about = { job, opener, force };
    this.#put(failing(error));
  }

  /** @param {HTMLElement} opener @param {string} title @param {string} text */
  tell(opener, title, text) {
    this.#about = null;
    this.#put(telling(title, text), opener);
  }

  /**
   * A job that ended meanwhile needs no question, and one whose button moved is asked about there.
   * @param {(id: string) => SeenJob|null|undefined} jobOf
   */
  paint(jobOf) {
    if (!this.element.matches(':popover-open')) return;
    if (this.#opener) this.#place(this.#opener.getBoundingClientRect());
    if (!this.#about) return;
    const job = jobOf(this.#about.job.id);
    if (!job || job.finished_at !== null) this.element.hidePopover();
  }

  /** @param {Question} question @param {HTMLElement|undefined} [opener] */
  #put({ title, text, keep, go, danger }, opener = this.#about?.opener) {
    write(this.#title, title);
    write(this.#text, text);
    write(this.#keep, keep);
    write(this.#go, go);
    this.#go.classList.toggle('danger', danger);
    show(this.#go, go !== '');
    this.#opener = opener ?? null;
    if (!this.element.matches(':popover-open')) this.element.showPopover();
    if (opener) this.#place(opener.getBoundingClientRect());
    this.#keep.focus();
  }

  /** Under its button, inside the window. @param {DOMRect} opener */
  #place(opener) {
    const { width, height } = this.element.getBoundingClientRect();
    const left = Math.min(opener.right - width + 8, document.documentElement.clientWidth - width - MARGIN_PX);
    const below = opener.bottom + GAP_PX;
    const top = below + height > innerHeight - MARGIN_PX ? opener.top - height - GAP_PX : below;
    this.element.style.setProperty('--x', `${Math.max(MARGIN_PX, left)}px`);
    this.element.style.setProperty('--y', `${Math.max(MARGIN_PX, top)}px`);
  }

  /** Inside of a shadow root the browser gives the focus back to nobody. */
  #giveBack() {
    const lost = document.activeElement === document.body || this.element.matches(':focus-within');
    if (!this.element.matches(':popover-open') && lost) this.#opener?.focus();
  }

  #confirm() {
    const asked = this.#about;
    this.element.hidePopover();
    if (asked) this.confirm(asked);
  }
}
