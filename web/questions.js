/** What is asked before a cancel, and what is said when it could not be sent. Pure. */
import { Unanswered } from './api.js';
import { unfinished } from './tree.js';
import { about, isolated, number, plural, usualStep } from './words.js';

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {{title: string, text: string, keep: string, go: string, danger: boolean}} Question  `go`: '' asks nothing
 */

/** @param {SeenJob} job @returns {string} */
function watchers({ viewers }) {
  const others = viewers - 1;
  if (others < 1) return '';
  return plural(others, 'other person is watching.', 'other people are watching.');
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

/** @param {SeenJob} job @param {import('./wire.js').Kind|undefined} kind @returns {Question} */
export function asking(job, kind) {
  const stop_s = kind?.stop_p50_s;
  const usual = stop_s ? `This usually takes ${about(usualStep(stop_s))}.` : '';
  const note = kind?.cancel_note
    ? isolated(noteText(kind.cancel_note))
    : `${job.worker ? isolated(job.worker) : 'The worker'} is asked to stop and to clean up.`;
  return {
    title: 'Cancel this job?',
    text: [note, others(job), usual, watchers(job)].filter(Boolean).join(' '),
    keep: 'Keep running',
    go: 'Cancel job',
    danger: true,
  };
}

/** @type {Question} */
export const FORCING = {
  title: 'Force stop?',
  text: 'The worker is stopped at once and cannot clean up. What it was writing may be left half written.',
  keep: 'Keep waiting',
  go: 'Force stop',
  danger: true,
};

/** @param {unknown} error @returns {Question} */
export const failing = (error) =>
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

/** @param {string} title @param {string} text @returns {Question} nothing to decide */
export const telling = (title, text) => ({ title, text, keep: 'Close', go: '', danger: false });
