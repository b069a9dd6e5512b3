/** `<toast-stack>`: ends of one's own jobs, and what could not be done. At most three at a time. */
import { h, point } from './dom.js';
import { icon } from './icon.js';

const SHOWN_MS = 6_000;
const AT_MOST = 3;

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
    while (this.children.length > AT_MOST) this.firstElementChild?.remove();
    if (!toast.stays) this.#leaveLater(box);
  }

  /** What is told of a job is not news on its own page. @param {string} job  its id */
  forget(job) {
    for (const box of [...this.children]) if (box.getAttribute('data-job') === job) box.remove();
  }

  /** @param {Toast} toast */
  #make({ icon: name, tone, name: subject, title, text, link, act, job }) {
    const box = h('div', { class: 'toast', 'data-job': job });
    const dismiss = () => box.remove();
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
    let timer = setTimeout(() => box.remove(), SHOWN_MS);
    const later = () => {
      clearTimeout(timer);
      if (!box.matches(':hover, :focus-within')) timer = setTimeout(() => box.remove(), SHOWN_MS);
    };
    for (const event of ['pointerenter', 'focusin']) box.addEventListener(event, () => clearTimeout(timer));
    for (const event of ['pointerleave', 'focusout']) box.addEventListener(event, later);
  }
}

/** @param {Link} link */
function linkOf({ text, href, file }) {
  const anchor = h('a', {}, text);
  point(anchor, href, file);
  return anchor;
}

/** @param {{text: string, run: () => void}} act @param {() => void} dismiss */
const buttonOf = ({ text, run }, dismiss) =>
  h('button', { type: 'button', class: 'textlink', click: () => [dismiss(), run()] }, text);

customElements.define('toast-stack', ToastStack);
