/** `<job-list>`: rows of jobs, each kept for as long as its job is shown. */
import { arrange, h, set, show, write } from './dom.js';
import { JobRow } from './job-row.js';

const QUEUED_SHOWN = 3;

/** @typedef {import('../state.js').SeenJob} SeenJob */

export class JobList extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  /** @type {Map<string, JobRow>} */
  #rows = new Map();
  #expanded = false;
  #items = h('div', { role: 'list', class: 'rows' });
  #moreText = h('span');
  #moreButton = h('button', { type: 'button', class: 'textlink', click: () => this.#toggle() });
  #more = h('p', { class: 'more', hidden: true }, this.#moreText, ' ', this.#moreButton);

  connectedCallback() {
    if (this.firstChild) return;
    this.classList.add('list');
    this.append(this.#items, this.#more);
  }

  /** @param {string} label */
  set label(label) {
    set(this.#items, 'aria-label', label);
  }

  /** @param {string} id @returns {JobRow|undefined} */
  row(id) {
    return this.#rows.get(id);
  }

  /** @returns {boolean} someone points at it or types in it: rows must not move */
  get busy() {
    return this.matches(':hover') || this.contains(document.activeElement);
  }

  /** @param {SeenJob[]} jobs  in their order @param {Set<string>} fresh  ids of jobs that ended just now */
  paint(jobs, fresh) {
    const shown = this.#collapse(jobs);
    const ids = new Set(shown.map((job) => job.id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    const { now } = this.app;
    const rows = shown.map((job) => this.#rowOf(job));
    this.#arrange(rows);
    shown.forEach((job, index) => {
      set(rows[index], 'data-fresh', fresh.has(job.id));
      if (rows[index].isDue(now)) rows[index].paint(job, this.app.setting(job.kind));
    });
  }

  /** Focus stays where it was, also when its row moves. @param {JobRow[]} rows */
  #arrange(rows) {
    const focused = document.activeElement;
    const inside = focused instanceof HTMLElement && this.#items.contains(focused);
    arrange(this.#items, rows);
    if (inside && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  /** @param {SeenJob} job @returns {JobRow} */
  #rowOf(job) {
    const known = this.#rows.get(job.id);
    if (known) return known;
    const row = new JobRow();
    row.app = this.app;
    this.#rows.set(job.id, row);
    return row;
  }

  /** Many queued jobs are told in one line; one's own stay. @param {SeenJob[]} jobs @returns {SeenJob[]} */
  #collapse(jobs) {
    const queued = jobs.filter((job) => job.status === 'queued' && job.attempt === 1);
    const extra = new Set(queued.slice(QUEUED_SHOWN).filter((job) => !this.app.isFocused(job.id)));
    show(this.#more, extra.size > 0);
    write(this.#moreText, this.#expanded ? `${queued.length} queued` : `${extra.size} more queued`);
    write(this.#moreButton, this.#expanded ? 'Show fewer' : 'Show');
    return this.#expanded ? jobs : jobs.filter((job) => !extra.has(job));
  }

  #toggle() {
    this.#expanded = !this.#expanded;
    this.app.refresh();
  }
}

customElements.define('job-list', JobList);
