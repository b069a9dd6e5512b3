/** Wires the page: what is heard changes the state, the state is painted, links turn pages. */
import { Announcer } from './announce.js';
import { App } from './app.js';
import { connect } from './barcast.js';
import { storage } from './browser.js';
import { Choices } from './choices.js';
import { clock } from './clock.js';
import './elements/cancel-popover.js';
import './elements/connection-pill.js';
import './elements/page-banner.js';
import './elements/toast-stack.js';
import { BlankNote } from './elements/blank-note.js';
import { h, set, show } from './elements/dom.js';
import { Focus } from './focus.js';
import { Keyboard } from './keyboard.js';
import { Notices } from './notices.js';
import { OwnJobs } from './own.js';
import { Painter } from './painter.js';
import { access, banner, isOffline } from './status.js';
import { Tab } from './tab.js';
import { Tidings } from './tidings.js';
import { Views } from './views.js';

const CALM = matchMedia('(prefers-reduced-motion: reduce)');
const NOTICED_MS = 2_000; // shorter absences are told to nobody
const SAID_MS = 10_000; // the same aloud

/** @template {Element} T @param {string} selector @returns {T} an element of index.html */
const find = (selector) => /** @type {T} */ (document.querySelector(selector));

/** @typedef {typeof import('./later.js')} Later */

class Page {
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

  constructor() {
    this.hub = connect(location.origin);
    this.store = this.hub.store;
    const kept = storage();
    this.own = new OwnJobs(kept);
    const choices = new Choices(kept);
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
      clock,
      calm: () => CALM.matches,
    });
    this.views = new Views({
      main: this.#main,
      app: this.app,
      later: () => this.#later(),
      opened: (id) => this.#toasts.forget(id),
    });
    this.tidings = this.#tidings();
    this.tab = this.#tab();
    for (const element of [this.#pill, this.#banner, this.#popover]) element.app = this.app;
    this.#main.before(h('div', { class: 'wrap access', role: 'main' }, this.#access));
  }

  #tidings() {
    return new Tidings({
      own: this.own,
      announcer: this.#announcer,
      toasts: this.#toasts,
      notices: this.app.notices,
      retry: (job) => this.app.retryOf(job),
      reader: {
        isOpen: (id) => this.views.isOpen(id),
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
    this.views.turn();
    this.#listen();
    this.painter.start();
  }

  #listen() {
    addEventListener('popstate', () => this.views.turn());
    document.addEventListener('visibilitychange', () => this.app.refresh());
    document.addEventListener('click', (event) => this.views.clicked(event));
    find('#keys').addEventListener('click', () => this.#openKeys());
    new Keyboard({
      main: this.#main,
      choices: this.app.choices,
      search: () => this.#search(),
      start: () => this.openStart(),
      keys: () => this.#openKeys(),
      go: (path) => this.go(path),
      job: () => this.views.jobPage,
    });
  }

  #search() {
    if (!this.views.list) this.go('/');
    this.views.list?.focusSearch();
  }

  /** A notice of the system was clicked. @param {string} id  of a job; '' for several */
  #comeTo(id) {
    globalThis.focus();
    this.go(id ? `/jobs/${encodeURIComponent(id)}` : '/?tab=finished');
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

  /** @param {import('./link.js').Link} before */
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
    if (!this.views.shown) this.views.turn();
    this.#later();
    this.app.learnKinds();
    this.tidings.look();
  }

  /** @param {import('./state.js').State} before */
  #changed(before) {
    const { state } = this.store;
    if (state.jobs !== before.jobs) this.tidings.hear(before.jobs, state.jobs, before.behind);
    this.#repaint();
  }

  /** @param {string} path @param {{replace?: boolean}} [how] */
  go(path, how) {
    this.views.go(path, how);
  }

  /** @param {string} id @returns {boolean} */
  isOpen(id) {
    return this.views.isOpen(id);
  }

  /** Somebody did something here. */
  refresh() {
    this.painter.now();
    if (document.hidden) this.#paintTab();
  }

  /** Something is known that was not. */
  #repaint() {
    this.painter.news();
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
    this.store.take({ type: 'started', job });
    this.say(`Started: ${job.title}`);
    this.go('/');
    this.app.focused = job.id;
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
    this.views.shown?.paint();
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
    if (id && this.views.list?.focusRow(id)) this.app.focused = null;
  }

  #paintTab() {
    this.tab.paint(this.store.state, this.views.jobPage?.job ?? null, this.app.lost_at !== null);
  }
}

new Page().start();
