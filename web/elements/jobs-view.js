/** `<jobs-view>`: the page of all jobs: summary, tabs, search, groups. */
import { Crowd } from '../crowd.js';
import { addressOf, byEnd, hasStatus, isRecent, matches, Places } from '../order.js';
import { ended } from '../states.js';
import { familyOf } from '../tree.js';
import { number, plural } from '../words.js';
import { BlankNote } from './blank-note.js';
import { h, set, show, write } from './dom.js';
import { FinishedPages } from './finished-pages.js';
import { icon } from './icon.js';
import { JobList } from './job-list.js';
import { SummaryLinks } from './summary-links.js';

const RECENT_SHOWN = 20;
const TYPING_MS = 150;
const PATIENCE_MS = 300;

/**
 * @typedef {import('../state.js').SeenJob} SeenJob
 * @typedef {import('../order.js').Wish} Wish
 * @typedef {{family: import('../tree.js').Family, visible: Set<string>|null}} Tree
 */

/** @type {{tab: Wish['tab'], text: string}[]} */
const TABS = [
  { tab: 'active', text: 'Active' },
  { tab: 'finished', text: 'Finished' },
  { tab: 'all', text: 'All' },
];

export class JobsView extends HTMLElement {
  /** @type {Wish} */
  #wish = { tab: 'active', status: '', q: '' };
  #places = new Places();
  #crowd = new Crowd();
  #born_ms = performance.now();
  /** @type {any} */
  #typing = null;
  #summary = new SummaryLinks();
  #tabs = TABS.map(({ tab, text }) => ({ tab, count: h('span'), link: h('a', {}, text) }));
  #search = h('input', {
    class: 'input',
    type: 'search',
    placeholder: 'Title, kind or tag',
    'aria-label': 'Search jobs',
    'aria-keyshortcuts': '/',
    autocomplete: 'off',
    input: () => this.#typed(),
  });
  #start = h(
    'button',
    { type: 'button', class: 'btn primary', 'aria-keyshortcuts': 'n', click: () => this.app.openStart() },
    'Start job',
  );
  #news = h('button', { type: 'button', class: 'btn sm news', hidden: true, click: () => this.#letIn() });
  #activeHead = h('h2', { class: 'group' }, 'Active');
  #active = new JobList();
  #endedNote = h('span');
  #endedTitle = h('b');
  #endedHead = h('h2', { class: 'group' }, this.#endedTitle, ' ', this.#endedNote);
  #ended = new JobList();
  #blank = new BlankNote();

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super();
    this.app = app;
    this.pages = new FinishedPages(app);
    this.#active.app = this.#ended.app = app;
    this.#active.label = 'Active jobs';
    this.#ended.settled = true;
  }

  connectedCallback() {
    if (this.firstChild) return;
    for (const { count, link } of this.#tabs) link.append(' ', count);
    const tabs = h('nav', { class: 'tabs', 'aria-label': 'Filter jobs' }, ...this.#tabs.map(({ link }) => link));
    const key = h('kbd', { 'aria-hidden': 'true' }, '/');
    const search = h('div', { class: 'search' }, icon('search'), this.#search, key);
    this.append(
      h('h1', { class: 'vh' }, 'Jobs'),
      this.#summary,
      h('div', { class: 'tools' }, tabs, h('span', { class: 'gap' }), search, this.#start),
      this.#news,
      this.#activeHead,
      this.#active,
      this.#endedHead,
      this.#ended,
      this.pages.element,
      this.#blank,
    );
    this.#blank.onclear = () => this.#become({ ...this.#wish, q: '', status: '' });
  }

  /** @param {Wish} wish  what the address asks for */
  turnTo(wish) {
    const changed = addressOf(wish) !== addressOf(this.#wish);
    this.#wish = wish;
    if (this.#search.value.trim() !== wish.q) this.#search.value = wish.q;
    if (changed) this.#crowd.reset();
    if (changed) this.app.branches.forgetClosed();
    this.pages.turnTo(wish);
  }

  /** Puts the cursor on a row. @param {string} id @returns {boolean} whether it is there */
  focusRow(id) {
    const row = this.#active.row(id) ?? this.#ended.row(id);
    row?.focusTitle();
    return row !== undefined;
  }

  focusSearch() {
    this.#search.select();
    this.#search.focus();
  }

  paint() {
    const { state } = this.app.store;
    const now = this.app.store.now();
    const family = familyOf(state.jobs);
    const { found, roots, visible } = this.#find(family);
    this.#summary.paint(state, this.#wish.status, this.app.now);
    this.#paintTools(family.roots());
    const active = this.#paintActive(
      roots.filter((job) => state.feed.has(job.id)),
      { family, visible },
      now,
    );
    const done = this.#paintEnded(
      roots.filter((job) => this.#isPast(job) && !this.#crowd.fresh.has(job.id)),
      { family, visible },
      now,
    );
    this.#paintBlank(active + done === 0, found);
  }

  /** On the page of what has ended, a job that goes on is there for an ended one under it. @param {SeenJob} job */
  #isPast(job) {
    return ended(job) || this.#wish.tab === 'finished';
  }

  /**
   * What the filter finds, and the rows under which it stands.
   * @param {import('../tree.js').Family} family
   * @returns {{found: SeenJob[], roots: SeenJob[], visible: Set<string>|null}}
   */
  #find(family) {
    const { tab, status, q } = this.#wish;
    if (!status && !q) {
      const roots = family.roots().filter((job) => tab !== 'finished' || ended(job));
      return { found: roots, roots, visible: null };
    }
    const all = [...family.jobs.values()].filter((job) => hasStatus(job, status) && matches(job, q));
    const found = tab === 'finished' ? all.filter(ended) : all;
    for (const job of found) if (family.isOrphan(job)) this.app.branches.meet(job.parent ?? '');
    return { found: all, ...family.around(found) };
  }

  /** @param {SeenJob[]} jobs  with rows of their own: those that they started are not counted again */
  #paintTools(jobs) {
    const { summary } = this.app.store.state;
    const counts = { active: jobs.filter((job) => !ended(job)).length, finished: summary?.finished, all: undefined };
    for (const { tab, count, link } of this.#tabs) {
      const value = counts[tab];
      write(count, value === undefined ? '' : number(value));
      set(link, 'href', addressOf({ tab, status: '', q: this.#wish.q }));
      set(link, 'aria-current', tab === this.#wish.tab ? 'page' : null);
    }
    show(this.#start, this.app.canStart);
  }

  /** @param {SeenJob[]} found @param {Tree} tree @param {number} now @returns {number} how many are shown */
  #paintActive(found, tree, now) {
    const wanted = this.#wish.tab === 'finished' ? [] : found;
    const busy = this.#active.busy || scrollY > 0;
    const isHeld = (/** @type {string} */ id) => this.#active.row(id)?.matches(':hover, :has(:focus-visible)') ?? false;
    const { present, waiting } = this.#crowd.admit(wanted, {
      now,
      busy,
      isHeld,
      isOwn: (id) => this.app.isFocused(id),
    });
    this.#places.keep((id) => this.app.store.state.jobs.has(id));
    show(this.#news, waiting > 0);
    write(this.#news, plural(waiting, 'new job'));
    show(this.#activeHead, present.length > 0);
    show(this.#active, present.length > 0);
    this.#active.paint(this.#places.sort(present), { ...tree, fresh: this.#crowd.fresh });
    return present.length;
  }

  /** @param {SeenJob[]} found @param {Tree} tree @param {number} now @returns {number} how many are shown */
  #paintEnded(found, tree, now) {
    const recent = this.#wish.tab === 'active';
    const wanted = recent ? found.filter((job) => isRecent(job, now) && this.app.store.state.feed.has(job.id)) : found;
    const shown = byEnd(wanted).slice(0, recent ? RECENT_SHOWN : Infinity);
    write(this.#endedTitle, recent ? 'Recent' : 'Finished');
    write(this.#endedNote, recent ? 'last 24 hours' : '');
    this.#ended.label = recent ? 'Recent jobs' : 'Finished jobs';
    show(this.#endedHead, shown.length > 0);
    show(this.#ended, shown.length > 0);
    this.#ended.paint(shown, tree);
    this.pages.paint(recent);
    return shown.length;
  }

  /** @param {boolean} empty @param {SeenJob[]} found */
  #paintBlank(empty, found) {
    const waited = performance.now() - this.#born_ms > PATIENCE_MS;
    const known = this.app.store.state.complete && !this.pages.loading;
    this.#blank.paint({ empty, known, waited, wish: this.#wish, elsewhere: found.length });
  }

  #letIn() {
    this.#crowd.openDoors([...this.app.store.state.jobs.values()]);
    this.app.refresh();
  }

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#become({ ...this.#wish, q: this.#search.value.trim() }), TYPING_MS);
  }

  /** @param {Wish} wish */
  #become(wish) {
    this.app.go(addressOf(wish), { replace: true });
  }
}

customElements.define('jobs-view', JobsView);
