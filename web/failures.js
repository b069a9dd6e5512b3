/** Why an attempt failed, in words. Pure. */
import { sentence } from './words.js';

/** Types of the hub's own whose message says it all. A map, because a type may have any name. */
const OWN = new Map([
  ['TimedOut', 'Timed out'],
  ['ChildrenFailed', 'Jobs it started failed'],
]);

/** Types of the hub's own that are called otherwise. */
const NAMES = new Map([...OWN, ['WorkerLost', 'Worker lost'], ['LaunchError', 'Could not be started']]);

/** @typedef {import('./wire.js').Failure} Failure */

/** `ValueError`, `Timed out`. @param {Failure} error */
export const errorName = ({ type }) => NAMES.get(type) ?? type;

/** `ValueError: no price`, `Took longer than 60 s`. @param {Failure} error */
export const errorText = ({ type, message }) =>
  OWN.has(type) && message
    ? sentence(message)
    : message
      ? `${errorName({ type, message })}: ${message}`
      : errorName({ type, message });
