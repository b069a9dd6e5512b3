/** What an answer of the hub tells beside its body. Pure. */

/**
 * The hub's time, in whole seconds: pages of other origins are let read it.
 * @param {Response} answer
 * @returns {number|null} milliseconds
 */
export const timeOf = ({ headers }) => Date.parse(headers.get('date') ?? '') || null;
