/** Turns the page to what its address says: the list of jobs, or one job. */
import { BlankNote } from './elements/blank-note.js';
import { h } from './elements/dom.js';
import { JobsView } from './elements/jobs-view.js';
import { wishOf } from './order.js';

/** @typedef {import('./elements/job-page.js').JobPage} JobPage */

const AGAIN_MS = 5_000;
const UNLOADED = {
  icon: 'plug',
  title: 'This page could not be loaded',
  text: 'It is tried again every few seconds. If the hub is a newer one by now, reload. Jobs keep running.',
};

/** @param {string} part  of an address @returns {string} which may be anything that somebody typed */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export class Views {
  /** @type {JobsView|JobPage|null} */
  shown = null;
  /** @type {import('./watch.js').JobWatch|null} of the job whose page is open */
  #watch = null;

  /**
   * @param {object} given
   * @param {HTMLElement} given.main
   * @param {import('./app.js').App} given.app
   * @param {() => Promise<typeof import('./later.js')|null>} given.later  what a job's page needs; `null`: not to be had
   * @param {(job: string) => void} given.opened  its page is
   */
  constructor({ main, app, later, opened }) {
    this.main = main;
    this.app = app;
    this.later = later;
    this.opened = opened;
  }

  /** @returns {JobsView|null} */
  get list() {
    return this.shown instanceof JobsView ? this.shown : null;
  }

  /** @returns {JobPage|null} */
  get jobPage() {
    return this.shown instanceof JobsView ? null : this.shown;
  }

  /** @param {string} id @returns {boolean} its page is open */
  isOpen(id) {
    return this.#watch?.id === id;
  }

  /** @param {MouseEvent} event  a plain click on a link to one of this page's own addresses */
  clicked(event) {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const ours = link.origin === location.origin && (link.pathname === '/' || /^\/jobs\/[^/]+$/.test(link.pathname));
    if (!ours || link.hasAttribute('download') || link.target || link.hash) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }

  /** @param {string} path @param {{replace?: boolean}} [how] */
  go(path, { replace = false } = {}) {
    history[replace ? 'replaceState' : 'pushState'](null, '', path);
    this.turn();
  }

  /** Shows what the address says. */
  turn() {
    this.app.focused = null; // whoever turns the page no longer waits for a row
    const id = /^\/jobs\/([^/]+)$/.exec(location.pathname)?.[1];
    if (id) this.#openJob(decoded(id));
    else this.#openList();
    this.app.refresh();
  }

  /** @param {string} id */
  async #openJob(id) {
    if (this.isOpen(id)) return;
    this.app.own.add(id);
    this.opened(id);
    this.#follow(this.app.hub.job(id));
    const later = await this.later();
    if (!this.isOpen(id)) return; // another page was opened meanwhile
    if (later) this.#put(new later.JobPage(this.app, id));
    else this.#giveUp();
  }

  #openList() {
    this.#follow(null);
    if (!this.list) this.#put(new JobsView(this.app));
    this.list?.turnTo(wishOf(new URLSearchParams(location.search)));
  }

  /** @param {import('./watch.js').JobWatch|null} watch  instead of the one before */
  #follow(watch) {
    this.#watch?.close();
    this.#watch = watch;
  }

  #giveUp() {
    const note = new BlankNote();
    this.#follow(null);
    this.shown = null;
    this.main.replaceChildren(h('div', { class: 'wrap access' }, note));
    note.tell(UNLOADED, h('button', { type: 'button', class: 'btn', click: () => location.reload() }, 'Reload'));
    setTimeout(() => this.shown ?? this.turn(), AGAIN_MS);
  }

  /** @param {JobsView|JobPage} view */
  #put(view) {
    const first = this.shown === null;
    const keyed = document.activeElement?.matches(':focus-visible');
    const from = (keyed && this.jobPage?.job) || null;
    this.shown = view;
    this.main.replaceChildren(h('div', { class: 'wrap' }, view));
    view.paint();
    if (!first) scrollTo(0, 0);
    if (!first) this.#focusView(view, from);
  }

  /** Who comes back from a job by keys finds its row. @param {JobsView|JobPage} view @param {string|null} from */
  #focusView(view, from) {
    if (!(view instanceof JobsView)) return view.focusTitle();
    if (from !== null && view.focusRow(from)) return;
    this.main.focus({ preventScroll: true });
  }
}
