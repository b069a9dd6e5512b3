/**
 * Paints at most once a frame, when something changed, and once a second, because time goes on. Who wants no motion gets
 * that one a second only.
 */
const TICK_MS = 1_000;

export class Painter {
  #due = false;
  #painted_ms = -Infinity;

  /**
   * @param {() => void} paint
   * @param {object} host
   * @param {(call: () => void) => any} host.requestAnimationFrame
   * @param {(call: () => void, ms: number) => any} host.setInterval
   * @param {() => number} host.now  milliseconds
   * @param {() => boolean} host.calm  no motion is wanted
   */
  constructor(paint, host) {
    this.paint = paint;
    this.host = host;
  }

  start() {
    this.host.setInterval(() => this.ask({ atOnce: true }), TICK_MS);
    this.ask();
  }

  /** What follows from what somebody did here is painted at once, whatever else waits. */
  ask({ atOnce = false } = {}) {
    if (this.#due || (!atOnce && this.#waits())) return;
    this.#due = true;
    this.host.requestAnimationFrame(() => this.#paint());
  }

  #waits() {
    return this.host.calm() && this.host.now() - this.#painted_ms < TICK_MS;
  }

  /** A hidden tab gets no frames: what is due is painted once, when it is seen again. */
  #paint() {
    this.#due = false;
    this.#painted_ms = this.host.now();
    this.paint();
  }
}
