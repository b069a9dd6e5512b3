/** Keeps the focus when what has it goes, or can no longer have it: it moves to what stands for it now. */

/** @param {Element} element @returns {boolean} */
const canHave = (element) => element.isConnected && element.checkVisibility() && !element.matches(':disabled');

/**
 * Whether each is seen is not asked: the browser would lay out every row that is scrolled away.
 *
 * @param {ParentNode} root
 * @returns {HTMLElement[]} the links of all rows that are not hidden, from the first to the last
 */
export const rowLinks = (root) =>
  [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('.row .title'))].filter(
    (link) => !link.closest('[hidden]'),
  );

export class Focus {
  /** @type {Element|null} */
  #last = null;
  #place = 0;

  /** @param {HTMLElement} main */
  constructor(main) {
    this.main = main;
    document.addEventListener('focusin', (event) => this.#came(/** @type {Element} */ (event.target)));
    document.addEventListener('focusout', (event) => this.#left(/** @type {Element} */ (event.target)));
  }

  /** @param {Element} element */
  #came(element) {
    this.#last = element;
    const row = element.closest('.row');
    if (row) this.#place = rowLinks(this.main).findIndex((link) => row.contains(link));
  }

  /** Who clicks beside everything wants it nowhere. @param {Element} element */
  #left(element) {
    queueMicrotask(() => {
      if (element === this.#last && document.activeElement === document.body && canHave(element)) this.#last = null;
    });
  }

  /** After the page was painted. */
  keep() {
    const { activeElement } = document;
    const last = this.#last;
    if (!last || canHave(last) || (activeElement !== document.body && activeElement !== last)) return;
    this.#heir(last).focus({ preventScroll: true });
  }

  /** @param {Element} lost @returns {HTMLElement} */
  #heir(lost) {
    const id = lost.closest('[data-job]')?.getAttribute('data-job') ?? '';
    const links = rowLinks(this.main);
    const same = links.find((link) => link.closest('[data-job]')?.getAttribute('data-job') === id);
    const title = /** @type {HTMLElement|null} */ (this.main.querySelector('job-page h1'));
    return same ?? title ?? links[Math.min(this.#place, links.length - 1)] ?? this.main;
  }
}
