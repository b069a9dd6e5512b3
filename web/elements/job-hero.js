/** `<job-hero>`: one job's percent, estimate, phase and bar, large; its counters below. */
import { hold } from '../eta.js';
import { errorName } from '../failures.js';
import { join } from '../phrases.js';
import { segmentLabels } from '../segments.js';
import { ended, stateOf } from '../states.js';
import { sinceLines, spokenProgress, tell } from '../story.js';
import { clock, clockSeconds, counts, duration, isBytes, label, number, percent, sentence, size } from '../words.js';
import { each, h, measure, set, show, spans, write } from './dom.js';
import { JobBar } from './job-bar.js';

const TILES = 5;
const FINE_FROM_S = 7_200;
/** Of these a row says when they go on or end. */
const ESTIMATED = ['running', 'queued', 'paused', 'stalled', 'lost', 'waiting'];

/**
 * @typedef {import('../state.js').SeenJob} SeenJob
 * @typedef {import('../story.js').Setting} Setting
 * @typedef {import('../story.js').Story} Story
 */
/** @typedef {{name: string, value: string, note: string, tone: string}} Tile */

/** @param {SeenJob} job @returns {Tile|null} how much is done, of how much */
function doneTile({ done, total, unit }) {
  if (done === null || (done === 0 && total === null)) return null;
  if (isBytes(unit))
    return { name: 'Done', value: size(done), note: total === null ? '' : `of ${size(total)}`, tone: '' };
  const [value, of] = counts(done, total).split(' / ');
  return { name: unit ? label(unit) : 'Done', value, note: of ? `of ${of}` : '', tone: '' };
}

/** @param {Record<string, number>} counters @returns {Tile|null} with what went well beside it */
function errorTile({ errors, ok }) {
  if (errors === undefined) return null;
  return {
    name: 'Errors',
    value: number(errors),
    note: ok === undefined ? '' : `${number(ok)} ok`,
    tone: errors ? 'c-bad' : '',
  };
}

/**
 * Counters, errors last.
 * @param {SeenJob} job
 * @param {boolean} all  not only as many as fit one row
 * @returns {Tile[]}
 */
export function tiles(job, all) {
  const last = errorTile(job.counters);
  const names = Object.keys(job.counters).filter((name) => name !== 'errors' && !(last && name === 'ok'));
  const plain = names.map((name) => ({ name: label(name), value: number(job.counters[name]), note: '', tone: '' }));
  const first = doneTile(job);
  const most = [...(first ? [first] : []), ...plain];
  return [...(all ? most : most.slice(0, TILES - (last ? 1 : 0))), ...(last ? [last] : [])];
}

/** @param {SeenJob} job @returns {string} how much was done at its checkpoint */
const savedAt = ({ checkpoint, unit }) => (checkpoint?.done ? counts(checkpoint.done, null, unit) : '');

/** What is told nowhere else on the page. @param {SeenJob} job @param {Story} story */
const beside = (job, story) =>
  stateOf(job) === 'stopping' ? story.under.slice(0, 1) : story.under.filter((bit) => bit.text === 'total unknown');

/**
 * The line beside the estimate: when it is done, and how sure that is.
 * @param {SeenJob} job
 * @param {string} sub
 * @param {number} now
 */
function sure(job, sub, now) {
  if (!sub.startsWith('done ≈') || job.eta_low_s === null || job.eta_high_s === null) return sub;
  const [low, high] = [job.eta_low_s, job.eta_high_s].map((seconds) => clock(job.seen_at + seconds * 1000, now));
  return low === high ? sub : `${sub}, most likely between ${low} and ${high}`;
}

/** @param {SeenJob} job @param {Setting} setting @returns {string[]} */
function since(job, { now }) {
  if (!ended(job)) return job.started_at === null ? [] : sinceLines(job, now);
  const word = { succeeded: 'done', failed: 'failed', cancelled: 'cancelled' }[/** @type {'failed'} */ (job.status)];
  return [
    job.started_at ? `started ${clockSeconds(job.started_at)}` : '',
    job.finished_at ? `${word} ${clockSeconds(job.finished_at)}` : '',
  ];
}

export class JobHero extends HTMLElement {
  /** @type {import('../eta.js').Held|null} */
  #held = null;
  #all = false;
  /** @type {SeenJob|null} */
  #job = null;
  #percent = h('span');
  #sign = h('small', {}, '%');
  #big = h('p', { class: 'pct' }, this.#percent, this.#sign);
  #main = h('strong');
  #sub = h('bdi');
  #since = h('p', { class: 'since' });
  #head = h('bdi');
  #step = h('span', { class: 'step' });
  #message = h('bdi', { class: 'msg' });
  #now = h('p', { class: 'now' }, h('b', {}, this.#head), this.#step, this.#message);
  #bar = new JobBar();
  #segments = h('ol', { class: 'segs', 'aria-hidden': 'true' });
  #under = h('p', { class: 'num' });
  #tiles = h('dl', { class: 'tiles' });
  #more = h('button', { type: 'button', class: 'textlink', click: () => this.#toggle() });
  #moreLine = h('p', { class: 'all-tiles', hidden: true }, this.#more);

  connectedCallback() {
    if (this.firstChild) return;
    this.#bar.onpercent = () => this.#paintBig();
    const big = h('div', { class: 'big' }, this.#big, h('p', { class: 'eta' }, this.#main, this.#sub), this.#since);
    this.append(
      h(
        'section',
        { class: 'card', 'aria-label': 'Progress' },
        h('div', { class: 'hero' }, big, this.#now, this.#bar, this.#segments, this.#under),
        this.#tiles,
        this.#moreLine,
      ),
    );
  }

  /** @param {SeenJob} job @param {Setting} setting */
  paint(job, setting) {
    const story = tell(job, setting);
    this.#job = job;
    this.#paintWhen(job, story, setting);
    this.#paintNow(job, story);
    this.#paintBar(job, story, setting);
    this.#paintBig();
    this.#paintTiles(tiles(job, this.#all), tiles(job, true).length);
    this.repaint = () => this.paint(job, setting);
  }

  repaint = () => {};

  /** The same as the bar shows; to a tenth where a whole percent takes minutes. */
  #paintBig() {
    const job = this.#job;
    const shown = this.#bar.shown;
    show(this.#big, shown !== null && job !== null && stateOf(job) !== 'queued');
    if (shown === null || !job) return;
    const digits = (job.typical?.p50_s ?? 0) > FINE_FROM_S ? 1 : 0;
    const done = job.status === 'succeeded' && shown === 1;
    const [, figure = '', rest = ''] = /^(\D*[\d.,]+)(.*)$/s.exec(percent(shown, done, digits)) ?? [];
    write(this.#percent, figure);
    write(this.#sign, rest);
  }

  /** @param {SeenJob} job @param {Story} story @param {Setting} setting */
  #paintWhen(job, story, setting) {
    const { now } = setting;
    const state = stateOf(job);
    const [main, sub] = ESTIMATED.includes(state)
      ? [story.when.text, story.whenMore.find((line) => !line.endsWith(' elapsed')) ?? '']
      : this.#outcome(job, story);
    this.#held = hold(this.#held, { main, sub, left_s: story.left_s }, now);
    write(this.#main, this.#held.shown.main);
    show(this.#main, this.#held.shown.main !== '');
    write(this.#sub, story.left_s === null ? this.#held.shown.sub : sure(job, this.#held.shown.sub, now));
    spans(
      this.#since,
      since(job, setting)
        .filter(Boolean)
        .map((text) => ({ text })),
    );
  }

  /** @param {SeenJob} job @param {Story} story @returns {[string, string]} what is said instead of an estimate */
  #outcome(job, story) {
    const state = stateOf(job);
    const took = duration(job.elapsed_s);
    if (state === 'failed')
      return [
        `Failed after ${took}`,
        join([story.under.map((bit) => bit.text).find((text) => text.startsWith('Retry')), savedAt(job)], ', '),
      ];
    if (state === 'done') return [story.head.text, `took ${took}`];
    if (state === 'cancelled') return [`Cancelled after ${took}`, story.message];
    const usual = story.when.text.startsWith('usually') && sentence(story.when.text.replace(' in ', ' within '));
    return [story.head.text, join([state === 'stopping' ? story.under[1]?.text : story.message, usual], '. ')];
  }

  /** @param {SeenJob} job @param {Story} story */
  #paintNow(job, story) {
    const error = job.status === 'failed' ? job.error : null;
    const message = error?.message ?? story.message;
    show(this.#now, job.status !== 'cancelled' && (job.status !== 'succeeded' || message !== ''));
    write(this.#head, job.status === 'succeeded' ? '' : error ? errorName(error) : story.head.text);
    set(this.#head, 'class', story.head.tone ?? null);
    write(this.#step, story.step);
    show(this.#step, story.step !== '');
    write(this.#message, message);
  }

  /** @param {SeenJob} job @param {Story} story @param {Setting} setting */
  #paintBar(job, story, setting) {
    show(this.#bar, job.status !== 'succeeded');
    set(this.#bar, 'aria-label', job.title);
    this.#bar.paint(job, (fraction) => spokenProgress({ ...job, fraction }, story, setting.now), setting);
    const phases = job.phases.length > 1 && job.status !== 'succeeded';
    show(this.#segments, phases);
    if (phases) this.#paintSegments(job);
    spans(this.#under, beside(job, story));
    show(this.#under, this.#under.childElementCount > 0);
  }

  /** @param {SeenJob} job */
  #paintSegments(job) {
    each(
      this.#segments,
      segmentLabels(job),
      () => h('li', {}, h('bdi')),
      (item, { text, size: share, current, place }) => {
        measure(item, '--w', share * 100);
        write(item.firstChild, text);
        set(item, 'title', text);
        set(item, 'data-label', place);
        set(item, 'aria-current', current ? 'step' : null);
      },
    );
  }

  /** @param {Tile[]} shown @param {number} count  of all */
  #paintTiles(shown, count) {
    show(this.#tiles, count > 0);
    show(this.#moreLine, count > TILES);
    write(this.#more, this.#all ? 'Show fewer' : `Show all ${number(count)}`);
    each(
      this.#tiles,
      shown,
      () => h('div', {}, h('dt', {}, h('bdi')), h('dd', {}, h('span'), h('small'))),
      (box, tile) => {
        write(box.children[0].firstChild, tile.name);
        write(box.children[1].children[0], tile.value);
        write(box.children[1].children[1], tile.note);
        set(box.children[1], 'class', tile.tone || null);
      },
    );
  }

  #toggle() {
    this.#all = !this.#all;
    this.repaint();
  }
}

customElements.define('job-hero', JobHero);
