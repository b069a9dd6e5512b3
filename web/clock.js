/** Time as the browser has it, in one place, so that tests can bring their own. */

/** @type {import('./socket.js').Clock} */
export const clock = {
  /** Counted, not read off the calendar: setting a machine's clock moves nothing on the page. */
  now: () => Math.round(performance.timeOrigin + performance.now()),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};
