/** Wires the page: what is heard changes the state, the state is painted, links turn pages. */
import { Announcer } from './announce.js';
import { App } from './app.js';
import { connect } from './barcast.js';
import { Choices } from './choices.js';
import { clock } from './clock.js';
import './elements/cancel-popover.js';
import './elements/connection-pill.js';
import './elements/page-banner.js';
import './elements/toast-stack.js';
import { BlankNote } from './elements/blank-note.js';
import { JobsView } from './elements/jobs-view.js';
import { h, set, show } from './elements/dom.js';
import { Focus } from './focus.js';
import { Keyboard } from './keyboard.js';
import { Notices } from './notices.js';
import { wishOf } from './order.js';
import { OwnJobs } from './own.js';
import { Painter } from './painter.js';
import { access, banner, isOffline } from './status.js';
import { Tab } from './tab.js';
import { Tidings } from './tidings.js';

const CALM = matchMedia('(prefers-reduced-motion: reduce)');
const NOTICED_MS = 2_000; // shorter absences are told to nobody
const SAID_MS = 10_000; // the same aloud

/** @template {Element} T @param {string} selector @returns {T} an element of index.html */
const find = (selector) => /** @type {T} */ (document.querySelector(selector));

/** @typedef {import('./elements/job-page.js').JobPage} JobPage @typedef {typeof import('./later.js')} Later */

const UNLOADED = {
  icon: 'plug',
  title: 'This page could not be loaded',
  text: 'It is tried again when the hub can be reached. Jobs keep running.',
};

class Page {
  /** @type {JobsView|JobPage|null} */
  #view = null;
  /** @type {Promise<Later|null>|null} */
  #loading = null;
  #main = /** @type {HTMLElement} */ (find('main'));
  #pill = /** @type {import('./elements/connection-pill.js').ConnectionPill} */ (find('connection-pill'));
  #banner = /** @type {import('./elements/page-banner.js').PageBanner} */ (find('page-banner'));
  #popover = /** @type {import('./elements/cancel-popover.js').CancelPopover} */ (find('cancel-popover'));
  #toasts = /** @type {import('./elements/toast-stack.js').ToastStack} */ (find('toast-stack'));
  #dialog = /** @type {import('./elements/start-dialog.js').StartDialog} */ (find('start-dialog'));
  #keys = /** @type {import('./elements/keys-dialog.js').KeysDialog} */ (find('keys-dialog'));
  #announcer = new Announcer(find('#status'), clock);
  #focus = new Focus(this.#main);
  #access = new BlankNote();
  #away = false;
  /** @type {import('./watch.js').JobWatch|null} of the job whose page is open */
  #watch = null;

  constructor() {
    this.hub = connect(location.origin);
    this.store = this.hub.store;
    this.own = new OwnJobs(localStorage);
    const choices = new Choices(localStorage);
    const notices = new Notices({ choices, system: globalThis.Notification, open: (id) => this.#comeTo(id) });
    this.app = new App({
      hub: this.hub,
      own: this.own,
      choices,
      notices,
      popover: this.#popover,
      toasts: this.#toasts,
      shell: this,
    });
    this.painter = new Painter(() => this.#paint(), {
      requestAnimationFrame: (call) => requestAnimationFrame(call),
      setInterval: (call, ms) => setInterval(call, ms),
      now: clock.now,
      calm: () => CALM.matches,
    });
    this.tidings = this.#tidings();
    this.tab = this.#tab();
    for (const element of [this.#pill, this.#banner, this.#popover]) element.app = this.app;
    this.#main.before(h('div', { class: 'wrap access' }, this.#access));
  }

  #tidings() {
    return new Tidings({
      own: this.own,
      announcer: this.#announcer,
      toasts: this.#toasts,
      notices: this.app.notices,
      retry: (job) => this.app.retryOf(job),
      reader: {
        isOpen: (id) => this.isOpen(id),
        isHidden: () => document.hidden,
        isLive: () => this.hub.link.name === 'live',
      },
    });
  }

  #tab() {
    const icon = /** @type {HTMLLinkElement} */ (find('link[rel="icon"]'));
    const plain = icon.href;
    return new Tab({
      clock,
      isHidden: () => document.hidden,
      write: (words) => {
        document.title = words.title;
        icon.href = words.icon ?? plain;
      },
    });
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
    document.addEventListener('visibilitychange', () => this.app.refresh());
    document.addEventListener('click', (event) => this.#clicked(event));
    find('#keys').addEventListener('click', () => this.#openKeys());
    new Keyboard({
      main: this.#main,
      choices: this.app.choices,
      search: () => this.#search(),
      start: () => this.openStart(),
      keys: () => this.#openKeys(),
      go: (path) => this.go(path),
      job: () => this.#jobPage,
    });
  }

  #search() {
    if (!(this.#view instanceof JobsView)) this.go('/');
    if (this.#view instanceof JobsView) this.#view.focusSearch();
  }

  /** A notice of the system was clicked. @param {string} id */
  #comeTo(id) {
    globalThis.focus();
    this.go(`/jobs/${encodeURIComponent(id)}`);
  }

  /** @param {string} id @returns {boolean} its page is open */
  isOpen(id) {
    return this.#watch?.id === id;
  }

  /** @returns {JobPage|null} */
  get #jobPage() {
    return this.#view instanceof JobsView ? null : this.#view;
  }

  /** @returns {Promise<Later|null>} what the first view does not need; `null` while it cannot be had */
  #later() {
    this.#loading ??= import('./later.js').then(
      (later) => {
        this.#dialog.app = this.#keys.app = this.app;
        return later;
      },
      () => (this.#loading = null),
    );
    return this.#loading;
  }

  /** @param {import('./socket.js').Link} before */
  #linkChanged(before) {
    const { link } = this.hub;
    const away_ms = link.lost_ms === null ? 0 : clock.now() - link.lost_ms;
    if (link.name === 'catching' && away_ms > NOTICED_MS) this.#returned(/** @type {number} */ (link.lost_ms));
    if (link.name === 'live' && before.name !== 'live') this.#live();
    this.app.refresh();
  }

  /** @param {number} lost_ms */
  #returned(lost_ms) {
    const { ahead_ms } = this.store.state;
    this.store.take({ type: 'away', from_at: lost_ms + ahead_ms, to_at: this.store.now() });
  }

  #live() {
    if (!this.#view) this.#turn();
    this.#later();
    this.app.learnKinds();
    this.tidings.look();
  }

  /** @param {import('./state.js').State} before */
  #changed(before) {
    const { state } = this.store;
    if (state.jobs !== before.jobs) this.tidings.hear(before.jobs, state.jobs, before.arriving !== null);
    this.#repaint();
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
    this.app.refresh();
  }

  /** @param {string} id */
  async #openJob(id) {
    if (this.isOpen(id)) return;
    this.own.add(id);
    this.#toasts.forget(id);
    this.#follow(this.hub.job(id));
    const later = await this.#later();
    if (!this.isOpen(id)) return; // another page was opened meanwhile
    if (later) this.#put(new later.JobPage(this.app, id));
    else this.#giveUp();
  }

  #openList() {
    this.#follow(null);
    if (!(this.#view instanceof JobsView)) this.#put(new JobsView(this.app));
    /** @type {JobsView} */ (this.#view).turnTo(wishOf(new URLSearchParams(location.search)));
  }

  /** @param {import('./watch.js').JobWatch|null} watch  instead of the one before */
  #follow(watch) {
    this.#watch?.close();
    this.#watch = watch;
  }

  #giveUp() {
    const note = new BlankNote();
    this.#follow(null);
    this.#view = null;
    this.#main.replaceChildren(h('div', { class: 'wrap access' }, note));
    note.tell(UNLOADED);
  }

  /** @param {JobsView|JobPage} view */
  #put(view) {
    const first = this.#view === null;
    const keyed = document.activeElement?.matches(':focus-visible');
    const from = (keyed && this.#jobPage?.job) || null;
    this.#view = view;
    this.#main.replaceChildren(h('div', { class: 'wrap' }, view));
    view.paint();
    if (!first) scrollTo(0, 0);
    if (!first) this.#focusView(view, from);
  }

  /** Who comes back from a job by keys finds its row. @param {JobsView|JobPage} view @param {string|null} from */
  #focusView(view, from) {
    if (!(view instanceof JobsView)) return view.focusTitle();
    if (from !== null && view.focusRow(from)) return;
    this.#main.focus({ preventScroll: true });
  }

  /** Somebody did something here. */
  refresh() {
    this.painter.ask({ atOnce: true });
  }

  /** Something is known that was not. */
  #repaint() {
    this.painter.ask();
    if (document.hidden) this.#paintTab();
  }

  async openStart() {
    if (this.app.canStart && (await this.#later())) this.#dialog.open();
  }

  async #openKeys() {
    if (await this.#later()) this.#keys.open();
  }

  /** @param {string} text */
  say(text) {
    this.#announcer.say({ text, urgent: true });
  }

  /** @param {import('./wire.js').Job} job */
  started(job) {
    this.own.add(job.id);
    this.app.focused = job.id;
    this.store.take({ type: 'started', job });
    this.say(`Started: ${job.title}`);
    this.go('/');
  }

  #paint() {
    const now_ms = clock.now();
    const { link } = this.hub;
    this.#paintLost(isOffline(link, now_ms, navigator.onLine));
    this.#sayLink(link.lost_ms, now_ms);
    this.#pill.paint(now_ms);
    this.#banner.paint(now_ms);
    this.#popover.paint(this.store.state);
    this.#paintAccess();
    this.#view?.paint();
    this.#focusStarted();
    this.#focus.keep();
    this.#paintTab();
    this.tidings.look();
  }

  /** All rows are told otherwise from here on, whatever their jobs do. @param {boolean} lost */
  #paintLost(lost) {
    const before = document.documentElement.dataset.conn;
    set(document.documentElement, 'data-conn', lost ? 'off' : 'live');
    if (document.documentElement.dataset.conn !== before) this.app.stamp += 1;
  }

  /** A long absence of the hub is said, and so is its end. @param {number|null} lost_ms @param {number} now_ms */
  #sayLink(lost_ms, now_ms) {
    const away = lost_ms !== null && now_ms - lost_ms >= SAID_MS;
    if (away === this.#away || this.hub.link.name === 'stopped') return;
    this.#away = away;
    const { head, text } = banner((lost_ms ?? 0) + this.store.state.ahead_ms);
    this.say(away ? `${head} ${text}` : 'Connected again.');
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

  #paintTab() {
    this.tab.paint(this.store.state, this.#jobPage?.job ?? null);
  }
}

new Page().start();
