/** Time as the browser has it, in one place, so that tests can bring their own. */
/** @type {import('./socket.js').Clock} */
export const clock = {
  now: () => Date.now(),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};
