/**
 * Paints when something changed, and once a second, because time goes on. News is painted at once, further news a moment
 * later: bars move between them. Who wants no motion gets news once a second only.
 */
const TICK_MS = 1_000;
const NEWS_MS = 200;

export class Painter {
  #due = false;
  #painted_ms = -Infinity;
  /** @type {any} */
  #waiting = null;
  /** @type {any} */
  #ticking = null;

  /**
   * @param {() => void} paint
   * @param {object} host
   * @param {(call: () => void) => any} host.requestAnimationFrame
   * @param {import('./socket.js').Clock} host.clock
   * @param {() => boolean} host.calm  no motion is wanted
   */
  constructor(paint, host) {
    this.paint = paint;
    this.host = host;
  }

  start() {
    this.#ticking = this.host.clock.setTimeout(() => this.start(), TICK_MS);
    this.now();
  }

  /** Time goes on unseen; news is painted all the same. */
  stop() {
    this.host.clock.clearTimeout(this.#ticking);
  }

  /** What follows from what somebody did here is painted at once, whatever else waits. */
  now() {
    if (this.#due) return;
    this.#due = true;
    this.host.requestAnimationFrame(() => this.#paint());
  }

  /** Something is known that was not. */
  news() {
    const { calm, clock } = this.host;
    if (this.#due || this.#waiting !== null) return;
    const left_ms = this.#painted_ms + (calm() ? TICK_MS : NEWS_MS) - clock.now();
    if (left_ms <= 0) this.now();
    else this.#waiting = clock.setTimeout(() => this.now(), left_ms);
  }

  /** A hidden tab gets no frames: what is due is painted once, when it is seen again. */
  #paint() {
    const { clock } = this.host;
    clock.clearTimeout(this.#waiting);
    this.#waiting = null;
    this.#due = false;
    this.#painted_ms = clock.now();
    this.paint();
  }
}
