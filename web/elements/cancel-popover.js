/** `<cancel-popover>`: asks before a cancel or a force stop, and says when it could not be sent. */
import { Unanswered } from '../api.js';
import { unfinished } from '../tree.js';
import { about, number, usualStep } from '../words.js';
import { h, show, write } from './dom.js';

/**
 * @typedef {import('../state.js').SeenJob} SeenJob
 * @typedef {{title: string, text: string, keep: string, go: string, danger: boolean}} Question
 */

const MARGIN_PX = 16;
const GAP_PX = 6;

/** @param {SeenJob} job @returns {string} */
function watchers({ viewers }) {
  const others = viewers - 1;
  if (others < 1) return '';
  return others === 1 ? '1 other person is watching.' : `${others} other people are watching.`;
}

/** @param {SeenJob} job @returns {string} */
function others(job) {
  const count = unfinished(job);
  if (!count) return '';
  return count === 1
    ? 'The job that it started is cancelled, too.'
    : `${number(count)} jobs that it started are cancelled, too.`;
}

/** `removes what is packed so far` as a sentence. @param {string} note @returns {string} */
function noteText(note) {
  const begun = /^\p{Ll}/u.test(note) ? `It ${note}` : note;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** @param {SeenJob} job @param {import('../wire.js').Kind|undefined} kind @returns {Question} */
function asking(job, kind) {
  const stop_s = kind?.stop_p50_s;
  const usual = stop_s ? `This usually takes ${about(usualStep(stop_s))}.` : '';
  const note = kind?.cancel_note
    ? noteText(kind.cancel_note)
    : `${job.worker ?? 'The worker'} is asked to stop and to clean up.`;
  return {
    title: 'Cancel this job?',
    text: [note, others(job), usual, watchers(job)].filter(Boolean).join(' '),
    keep: 'Keep running',
    go: 'Cancel job',
    danger: true,
  };
}

/** @type {Question} */
const FORCING = {
  title: 'Force stop?',
  text: 'The worker is stopped at once and cannot clean up. What it was writing may be left half written.',
  keep: 'Keep waiting',
  go: 'Force stop',
  danger: true,
};

/** @param {unknown} error @returns {Question} */
const failing = (error) =>
  error instanceof Unanswered
    ? {
        title: 'No answer to the cancel',
        text: 'The hub may or may not have taken it. This page shows it as soon as it is known. Asking again does no harm.',
        keep: 'Close',
        go: 'Try again',
        danger: false,
      }
    : {
        title: 'Cancel was not sent',
        text: 'The hub could not be reached, so the job is still running. Nothing has been queued on your side.',
        keep: 'Close',
        go: 'Try again',
        danger: false,
      };

export class CancelPopover extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  /** @type {{job: SeenJob, opener: HTMLElement, force: boolean}|null} */
  #about = null;
  #title = h('h2', { id: 'cancel-title' });
  #text = h('p', { id: 'cancel-text' });
  #keep = h('button', { type: 'button', class: 'btn', autofocus: true, click: () => this.hidePopover() });
  #go = h('button', { type: 'button', class: 'btn', click: () => this.#confirm() });

  connectedCallback() {
    if (this.firstChild) return;
    this.className = 'pop';
    this.popover = 'auto';
    this.setAttribute('role', 'dialog');
    this.setAttribute('aria-labelledby', 'cancel-title');
    this.setAttribute('aria-describedby', 'cancel-text');
    this.append(this.#title, this.#text, h('div', {}, this.#keep, this.#go));
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} force */
  ask(job, opener, force) {
    this.#about = { job, opener, force };
    this.#put(force ? FORCING : asking(job, this.app.kinds.get(job.kind)));
  }

  /** @param {SeenJob} job @param {HTMLElement} opener @param {boolean} force @param {unknown} error */
  fail(job, opener, force, error) {
    this.#about = { job, opener, force };
    this.#put(failing(error));
  }

  /** A job that ended meanwhile needs no question. @param {import('../state.js').State} state */
  paint(state) {
    if (!this.#about || !this.matches(':popover-open')) return;
    const job = state.jobs.get(this.#about.job.id);
    if (!job || job.finished_at !== null) this.hidePopover();
  }

  /** @param {Question} question */
  #put({ title, text, keep, go, danger }) {
    write(this.#title, title);
    write(this.#text, text);
    write(this.#keep, keep);
    write(this.#go, go);
    this.#go.classList.toggle('danger', danger);
    show(this.#go, true);
    if (!this.matches(':popover-open')) this.showPopover();
    this.#place();
    this.#keep.focus();
  }

  /** Under its button, inside the window. */
  #place() {
    const opener = this.#about?.opener.getBoundingClientRect();
    if (!opener) return;
    const { width, height } = this.getBoundingClientRect();
    const left = Math.min(opener.right - width + 8, document.documentElement.clientWidth - width - MARGIN_PX);
    const below = opener.bottom + GAP_PX;
    const top = below + height > innerHeight - MARGIN_PX ? opener.top - height - GAP_PX : below;
    this.style.setProperty('--x', `${Math.max(MARGIN_PX, left)}px`);
    this.style.setProperty('--y', `${Math.max(MARGIN_PX, top)}px`);
  }

  #confirm() {
    const asked = this.#about;
    this.hidePopover();
    if (asked) this.app.actions.cancel(asked.job, asked.opener, asked.force);
  }
}

customElements.define('cancel-popover', CancelPopover);
