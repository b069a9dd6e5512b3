/** What a single key means on the page. Pure. */

/** @typedef {'search'|'start'|'next'|'previous'|'cancel'|'again'|'active'|'finished'|'all'|'keys'} Meaning */

/** @type {Map<string, Meaning>} */
const MEANINGS = new Map([
  ['/', 'search'],
  ['n', 'start'],
  ['j', 'next'],
  ['k', 'previous'],
  ['x', 'cancel'],
  ['r', 'again'],
  ['1', 'active'],
  ['2', 'finished'],
  ['3', 'all'],
  ['?', 'keys'],
]);

/** The list of them, as it is shown; the browser itself opens a link by Enter, and closes what is open by Esc. */
export const KEYS = /** @type {const} */ ([
  [['/'], 'Search'],
  [['n'], 'Start a job'],
  [['j', 'k'], 'Next or previous job'],
  [['Enter'], 'Open the job'],
  [['x'], 'Cancel the job, asks first'],
  [['r'], 'Retry or resume'],
  [['1', '2', '3'], 'Active, Finished, All'],
  [['?'], 'This list'],
  [['Esc'], 'Close'],
]);

/**
 * @param {{key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, repeat?: boolean}} press
 * @param {{on: boolean, typing: boolean, covered: boolean}} where  `on`: single keys are wanted; `typing`: the cursor
 *   is in a field; `covered`: a dialog or popover is open
 * @returns {Meaning|null}
 */
export function meaning({ key, ctrlKey, altKey, metaKey, repeat = false }, { on, typing, covered }) {
  if (!on || typing || covered || ctrlKey || altKey || metaKey) return null;
  const meant = MEANINGS.get(key) ?? null;
  const moves = meant === 'next' || meant === 'previous';
  return repeat && !moves ? null : meant; // a key that is held down asks once
}

/**
 * @param {number} at  which one of them is meant now, -1 for none
 * @param {number} count
 * @param {'next'|'previous'} way
 * @returns {number} which one is meant next; there is no way round from the last to the first
 */
export const neighbour = (at, count, way) => Math.max(0, Math.min(count - 1, at + (way === 'next' ? 1 : -1)));

/** What a button does that answers a key. */
const ANSWERS = { cancel: ['cancel', 'force'], again: ['retry', 'resume'] };

/**
 * @template {{dataset: {verb?: string}, hidden: boolean, disabled: boolean}} B
 * @param {'cancel'|'again'} meant
 * @param {B[]} buttons  of one job
 * @returns {B|undefined} the one that does what is meant, as long as it can be done
 */
export const answering = (meant, buttons) =>
  buttons.find(({ dataset, hidden, disabled }) => !hidden && !disabled && ANSWERS[meant].includes(dataset.verb ?? ''));
