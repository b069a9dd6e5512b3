/** Wires the page: what is heard changes the state, the state is painted, links turn pages. */
import { backToast, endToast, justEnded, news, Announcer } from './announce.js';
import { App } from './app.js';
import { connect } from './barcast.js';
import { clock } from './clock.js';
import './elements/cancel-popover.js';
import './elements/connection-pill.js';
import './elements/page-banner.js';
import './elements/start-dialog.js';
import './elements/toast-stack.js';
import { BlankNote } from './elements/blank-note.js';
import { JobPage } from './elements/job-page.js';
import { JobsView } from './elements/jobs-view.js';
import { h, set, show } from './elements/dom.js';
import { wishOf } from './order.js';
import { OwnJobs } from './own.js';
import { Painter } from './painter.js';
import { access, isOffline } from './status.js';
import { title } from './title.js';

const HIDDEN_TITLE_MS = 5_000;
const NOTICED_MS = 2_000; // shorter absences are told to nobody

/** @template {Element} T @param {string} selector @returns {T} an element of index.html */
const find = (selector) => /** @type {T} */ (document.querySelector(selector));

class Page {
  /** @type {JobsView|JobPage|null} */
  #view = null;
  #main = /** @type {HTMLElement} */ (find('main'));
  #pill = /** @type {import('./elements/connection-pill.js').ConnectionPill} */ (find('connection-pill'));
  #banner = /** @type {import('./elements/page-banner.js').PageBanner} */ (find('page-banner'));
  #popover = /** @type {import('./elements/cancel-popover.js').CancelPopover} */ (find('cancel-popover'));
  #toasts = /** @type {import('./elements/toast-stack.js').ToastStack} */ (find('toast-stack'));
  #dialog = /** @type {import('./elements/start-dialog.js').StartDialog} */ (find('start-dialog'));
  #announcer = new Announcer(find('#status'));
  #access = new BlankNote();
  #titled_ms = -Infinity;
  #finishedAway = 0;
  /** @type {import('./watch.js').JobWatch|null} of the job whose page is open */
  #watch = null;

  constructor() {
    this.hub = connect(location.origin);
    this.store = this.hub.store;
    this.own = new OwnJobs(localStorage);
    this.app = new App({
      hub: this.hub,
      own: this.own,
      popover: this.#popover,
      toasts: this.#toasts,
      shell: this,
    });
    this.painter = new Painter(() => this.#paint(), {
      requestAnimationFrame: (call) => requestAnimationFrame(call),
      setInterval: (call, ms) => setInterval(call, ms),
    });
    for (const element of [this.#pill, this.#banner, this.#popover, this.#dialog]) element.app = this.app;
    this.#main.before(h('div', { class: 'wrap access' }, this.#access));
  }

  start() {
    this.hub.addEventListener('link', ({ detail: { before } }) => this.#linkChanged(before));
    this.hub.addEventListener('change', ({ detail: { before } }) => this.#changed(before));
    this.hub.feed();
    this.#turn();
    this.#listen();
    this.painter.start();
  }

  #listen() {
    addEventListener('popstate', () => this.#turn());
    document.addEventListener('visibilitychange', () => this.refresh());
    document.addEventListener('click', (event) => this.#clicked(event));
  }

  /** @param {string} id @returns {boolean} its page is open */
  #isOpen(id) {
    return this.#view instanceof JobPage && this.#view.job === id;
  }

  /** @param {import('./socket.js').Link} before */
  #linkChanged(before) {
    const { link } = this.hub;
    const away_ms = link.lost_ms === null ? 0 : clock.now() - link.lost_ms;
    if (link.name === 'catching' && away_ms > NOTICED_MS) this.#returned(/** @type {number} */ (link.lost_ms));
    if (link.name === 'live' && before.name !== 'live') this.#live();
    this.refresh();
  }

  /** @param {number} lost_ms */
  #returned(lost_ms) {
    const { ahead_ms } = this.store.state;
    this.store.take({ type: 'away', from_at: lost_ms + ahead_ms, to_at: this.store.now() });
  }

  #live() {
    this.app.learnKinds();
    this.#finishedAway = 0;
  }

  /** @param {import('./state.js').State} before */
  #changed(before) {
    const { state } = this.store;
    if (state.jobs !== before.jobs) this.#tellNews(before.jobs, state.jobs);
    this.refresh();
  }

  /**
   * @param {Map<string, import('./state.js').SeenJob>} before
   * @param {Map<string, import('./state.js').SeenJob>} jobs
   */
  #tellNews(before, jobs) {
    const concerned = [...this.own.ids].map((id) => jobs.get(id)).filter((job) => job !== undefined);
    for (const job of concerned) {
      const known = before.get(job.id);
      if (known === job) continue;
      this.#announcer.say(news(known, job, this.#isOpen(job.id)), clock.now());
      if (justEnded(known, job) && !this.#isOpen(job.id)) this.#toastEnd(job);
    }
  }

  /** After an absence there is one toast instead of many. @param {import('./state.js').SeenJob} job */
  #toastEnd(job) {
    const away = this.hub.link.name === 'catching' || document.hidden;
    this.#finishedAway += away ? 1 : 0;
    if (away && this.#finishedAway > 1) {
      this.#toasts.replaceChildren();
      return this.#toasts.add(backToast(this.#finishedAway));
    }
    const toast = endToast(job);
    if (toast) this.#toasts.add(toast);
  }

  /** @param {MouseEvent} event  a plain click on a link to one of this page's own addresses */
  #clicked(event) {
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
    this.#turn();
  }

  /** Shows what the address says. */
  #turn() {
    const id = /^\/jobs\/([^/]+)$/.exec(location.pathname)?.[1];
    if (id) this.#openJob(decodeURIComponent(id));
    else this.#openList();
    this.refresh();
  }

  /** @param {string} id */
  #openJob(id) {
    if (this.#isOpen(id)) return;
    this.own.add(id);
    this.#toasts.forget(id);
    this.#put(new JobPage(this.app, id));
    this.#watch = this.hub.job(id);
  }

  #openList() {
    if (!(this.#view instanceof JobsView)) this.#put(new JobsView(this.app));
    /** @type {JobsView} */ (this.#view).turnTo(wishOf(new URLSearchParams(location.search)));
  }

  /** @param {JobsView|JobPage} view */
  #put(view) {
    const first = this.#view === null;
    this.#watch?.close();
    this.#watch = null;
    this.#view = view;
    this.#main.replaceChildren(h('div', { class: 'wrap' }, view));
    view.paint();
    if (!first) scrollTo(0, 0);
    if (!first && view instanceof JobPage) view.focusTitle();
  }

  refresh() {
    this.painter.ask();
    if (document.hidden) this.#paintTitle();
  }

  openStart() {
    this.#dialog.open();
  }

  /** @param {import('./wire.js').Job} job */
  started(job) {
    this.own.add(job.id);
    this.app.focused = job.id;
    this.store.take({ type: 'started', job });
    this.#announcer.say({ text: `Started: ${job.title}`, urgent: true }, clock.now());
    this.go('/');
  }

  #paint() {
    const now_ms = clock.now();
    const { link } = this.hub;
    set(document.documentElement, 'data-conn', isOffline(link, now_ms, navigator.onLine) ? 'off' : 'live');
    this.#pill.paint(now_ms);
    this.#banner.paint(now_ms);
    this.#popover.paint(this.store.state);
    this.#paintAccess();
    this.#view?.paint();
    this.#focusStarted();
    this.#paintTitle();
  }

  #paintAccess() {
    const { name, reason, lost_ms } = this.hub.link;
    const refused = name === 'stopped';
    show(this.#main, !refused);
    show(this.#access, refused);
    if (refused)
      this.#access.tell(
        access(reason, this.store.state.complete ? (lost_ms ?? 0) + this.store.state.ahead_ms : null),
        this.#again(),
      );
  }

  #again() {
    return h('button', { type: 'button', class: 'btn primary', click: () => location.reload() }, 'Reload');
  }

  /** The row of a job that was just started gets the focus once it is there. */
  #focusStarted() {
    const id = this.app.focused;
    if (!id || !(this.#view instanceof JobsView) || !this.#view.focusRow(id)) return;
    this.app.focused = null;
  }

  #paintTitle() {
    const now_ms = clock.now();
    if (document.hidden && now_ms - this.#titled_ms < HIDDEN_TITLE_MS) return;
    this.#titled_ms = now_ms;
    const text = title(this.store.state, this.#view instanceof JobPage ? this.#view.job : null);
    if (document.title !== text) document.title = text;
  }
}

new Page().start();
