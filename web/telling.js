/** An entry of a job's log in the words of one line, with what its neighbours say beside it. Pure. */
import { outputOf } from './log.js';
import { brief, counts, duration, isolated, percent, secondsBetween } from './words.js';

/**
 * @typedef {import('./wire.js').LogEntry} LogEntry
 * @typedef {{text: string, note: string}} Told  `note`: quieter, after it
 * @typedef {{before: LogEntry[], most: number}} Around  `before`: what was logged so far; `most`: attempts that there may be
 */

/** @param {LogEntry} entry @param {Around} around @param {string} event @returns {LogEntry|undefined} of the same attempt */
const lastOf = ({ attempt }, { before }, event) =>
  before.findLast((other) => other.attempt === attempt && other.event === event);

/** @param {LogEntry} entry @returns {Record<string, unknown>} */
const dataOf = ({ data }) => (typeof data === 'object' && data !== null ? /** @type {any} */ (data) : {});

/** @param {LogEntry} entry @param {Around} around @returns {string} who works on the attempt */
function workerOf(entry, around) {
  const [, name] = /^Started on (.+)$/s.exec(lastOf(entry, around, 'started')?.text ?? '') ?? [];
  return name ? isolated(name) : 'The worker';
}

/** @param {LogEntry} entry @param {Around} around @returns {string} `after 0.3 s`, since the cancel was asked for */
function afterRequest(entry, around) {
  const asked = lastOf(entry, around, 'cancel_requested');
  return asked ? `after ${brief(secondsBetween(asked.at, entry.at))}` : '';
}

/** @param {LogEntry} entry @param {Around} around @returns {string} `Download took 38 s` */
function phaseBefore(entry, around) {
  const last = lastOf(entry, around, 'phase');
  const { name } = last ? dataOf(last) : {};
  return last && typeof name === 'string'
    ? `${isolated(name)} took ${duration(secondsBetween(last.at, entry.at))}`
    : '';
}

/** @param {LogEntry} entry @returns {string} `10,000 rows, 34%` */
function savedAt(entry) {
  const { done, fraction } = dataOf(entry);
  const [, unit = ''] = /^Checkpoint at [\d.,]+ (.+)$/s.exec(entry.text) ?? [];
  const parts = [
    typeof done === 'number' && counts(done, null, unit),
    typeof fraction === 'number' && percent(fraction, fraction >= 1),
  ];
  return parts.filter(Boolean).join(', ');
}

/** As the hub tells it. @param {LogEntry} entry @returns {Told} */
const plain = ({ text }) => ({ text, note: '' });

/** @type {Partial<Record<string, (entry: LogEntry, around: Around) => Told>>} */
const TELL = {
  started: (entry, { most }) => ({
    text: entry.text,
    note: most > 1 ? `attempt ${entry.attempt}${entry.attempt <= most ? ` of ${most}` : ''}` : '',
  }),
  phase: (entry, around) => ({ text: entry.text, note: phaseBefore(entry, around) }),
  checkpoint: (entry) => {
    const note = savedAt(entry);
    return note ? { text: 'Checkpoint', note } : plain(entry);
  },
  cancel_delivered: (entry, around) => ({
    text: `${workerOf(entry, around)} has the request`,
    note: afterRequest(entry, around),
  }),
  cancel_acknowledged: (entry, around) => {
    const [, what] = /^The work is stopping(.*)$/s.exec(entry.text) ?? [];
    if (what === undefined) return plain(entry);
    return { text: `${workerOf(entry, around)} confirmed${what}`, note: afterRequest(entry, around) };
  },
  lost: (entry) => {
    const [, how] = /^The worker has not been (.+)$/s.exec(entry.text) ?? [];
    return how ? { text: 'Worker lost', note: `not ${how}` } : plain(entry);
  },
  entry: (entry) => ({ text: `${outputOf(entry) === null ? warning(entry) : ''}${entry.text}`, note: '' }),
};

/** What its colour says, a word says first. @param {LogEntry} entry */
function warning({ level, text }) {
  const word = { info: '', warning: 'Warning', error: 'Error' }[level] ?? '';
  return word && !text.toLowerCase().startsWith(word.toLowerCase()) ? `${word}: ` : '';
}

/** @param {LogEntry} entry @param {Around} around @returns {Told} */
export const told = (entry, around) => TELL[entry.event]?.(entry, around) ?? plain(entry);
