/** `<job-timeline>`: a job's phases, progress and rate over one axis of time. */
import { estimate, hold } from '../eta.js';
import { emptySamples, keep, watch } from '../samples.js';
import { stateOf } from '../states.js';
import { due, timeline } from '../timeline.js';
import { percent } from '../words.js';
import { each, h, measure, set, show, svg, write } from './dom.js';
import { icon, redraw } from './icon.js';

const USUAL_PX = 460; // until it is known
const AGAIN_MS = 10_000; // after the hub could not be asked

/** @type {Record<string, string>} */
const TONES = { done: 'c-ok', running: 'c-run', requested: 'c-run', failed: 'c-bad', stalled: 'c-warn' };

/**
 * @typedef {import('../state.js').SeenJob} SeenJob
 * @typedef {import('../timeline.js').Timeline} Timeline
 * @typedef {import('../phases.js').Row} Row
 */

/** A drawing in percent of its box. @param {...Node} shapes */
const drawing = (...shapes) =>
  svg('svg', { class: 'ch', role: 'img', viewBox: '0 0 100 100', preserveAspectRatio: 'none' }, ...shapes);

/** @param {string} look  a class @param {string} [d] */
const line = (look, d) => svg('path', { class: look, d });

/** @param {string} name @param {string} label @param {Node[]} plot @param {Node[]} texts */
const chart = (name, label, plot, texts) =>
  h(
    'div',
    { class: `tr ${name}` },
    h('div', { class: 'lab' }, label),
    h('div', { class: 'plot' }, ...plot),
    h('div', { class: 'val' }, ...texts),
  );

/** @param {HTMLElement} bar @param {import('../chart.js').Span|null} span */
function stretch(bar, span) {
  show(bar, span !== null);
  if (!span) return;
  measure(bar, '--x', span.from);
  measure(bar, '--w', span.to - span.from);
}

const makeRow = () =>
  h(
    'li',
    { class: 'tr' },
    h('div', { class: 'lab' }, icon('queued'), h('bdi')),
    h('div', { class: 'plot', 'aria-hidden': 'true' }, h('i', { class: 'g' }), h('i', { class: 'g est' })),
    h('div', { class: 'val' }, h('span'), h('span', { class: 'vh' }, ', usually '), h('small')),
  );

class ProgressPart {
  #line = line('line');
  #guess = line('guess');
  #cone = line('cone');
  #median = line('med');
  #svg = drawing(line('rule', 'M0 0H100M0 50H100M0 100H100'), this.#cone, this.#median, this.#guess, this.#line);
  #resets = h('div', { class: 'resets', 'aria-hidden': 'true' });
  #dot = h('i', { class: 'dot' });
  #ring = h('i', { class: 'dot est' });
  #text = h('span', { class: 'all' });
  #more = h('small', { class: 'all' });
  element = chart(
    'chart',
    'Progress',
    [
      this.#svg,
      h('span', { class: 'y', 'aria-hidden': 'true' }, percent(1, true)),
      h('span', { class: 'y half', 'aria-hidden': 'true' }, percent(0.5)),
      this.#resets,
      this.#dot,
      this.#ring,
    ],
    [this.#text, this.#more],
  );

  /** @param {Timeline['progress']} drawn */
  paint(drawn) {
    show(this.element, drawn !== null);
    if (!drawn) return;
    set(this.#svg, 'aria-label', drawn.spoken);
    set(this.#line, 'd', drawn.line);
    set(this.#guess, 'd', drawn.guess);
    set(this.#cone, 'd', drawn.cone);
    set(this.#median, 'd', drawn.median);
    this.#paintSpots(drawn);
    write(this.#text, drawn.text);
    write(this.#more, drawn.more);
  }

  /** @param {NonNullable<Timeline['progress']>} drawn */
  #paintSpots({ dot, ring, resets }) {
    show(this.#dot, dot !== null);
    measure(this.#dot, '--x', dot?.[0] ?? 0);
    measure(this.#dot, '--y', dot?.[1] ?? 0);
    show(this.#ring, ring !== null);
    measure(this.#ring, '--x', ring ?? 0);
    each(
      this.#resets,
      resets,
      () => h('span'),
      (mark, { x, text }) => {
        measure(mark, '--x', x);
        set(mark, 'data-before', x > 70);
        write(mark, text);
      },
    );
  }
}

class RatePart {
  #line = line('thin');
  #area = line('area');
  #svg = drawing(line('rule', 'M0 100H100'), this.#area, this.#line);
  #text = h('span', { class: 'all' });
  #more = h('small', { class: 'all' });
  element = chart('rate', 'Rate', [this.#svg], [this.#text, this.#more]);

  /** @param {Timeline['rate']} drawn */
  paint(drawn) {
    show(this.element, drawn !== null);
    if (!drawn) return;
    set(this.#svg, 'aria-label', drawn.spoken);
    set(this.#line, 'd', drawn.line);
    set(this.#area, 'd', drawn.area);
    write(this.#text, drawn.text);
    write(this.#more, drawn.more);
  }
}

export class JobTimeline extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  #samples = emptySamples();
  #asked_at = -Infinity;
  /** @type {import('../timeline.js').Drawn|null} */
  #drawn = null;
  /** @type {import('../eta.js').Held|null} */
  #held = null;
  #width_px = USUAL_PX;
  #heading = h('span');
  #grid = h('div');
  #at = h('i', { class: 'at' });
  #ticks = h('div');
  #now = h('span', { class: 'at' }, 'now');
  #usually = h('span', {}, 'usually');
  #columns = h('div', { class: 'val' }, h('span', {}, 'took'), this.#usually);
  #axis = h('div', { class: 'plot' }, this.#ticks, this.#now);
  #rows = h('ol');
  #progress = new ProgressPart();
  #rate = new RatePart();
  #tl = h(
    'div',
    { class: 'tl' },
    h('div', { class: 'lines', 'aria-hidden': 'true' }, this.#grid, this.#at),
    h('div', { class: 'tr axis', 'aria-hidden': 'true' }, h('div'), this.#axis, this.#columns),
    this.#rows,
    this.#progress.element,
    this.#rate.element,
  );

  connectedCallback() {
    if (this.firstChild) return;
    this.append(
      h(
        'section',
        { class: 'card', 'aria-labelledby': 'timeline-title' },
        h('header', {}, h('h2', { id: 'timeline-title' }, 'Timeline'), this.#heading),
        this.#tl,
      ),
    );
    new ResizeObserver(([{ contentRect }]) => this.#resized(contentRect.width)).observe(this.#axis);
  }

  /** @param {number} width_px  0 while it is hidden */
  #resized(width_px) {
    this.#width_px = width_px || this.#width_px;
    this.app.refresh();
  }

  /** @param {SeenJob} job @param {import('../story.js').Setting} setting */
  paint(job, setting) {
    const { now } = setting;
    this.#samples = watch(this.#samples, job, now);
    this.#askMissing(job, now);
    const looks = `${stateOf(job)} ${job.attempt} ${job.phase} ${setting.lost_at} ${this.#width_px} ${this.#asked_at}`;
    if (!due(this.#drawn, { at: now, looks })) return;
    this.#drawn = { at: now, looks };
    this.#held = hold(this.#held, estimate(job, now), now);
    this.#draw(timeline(job, this.#samples, setting, { width_px: this.#width_px, eta: this.#held.shown }));
  }

  /** What the hub kept: once, and again after this page did not look. @param {SeenJob} job @param {number} now */
  async #askMissing({ id, started_at, attempts }, now) {
    if (!this.#samples.missing || now - this.#asked_at < AGAIN_MS || (!started_at && !attempts?.length)) return;
    this.#asked_at = now;
    const kept = await this.app.api.samples(id).catch(() => null);
    if (!kept) return;
    this.#samples = keep(this.#samples, kept);
    this.#drawn = null;
    this.app.refresh();
  }

  /** @param {Timeline|null} drawn */
  #draw(drawn) {
    show(this, drawn !== null);
    if (!drawn) return;
    write(this.#heading, drawn.heading);
    set(this.#tl, 'data-tone', drawn.tone || null);
    this.#drawAxis(drawn);
    each(this.#rows, drawn.rows, makeRow, (row, value) => this.#drawRow(row, value, drawn.tone));
    this.#progress.paint(drawn.progress);
    this.#rate.paint(drawn.rate);
  }

  /** @param {Timeline} drawn */
  #drawAxis({ ticks, now, ended, rows }) {
    each(
      this.#grid,
      ticks,
      () => h('i'),
      (mark, { x }) => measure(mark, '--x', x),
    );
    each(
      this.#ticks,
      ticks,
      () => h('span'),
      (label, { x, text, hidden }) => {
        measure(label, '--x', x);
        write(label, text);
        show(label, !hidden);
      },
    );
    measure(this.#at, '--x', now);
    measure(this.#now, '--x', now);
    show(this.#at, !ended);
    show(this.#now, !ended);
    show(this.#columns, rows.length > 0);
    show(
      this.#usually,
      rows.some(({ usual }) => usual !== ''),
    );
    set(this.#rows, 'class', this.#usually.hidden ? 'new' : null);
  }

  /** @param {HTMLElement} row @param {Row} value @param {string} tone  of what moves */
  #drawRow(row, { name, icon: shape, state, span, current, expected, took, usual }, tone) {
    const [label, plot, val] = /** @type {HTMLElement[]} */ ([...row.children]);
    const texts = /** @type {HTMLElement[]} */ ([...val.children]);
    const [bar, rest] = /** @type {HTMLElement[]} */ ([...plot.children]);
    const quiet = shape === 'running' && tone !== '' ? 'c-3' : (TONES[shape] ?? 'c-3');
    redraw(label.children[0], shape, state);
    set(label.children[0], 'class', `i ${quiet}`);
    write(label.children[1], name);
    set(label.children[1], 'title', name);
    set(row, 'class', span ? 'tr' : 'tr to-come');
    stretch(bar, span);
    set(bar, 'class', current ? 'g cur' : 'g');
    stretch(rest, expected);
    write(texts[0], took);
    set(texts[0], 'class', current && tone === '' ? 'c-run' : null);
    show(texts[1], usual !== '');
    write(texts[2], usual);
  }
}

customElements.define('job-timeline', JobTimeline);
