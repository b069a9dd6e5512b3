/** Why an attempt failed, in words. Pure. */
import { sentence } from './words.js';

/** Types of the hub's own whose message says it all. A map, because a type may have any name. */
const OWN = new Map([
  ['TimedOut', 'Timed out'],
  ['ChildrenFailed', 'Jobs it started failed'],
]);

/** @typedef {import('./wire.js').Failure} Failure */

/** `ValueError`, `Timed out`. @param {Failure} error */
export const errorName = ({ type }) => OWN.get(type) ?? type;

/** `ValueError: no price`, `Took longer than 60 s`. @param {Failure} error */
export const errorText = ({ type, message }) =>
  OWN.has(type) && message
    ? sentence(message)
    : message
      ? `${OWN.get(type) ?? type}: ${message}`
      : errorName({ type, message });
