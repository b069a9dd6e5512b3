/** `<job-list>`: rows of jobs and, where one is open, of the jobs it started; each kept for as long as it is shown. */
import { rowsOf } from '../tree.js';
import { number, plural } from '../words.js';
import { arrange, h, measure, set, show, write } from './dom.js';
import { JobRow } from './job-row.js';

const QUEUED_SHOWN = 3;
const MADE_AT_ONCE = 60;
const ARRIVING_MS = 5_000;
const CAN_POINT = matchMedia('(hover: hover)'); // a finger leaves no pointer behind

/**
 * @typedef {import('../state.js').SeenJob} SeenJob
 * @typedef {import('../tree.js').Family} Family
 * @typedef {import('../tree.js').Row} Row
 * @typedef {import('../tree.js').Rest} Rest
 */

export class JobList extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  /** Jobs come here when they have ended. */
  settled = false;
  /** @type {Map<string, JobRow>} */
  #rows = new Map();
  /** @type {Map<string, HTMLElement>} */
  #rests = new Map();
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

  /** @returns {boolean} someone points at it, or goes through it by keys: rows must not move */
  get busy() {
    return this.matches(':hover, :has(:focus-visible)');
  }

  /**
   * @param {SeenJob[]} jobs  in their order
   * @param {{family: Family, fresh?: Set<string>, visible?: Set<string>|null}} given  `fresh`: ids of jobs that ended
   *   just now; `visible`: those that a filter lets through
   */
  paint(jobs, { family, fresh = new Set(), visible = null }) {
    const look = this.#look(visible);
    this.#put(
      this.#collapse(jobs).flatMap((job) => rowsOf(job, family, look)),
      family,
      fresh,
    );
  }

  /** The jobs of one, without its own row. @param {SeenJob} job @param {Family} family */
  paintUnder(job, family) {
    const look = this.#look(null);
    const isOpen = (/** @type {string} */ id) => id === job.id || look.isOpen(id);
    const [, ...under] = rowsOf(job, family, { ...look, isOpen });
    show(this.#more, false);
    this.#fill(job, family);
    this.#put(
      under.map((line) => ({ ...line, depth: line.depth - 1 })),
      family,
      new Set(),
    );
  }

  /** @param {Set<string>|null} visible @returns {import('../tree.js').Look} */
  #look(visible) {
    const { branches } = this.app;
    const pointed = CAN_POINT.matches && this.matches(':hover');
    return {
      visible,
      now: this.app.now,
      isOpen: (id) => branches.isOpen(id),
      most: (id) => branches.most(id),
      isHeld: (id) => (pointed ? this.#rows.has(id) : (this.row(id)?.contains(document.activeElement) ?? false)),
    };
  }

  /** @param {(Row|Rest)[]} all @param {Family} family @param {Set<string>} fresh */
  #put(all, family, fresh) {
    const lines = this.#startOf(all);
    this.#forget(lines);
    this.#arrange(lines.map((line) => ('job' in line ? this.#rowOf(line.job) : this.#restOf(line))));
    for (const line of lines) if ('job' in line) this.#paintRow(line, family, fresh);
  }

  /** A long list is made in pieces, a frame each: what is seen first is there first. @param {(Row|Rest)[]} lines */
  #startOf(lines) {
    let made = 0;
    const end = lines.findIndex((line) => 'job' in line && !this.#rows.has(line.job.id) && (made += 1) > MADE_AT_ONCE);
    if (end < 0) return lines;
    this.app.shell.refresh();
    return lines.slice(0, end);
  }

  /** @param {Row} line @param {Family} family @param {Set<string>} fresh */
  #paintRow({ job, depth, open }, family, fresh) {
    const row = this.#rowOf(job);
    set(row, 'data-fresh', fresh.has(job.id));
    set(row, 'data-arrived', this.settled && this.app.now - (job.finished_at ?? 0) < ARRIVING_MS);
    row.place(depth, open);
    if (row.isDue(job, this.app)) row.paint(job, this.app.setting(job.kind));
    if (open) this.#fill(job, family);
  }

  /** @param {SeenJob} job  whose row is open @param {Family} family */
  #fill(job, family) {
    this.app.branches.fill(job.id, job.children?.total ?? 0, family.childrenOf(job.id).length);
  }

  /** @param {(Row|Rest)[]} lines */
  #forget(lines) {
    const jobs = new Set(lines.map((line) => ('job' in line ? line.job.id : '')));
    const rests = new Set(lines.map((line) => ('of' in line ? line.of.id : '')));
    for (const id of this.#rows.keys()) if (!jobs.has(id)) this.#rows.delete(id);
    for (const id of this.#rests.keys()) if (!rests.has(id)) this.#rests.delete(id);
  }

  /** Focus stays where it was, also when its row moves. @param {HTMLElement[]} rows */
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

  /** @param {Rest} rest @returns {HTMLElement} */
  #restOf({ of, depth, hidden }) {
    const line = this.#rests.get(of.id) ?? this.#newRest(of.id);
    measure(line, '--depth', depth);
    write(/** @type {Element} */ (line.firstElementChild), plural(hidden, 'more job'));
    return line;
  }

  /** @param {string} id */
  #newRest(id) {
    const more = () => {
      this.app.branches.more(id);
      this.app.refresh();
    };
    const button = h('button', { type: 'button', class: 'textlink', click: more }, 'Show more');
    const line = h('p', { class: 'more rest', role: 'listitem' }, h('span'), ' ', button);
    this.#rests.set(id, line);
    return line;
  }

  /** Many queued jobs are told in one line; one's own stay. @param {SeenJob[]} jobs @returns {SeenJob[]} */
  #collapse(jobs) {
    const queued = jobs.filter((job) => job.status === 'queued' && job.attempt === 1);
    const extra = new Set(queued.slice(QUEUED_SHOWN).filter((job) => !this.app.isFocused(job.id)));
    show(this.#more, extra.size > 0);
    write(this.#moreText, this.#expanded ? `${number(queued.length)} queued` : `${number(extra.size)} more queued`);
    write(this.#moreButton, this.#expanded ? 'Show fewer' : 'Show');
    return this.#expanded ? jobs : jobs.filter((job) => !extra.has(job));
  }

  #toggle() {
    this.#expanded = !this.#expanded;
    this.app.refresh();
  }
}

customElements.define('job-list', JobList);
