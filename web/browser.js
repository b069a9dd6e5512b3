/** What a connection needs of the browser: its other tabs, and when somebody looks, comes back, or goes. */

const LOOK_MS = 5_000;
const SLEPT_MS = 10_000;

/** In a frame of another site a browser may refuse to store anything. @returns {Pick<Storage, 'getItem'|'setItem'>} */
export function storage() {
  try {
    return localStorage;
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
}

/** @param {import('./socket.js').Clock} clock @returns {import('./shared.js').Host|null} where tabs can share */
export function tabs(clock) {
  if (!navigator.locks || !globalThis.BroadcastChannel) return null;
  const id = [...crypto.getRandomValues(new Uint32Array(2))].map((part) => part.toString(36)).join('');
  return { locks: navigator.locks, channel: (name) => new BroadcastChannel(name), clock, id };
}

/**
 * Tells a connection what happens to its page, until the function that comes back is called.
 * @param {import('./socket.js').Connection|import('./shared.js').SharedConnection} connection
 * @param {() => boolean} wanted  it is, by a page that is come back to
 * @returns {() => void}
 */
export function keepUp(connection, wanted) {
  const listening = new AbortController();
  const { signal } = listening;
  const check = () => connection.check();
  const online = () => {
    connection.retryNow();
    check();
  };
  const look = () => {
    connection.show(!document.hidden);
    if (!document.hidden) check();
  };
  connection.show(!document.hidden);
  addEventListener('online', online, { signal });
  addEventListener('offline', check, { signal });
  document.addEventListener('visibilitychange', look, { signal });
  // A page that is kept aside to be come back to may hold neither a socket nor a lock.
  addEventListener('pagehide', () => connection.suspend(), { signal });
  addEventListener('pageshow', (event) => event.persisted && wanted() && connection.start(), { signal });
  const watching = setInterval(sleepNoticed(check), LOOK_MS);
  signal.addEventListener('abort', () => clearInterval(watching));
  return () => listening.abort();
}

/** After a sleep the calendar is ahead of the time that was counted. @param {() => void} woken */
function sleepNoticed(woken) {
  const gap = () => Date.now() - performance.now();
  let known = gap();
  return () => {
    const now = gap();
    if (now - known > SLEPT_MS) woken();
    known = now;
  };
}
