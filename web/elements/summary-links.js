/** `<summary-links>`: the four numbers above the list; each sets the filter. What is stalled counts what is lost, too. */
import { addressOf } from '../order.js';
import { stateOf } from '../states.js';
import { number, plural, roughly, secondsBetween } from '../words.js';
import { h, set, write } from './dom.js';

/**
 * @typedef {{name: string, tone: string, address: string, status: string, count: (summary: import('../wire.js').Summary) => number, more: (given: Given) => string}} Figure
 */
/** @typedef {{summary: import('../wire.js').Summary, state: import('../state.js').State, now: number}} Given */

/** @param {Given} given @returns {string} */
function stuckness({ summary: { lost }, state, now }) {
  const since = [...state.jobs.values()]
    .filter((job) => stateOf(job) === 'stalled')
    .map((job) => job.advanced_at ?? now);
  const silent = since.length ? `no update for ${roughly(secondsBetween(Math.min(...since), now))}` : '';
  return [lost ? `${number(lost)} lost` : '', silent].filter(Boolean).join(', ');
}

/** @type {Figure[]} */
const FIGURES = [
  {
    name: 'Running',
    tone: '',
    status: 'running',
    address: addressOf({ tab: 'active', status: 'running', q: '' }),
    count: (s) => s.running,
    more: ({ summary: { workers } }) => (workers ? `on ${plural(workers, 'worker')}` : ''),
  },
  {
    name: 'Queued',
    tone: '',
    status: 'queued',
    address: addressOf({ tab: 'active', status: 'queued', q: '' }),
    count: (s) => s.queued,
    more: ({ summary, now }) =>
      summary.oldest_queued_at ? `oldest waits ${roughly(secondsBetween(summary.oldest_queued_at, now))}` : '',
  },
  {
    name: 'Stalled',
    tone: 'c-warn',
    status: 'stuck',
    address: addressOf({ tab: 'active', status: 'stuck', q: '' }),
    count: (s) => s.stalled + s.lost,
    more: stuckness,
  },
  {
    name: 'Failed today',
    tone: 'c-bad',
    status: 'failed',
    address: addressOf({ tab: 'finished', status: 'failed', q: '' }),
    count: (s) => s.failed_today,
    more: ({ summary }) => (summary.finished_today ? `of ${number(summary.finished_today)} finished` : ''),
  },
];

export class SummaryLinks extends HTMLElement {
  #parts = FIGURES.map((figure) => ({
    figure,
    count: h('b'),
    more: h('small'),
    name: h('span', {}, figure.name),
    link: h('a', { href: figure.address }),
  }));

  connectedCallback() {
    if (this.firstChild) return;
    for (const { name, count, more, link } of this.#parts) link.append(count, name, more);
    this.append(h('nav', { class: 'summary', 'aria-label': 'Summary' }, ...this.#parts.map(({ link }) => link)));
  }

  /** @param {import('../state.js').State} state @param {string} status  of the filter @param {number} now */
  paint(state, status, now) {
    const { summary } = state;
    for (const { figure, count, name, more, link } of this.#parts) {
      if (figure.status === 'stuck') write(name, summary?.lost ? 'Stuck' : figure.name);
      const value = summary ? figure.count(summary) : null;
      write(count, value === null ? '–' : number(value));
      set(count, 'class', value && figure.tone ? figure.tone : null);
      set(link, 'class', value ? null : 'zero');
      write(more, summary && (value || figure.status === 'failed') ? figure.more({ summary, state, now }) : '');
      this.#mark(link, figure, status);
    }
  }

  /**
   * The one that filters leads back to everything.
   * @param {HTMLAnchorElement} link
   * @param {Figure} figure
   * @param {string} status
   */
  #mark(link, figure, status) {
    const current = figure.status === status;
    set(link, 'aria-current', current ? 'true' : null);
    set(link, 'href', current ? '/' : figure.address);
  }
}

customElements.define('summary-links', SummaryLinks);
