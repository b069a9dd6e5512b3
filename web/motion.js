/** One animation loop for the page, which runs only while something that is seen moves, and only as fast as can be seen. */

/**
 * @typedef {{step: () => number}} Mover  `step` moves it, and says after how many milliseconds it will look different;
 *   `Infinity`: not by itself
 */

export class Motion {
  /** @type {Set<Mover>} */
  #movers = new Set();

  /**
   * @param {object} host
   * @param {(call: () => void) => any} host.nextFrame  never called while nothing is seen
   * @param {(call: () => void, ms: number) => any} host.wait
   * @param {(error: unknown) => void} host.report  a mover failed
   */
  constructor(host) {
    this.host = host;
  }

  /** @param {Mover} mover */
  add(mover) {
    const rests = this.#movers.size === 0;
    this.#movers.add(mover);
    if (rests) this.host.nextFrame(this.#frame);
  }

  /** One that fails stands still, alone. @param {Mover} mover */
  #step(mover) {
    try {
      return mover.step();
    } catch (error) {
      this.host.report(error);
      return Infinity;
    }
  }

  /** All that moves does so in the same frame. */
  #frame = () => {
    let soonest_ms = Infinity;
    for (const mover of this.#movers) {
      const wait_ms = this.#step(mover);
      if (wait_ms === Infinity) this.#movers.delete(mover);
      soonest_ms = Math.min(soonest_ms, wait_ms);
    }
    if (this.#movers.size) this.host.wait(() => this.host.nextFrame(this.#frame), soonest_ms);
  };
}

export const motion = new Motion({
  nextFrame: (call) => requestAnimationFrame(call),
  wait: (call, ms) => setTimeout(call, ms),
  report: (error) => reportError(error),
});
