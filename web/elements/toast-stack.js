/** `<toast-stack>`: ends of one's own jobs, and what could not be done. Three at a time; those that stay wait for a place. */
import { h, point, show } from './dom.js';
import { icon } from './icon.js';

const SHOWN_MS = 6_000;
const AT_MOST = 3;
const KEPT = 20; // of those that stay

/**
 * @typedef {{text: string, href: string, file?: string}} Link  `file`: it is one, of that name
 * @typedef {object} Toast
 * @property {string} icon
 * @property {string} tone
 * @property {string} [name]  from outside, before the title
 * @property {string} title
 * @property {string} text
 * @property {Link} [link]
 * @property {{text: string, run: () => void}} [act]
 * @property {boolean} [stays]  until it is dismissed
 * @property {string} [job]  that it is about
 */

export class ToastStack extends HTMLElement {
  connectedCallback() {
    this.className = 'toasts';
    this.setAttribute('role', 'region');
    this.setAttribute('aria-label', 'Notices');
  }

  /** @param {Toast} toast */
  add(toast) {
    const box = this.#make(toast);
    this.append(box);
    if (!toast.stays) this.#leaveLater(box);
    this.#fit();
  }

  /** Too many: the oldest of those that go by themselves go; of the others the newest are seen. */
  #fit() {
    const boxes = [...this.children];
    const passing = boxes.slice(0, -1).filter((box) => !box.hasAttribute('data-stays'));
    for (const box of passing.slice(0, Math.max(0, boxes.length - AT_MOST))) box.remove();
    for (const box of [...this.children].slice(0, -KEPT)) box.remove();
    const kept = /** @type {HTMLElement[]} */ ([...this.children]);
    kept.forEach((box, index) => show(box, index >= kept.length - AT_MOST));
  }

  /** @param {Element} box */
  #drop(box) {
    box.remove();
    this.#fit();
  }

  /** What is told of a job is not news on its own page. @param {string} job  its id */
  forget(job) {
    for (const box of [...this.children]) if (box.getAttribute('data-job') === job) this.#drop(box);
  }

  /** @param {Toast} toast */
  #make({ icon: name, tone, name: subject, title, text, link, act, stays, job }) {
    const box = h('div', { class: 'toast', 'data-job': job, 'data-stays': stays });
    const dismiss = () => this.#drop(box);
    const close = h(
      'button',
      { type: 'button', class: 'btn quiet icon', 'aria-label': 'Dismiss', click: dismiss },
      icon('x'),
    );
    const ways = [link && linkOf(link), act && buttonOf(act, dismiss)].flatMap((way) => (way ? [' ', way] : []));
    box.append(
      icon(name, null, tone),
      h('b', {}, subject ? h('bdi', {}, subject) : null, title),
      h('p', {}, h('bdi', {}, text), ...ways),
      close,
    );
    return box;
  }

  /** Hover and focus keep it. @param {HTMLElement} box */
  #leaveLater(box) {
    const leave = () => this.#drop(box);
    let timer = setTimeout(leave, SHOWN_MS);
    const later = () => {
      clearTimeout(timer);
      if (!box.matches(':hover, :focus-within')) timer = setTimeout(leave, SHOWN_MS);
    };
    for (const event of ['pointerenter', 'focusin']) box.addEventListener(event, () => clearTimeout(timer));
    for (const event of ['pointerleave', 'focusout']) box.addEventListener(event, later);
  }
}

/** @param {Link} link @returns {HTMLElement|null} if its address may be followed */
function linkOf({ text, href, file }) {
  const anchor = h('a', {}, text);
  return point(anchor, href, file) ? anchor : null;
}

/** @param {{text: string, run: () => void}} act @param {() => void} dismiss */
const buttonOf = ({ text, run }, dismiss) =>
  h('button', { type: 'button', class: 'textlink', click: () => [dismiss(), run()] }, text);

customElements.define('toast-stack', ToastStack);
