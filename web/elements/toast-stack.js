/** `<toast-stack>`: ends of one's own jobs, and what could not be done. At most three at a time. */
import { h } from './dom.js';
import { icon } from './icon.js';

const SHOWN_MS = 6_000;
const AT_MOST = 3;

/**
 * @typedef {{icon: string, tone: string, title: string, text: string, link?: {text: string, href: string}, stays?: boolean, job?: string}} Toast
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
  #make({ icon: name, tone, title, text, link, job }) {
    const box = h('div', { class: 'toast', 'data-job': job });
    const close = h(
      'button',
      { type: 'button', class: 'btn quiet icon', 'aria-label': 'Dismiss', click: () => box.remove() },
      icon('x'),
    );
    const anchor = link ? h('a', { href: link.href }, link.text) : null;
    box.append(icon(name, null, tone), h('b', {}, title), h('p', {}, text, anchor ? ' ' : null, anchor), close);
    return box;
  }

  /** Hover and focus keep it. @param {HTMLElement} box */
  #leaveLater(box) {
    let timer = setTimeout(() => box.remove(), SHOWN_MS);
    for (const event of ['pointerenter', 'focusin']) box.addEventListener(event, () => clearTimeout(timer));
    for (const event of ['pointerleave', 'focusout']) {
      box.addEventListener(event, () => {
        clearTimeout(timer);
        timer = setTimeout(() => box.remove(), SHOWN_MS);
      });
    }
  }
}

customElements.define('toast-stack', ToastStack);
