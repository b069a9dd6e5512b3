/** `<job-history>`: how long earlier runs of the kind took, with this one beside them. */
import { elapsed } from '../eta.js';
import { ended, stateOf } from '../states.js';
import { duration, number, percent } from '../words.js';
import { each, h, measure, set, show, write } from './dom.js';

const SHOWN = 20;
const PACED = ['running', 'stalled', 'paused'];
const PACE = 0.1; // within a tenth of the usual pace is the usual pace

/** @typedef {import('../state.js').SeenJob} SeenJob @typedef {import('../wire.js').History} History */
/** @typedef {{height: number, more: number, look: string}} Column */

/** @type {Record<string, string>} */
const LOOKS = { failed: 'x', cancelled: 'c' };

/** @param {number[]} curve  fraction of work by fraction of time @param {number} time  0 to 1 @returns {number} */
function typicalAt(curve, time) {
  if (time >= 1 || curve.length < 2) return Math.min(1, time);
  const at = time * (curve.length - 1);
  const below = Math.floor(at);
  return curve[below] + (curve[below + 1] - curve[below]) * (at - below);
}

/** @param {SeenJob} job @param {History} history @param {number} elapsed_s @returns {string} one sentence */
function paceText(job, history, elapsed_s) {
  if (!history.typical)
    return history.runs.length ? 'Too few earlier runs to compare with.' : 'No earlier runs of this kind.';
  if (job.fraction === null || !PACED.includes(stateOf(job))) return '';
  const usual = typicalAt(history.curve ?? [], elapsed_s / history.typical.p50_s);
  const ratio = usual > 0 ? job.fraction / usual : 1;
  const pace = ratio < 1 - PACE ? 'Slower than usual' : ratio > 1 + PACE ? 'Faster than usual' : 'At the usual pace';
  return `${pace}: ${percent(job.fraction)} now, ${percent(usual, usual >= 1)} is typical after ${duration(elapsed_s)}.`;
}

export class JobHistory extends HTMLElement {
  #p90 = h('span');
  #p50 = h('span');
  #lines = [h('p', { class: 'p' }, this.#p90), h('p', { class: 'p' }, this.#p50)];
  #columns = h('div', { class: 'columns' });
  #chart = h('div', { class: 'hist', role: 'img' }, ...this.#lines, this.#columns);
  #text = h('p', { class: 'pace' });
  #count = h('span');

  connectedCallback() {
    if (this.firstChild) return;
    this.append(
      h(
        'section',
        { class: 'card', 'aria-labelledby': 'history-title' },
        h('header', {}, h('h2', { id: 'history-title' }, 'Previous runs'), this.#count),
        h('div', { class: 'pad' }, this.#chart, this.#text),
      ),
    );
  }

  /** @param {SeenJob} job @param {History|null} history @param {number} now */
  paint(job, history, now) {
    show(this, history !== null);
    if (!history) return;
    const elapsed_s = elapsed(job, now);
    const runs = history.runs
      .filter((run) => run.job !== job.id)
      .sort((a, b) => a.started_at - b.started_at)
      .slice(-SHOWN);
    show(this.#chart, runs.length > 0);
    write(this.#count, runs.length ? `last ${number(runs.length)}` : '');
    this.#paintColumns(job, { ...history, runs }, elapsed_s);
    write(this.#text, paceText(job, { ...history, runs }, elapsed_s));
    show(this.#text, this.#text.textContent !== '');
  }

  /** @param {SeenJob} job @param {History} history @param {number} elapsed_s */
  #paintColumns(job, { runs, typical }, elapsed_s) {
    const expected_s = ended(job) ? elapsed_s : Math.max(elapsed_s + (job.eta_s ?? 0), elapsed_s);
    const most_s = Math.max(...runs.map((run) => run.elapsed_s), expected_s, typical?.p90_s ?? 0, 1) * 1.04;
    const share = (/** @type {number} */ seconds) => (seconds / most_s) * 100;
    const past = runs.map((run) => ({ height: share(run.elapsed_s), more: 0, look: LOOKS[run.status] ?? '' }));
    const height = Math.max(1, share(elapsed_s));
    const more = Math.max(0, (share(expected_s) / height - 1) * 100); // of what is drawn, not of what was worked
    const columns = [...past, { height, more, look: 'this' }];
    each(
      this.#columns,
      columns,
      () => h('i'),
      (column, value) => this.#fill(column, value),
    );
    this.#paintLines(typical, share);
    set(this.#chart, 'aria-label', summaryOf(runs, typical, elapsed_s));
  }

  /** @param {HTMLElement} column @param {Column} value */
  #fill(column, { height, more, look }) {
    measure(column, '--h', Math.max(1, height));
    measure(column, '--more', more);
    set(column, 'class', `${look}${more > 0 ? ' unfinished' : ''}` || null);
  }

  /** @param {import('../wire.js').Typical|null} typical @param {(seconds: number) => number} share */
  #paintLines(typical, share) {
    for (const line of this.#lines) show(line, typical !== null);
    if (!typical) return;
    measure(this.#lines[0], '--h', share(typical.p90_s));
    measure(this.#lines[1], '--h', share(typical.p50_s));
    write(this.#p90, `${duration(typical.p90_s)}\np90`);
    write(this.#p50, `p50\n${duration(typical.p50_s)}`);
  }
}

/** @param {History['runs']} runs @param {import('../wire.js').Typical|null} typical @param {number} elapsed_s */
function summaryOf(runs, typical, elapsed_s) {
  const bad = ['failed', 'cancelled'].map((status) => ({
    status,
    times: runs.filter((run) => run.status === status).length,
  }));
  const ends = bad.filter(({ times }) => times).map(({ status, times }) => `${times} ${status}.`);
  const usual = typical
    ? `half finish within ${duration(typical.p50_s)}, nine of ten within ${duration(typical.p90_s)}.`
    : '';
  return [`Durations of the last ${runs.length} runs:`, usual, ...ends, `This run is at ${duration(elapsed_s)}.`]
    .filter(Boolean)
    .join(' ');
}

customElements.define('job-history', JobHistory);
