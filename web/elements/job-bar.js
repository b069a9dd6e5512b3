/** `<job-bar>`: how far a job is. A progressbar without text inside, named by its job's title. */
import { bar } from '../bar.js';
import { frameOf, hear, restless, shownAt } from '../glide.js';
import { motion } from '../motion.js';
import { each, h, measure, set } from './dom.js';

const SPEAK_MS = 5_000;

/** @typedef {import('../bar.js').Bar} Bar */

/** @param {Element} parent @param {string} tag @param {import('../bar.js').Span|null} span */
function stretch(parent, tag, span) {
  const present = parent.querySelector(tag);
  if (!span) return present?.remove();
  const piece = /** @type {HTMLElement} */ (present ?? parent.appendChild(document.createElement(tag)));
  measure(piece, '--from', span.from);
  measure(piece, '--to', span.to);
}

/** @typedef {import('../state.js').SeenJob} SeenJob @typedef {import('../story.js').Setting} Setting */

const CALM = matchMedia('(prefers-reduced-motion: reduce)');
const UNSEEN_MS = 1_500; // what was not painted for so long stands where it is by now
const FINEST = 1_000; // steps of the whole bar: no finer than what can be seen

export class JobBar extends HTMLElement {
  #spoken_ms = -Infinity;
  #parts = h('span', { class: 'parts' });
  #tick = h('b', { hidden: true });
  /** @type {SeenJob|null} */
  #job = null;
  /** @type {import('../glide.js').Glide|null} */
  #glide = null;
  #painted_ms = -Infinity;
  /** @type {number|null} of the whole, as shown */
  #shown = null;
  #now = () => 0;
  /** Nobody sees it move: its row is scrolled away. */
  unseen = false;

  /** Told whenever another whole percent is shown. @type {() => void} */
  onpercent = () => {};

  connectedCallback() {
    if (this.firstChild) return;
    this.classList.add('bar');
    set(this, 'role', 'progressbar');
    this.append(this.#parts, this.#tick);
  }

  /** @returns {number|null} the fraction that is shown: what stands in figures beside it is the same */
  get shown() {
    return this.#shown;
  }

  /**
   * @param {SeenJob} job
   * @param {(shown: number|null) => string} spoken  the value in words, asked for only when it is due
   * @param {Setting} setting
   */
  paint(job, spoken, { now, clock, lost_at }) {
    this.#job = job;
    this.#now = clock;
    const frame = frameOf(job, lost_at === null);
    const late = CALM.matches || now - this.#painted_ms > UNSEEN_MS;
    this.#glide = frame && hear(late ? null : this.#glide, frame, now);
    this.#painted_ms = now;
    this.#show(now);
    const shape = bar(job);
    set(this, 'data-lost', shape.lostWork);
    this.#tick.hidden = shape.tick === null;
    measure(this.#tick, '--at', shape.tick ?? 0);
    this.#speak(shape, spoken, now);
    if (this.#glide && restless(this.#glide, now) < Infinity) motion.add(this);
  }

  /** The next picture of the animation. @returns {number} milliseconds to the one after it */
  step() {
    if (!this.#glide || !this.isConnected || this.unseen) return Infinity;
    const now = this.#now();
    this.#painted_ms = now;
    if (this.#at(now) !== this.#shown) this.#show(now);
    return restless(this.#glide, now);
  }

  /** @param {number} now @returns {number|null} the fraction to show */
  #at = (now) => this.#glide && Math.floor(shownAt(this.#glide, now) * FINEST + 1e-6) / FINEST;

  /** @param {number} now */
  #show(now) {
    this.#shown = this.#at(now);
    const shape = bar(/** @type {SeenJob} */ (this.#job), this.#shown);
    set(this, 'data-b', shape.look || null);
    this.#paintParts(shape);
    const before = this.getAttribute('aria-valuenow');
    set(this, 'aria-valuenow', shape.percent);
    if (this.getAttribute('aria-valuenow') !== before) this.onpercent();
  }

  /** @param {Bar} shape */
  #paintParts(shape) {
    each(
      this.#parts,
      shape.segments,
      () => h('i'),
      (part, segment) => {
        measure(part, '--w', segment.weight * 100);
        measure(part, '--p', segment.filled);
        set(part, 'data-moving', segment.moving && shape.look === 'any');
        stretch(part, 's', segment.again);
        stretch(part, 'u', segment.errors);
      },
    );
  }

  /** @param {Bar} shape @param {(shown: number|null) => string} spoken @param {number} now */
  #speak(shape, spoken, now) {
    if (shape.percent === null) return set(this, 'aria-valuetext', null);
    if (now - this.#spoken_ms < SPEAK_MS && this.hasAttribute('aria-valuetext')) return;
    this.#spoken_ms = now;
    set(this, 'aria-valuetext', spoken(this.#shown));
  }
}

customElements.define('job-bar', JobBar);
