/** `<job-row>`: one job in a list. Built once; afterwards only what changed is written. */
import { hold } from '../eta.js';
import { answering } from '../keys.js';
import { ended, STATE_NAMES, stateOf } from '../states.js';
import { meta, spokenProgress, tell } from '../story.js';
import { childrenText } from '../tree.js';
import { number, percent } from '../words.js';
import { bar } from '../bar.js';
import { h, measure, point, set, show, spans, write } from './dom.js';
import { icon, redraw } from './icon.js';
import { JobBar } from './job-bar.js';

/** @typedef {import('../state.js').SeenJob} SeenJob @typedef {import('../story.js').Story} Story */

const UNSEEN_MS = 1_000;
const ENDED_MS = 60_000;
/** A second action has room for an icon. @type {Record<string, string>} */
const SECOND_ICONS = { pause: 'pause', cancel: 'x' };

let made = 0;

export class JobRow extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  /** @type {SeenJob|null} */
  job = null;
  /** @type {import('../eta.js').Held|null} */
  #held = null;
  #onScreen = true;
  #painted_at = -Infinity;
  #stamp = -1;
  #icon = icon('queued', 'Queued');
  #name = h('bdi');
  #title = h('a', { class: 'title' }, this.#name);
  #named = h('span', { class: 'named' });
  #eyes = h('span');
  #eye = h('span', { class: 'eye' }, icon('eye'), this.#eyes, h('span', { class: 'vh' }, ' people watching'));
  #family = h('span');
  #opener = h(
    'button',
    { type: 'button', class: 'opener', hidden: true, click: () => this.#turn(!this.#open) },
    icon('open'),
    this.#family,
  );
  #depth = -1;
  /** @type {boolean|null} */
  #open = null;
  #head = h('bdi');
  #step = h('span', { class: 'step' });
  #message = h('bdi', { class: 'msg' });
  #percent = h('span', { class: 'pct' });
  #bar = new JobBar();
  #under = h('p', { class: 'num' });
  #when = h('strong');
  #whenMore = h('span', { class: 'more-when' });
  #button = h('button', { type: 'button', class: 'btn sm', click: () => this.#act() });
  #secondIcon = icon('pause');
  #second = h(
    'button',
    { type: 'button', class: 'btn sm quiet icon second', click: () => this.#actSecond() },
    this.#secondIcon,
  );
  #result = h('a', { class: 'btn sm' });

  connectedCallback() {
    if (this.firstChild) return;
    made += 1;
    this.className = 'row';
    this.addEventListener('contentvisibilityautostatechange', (event) => this.#scrolled(event));
    set(this, 'role', 'listitem');
    set(this.#title, 'id', `title-${made}`);
    set(this.#family, 'id', `family-${made}`);
    set(this.#opener, 'aria-labelledby', `family-${made} title-${made}`);
    this.addEventListener('keydown', (event) => this.#pressed(event));
    set(this.#under, 'id', `counts-${made}`);
    set(this.#whenMore, 'id', `when-${made}`);
    set(this.#bar, 'aria-labelledby', `title-${made}`);
    this.#bar.onpercent = () => this.#paintPercent(false);
    this.append(
      this.#icon,
      h('div', { class: 'who' }, this.#title, h('p', { class: 'meta' }, this.#named, this.#eye), this.#opener),
      h(
        'div',
        { class: 'work' },
        h('p', { class: 'now' }, h('b', {}, this.#head), this.#step, this.#message, this.#percent),
        this.#bar,
        this.#under,
      ),
      h('div', { class: 'when' }, this.#when, this.#whenMore),
      h('div', { class: 'act' }, this.#second, this.#button, this.#result),
    );
  }

  /**
   * What nobody sees, and what did not change, is painted once a second; what has ended stays as it is, but for the day.
   * @param {SeenJob} job
   * @param {{now: number, stamp: number}} given  `stamp`: how often somebody did something here
   * @returns {boolean}
   */
  isDue(job, { now, stamp }) {
    const changed = job !== this.job;
    const patience_ms = ended(job) && !changed ? ENDED_MS : UNSEEN_MS;
    const late = now - this.#painted_at >= patience_ms || now < this.#painted_at;
    return late || (this.#onScreen && (changed || stamp !== this.#stamp));
  }

  focusTitle() {
    this.#title.focus();
  }

  /** @param {number} depth  how many started each other above it @param {boolean|null} open  `null`: it started none */
  place(depth, open) {
    if (depth === this.#depth && open === this.#open) return;
    this.#depth = depth;
    this.#open = open;
    measure(this, '--depth', depth);
    set(this, 'aria-level', depth + 1);
    show(this.#opener, open !== null);
    set(this.#opener, 'aria-expanded', String(open === true));
  }

  /** @param {SeenJob} job @param {import('../story.js').Setting} setting */
  paint(job, setting) {
    this.job = job;
    this.#painted_at = setting.now;
    this.#stamp = this.app.stamp;
    const story = tell(job, setting);
    set(this, 'data-s', stateOf(job));
    set(this, 'data-job', job.id);
    this.#paintWho(job);
    this.#paintWork(job, story, setting);
    this.#paintWhen(story, setting.now);
    this.#paintAction(job, story);
  }

  /** @param {Event} event  of the browser's own */
  #scrolled(event) {
    this.#bar.unseen = /** @type {ContentVisibilityAutoStateChangeEvent} */ (event).skipped;
    this.#onScreen = !this.#bar.unseen;
    if (!this.#onScreen) return;
    this.#painted_at = -Infinity;
    this.app.shell.refresh();
  }

  /** @param {SeenJob} job */
  #paintWho(job) {
    const { texts, eyes } = meta(job);
    redraw(this.#icon, stateOf(job), STATE_NAMES[stateOf(job)]);
    write(this.#name, job.title);
    set(this.#title, 'href', `/jobs/${encodeURIComponent(job.id)}`);
    set(this.#title, 'title', job.title);
    spans(this.#named, texts);
    show(this.#eye, eyes !== null);
    write(this.#eyes, number(eyes ?? 0));
    write(this.#family, job.children ? childrenText(job.children) : 'Jobs');
  }

  /** @param {SeenJob} job @param {Story} story @param {import('../story.js').Setting} setting */
  #paintWork(job, story, setting) {
    const shape = bar(job);
    const settled = (job.status === 'cancelled' || job.status === 'succeeded') && !this.hasAttribute('data-fresh');
    write(this.#head, story.head.text);
    set(this.#head, 'class', story.head.tone ?? null);
    write(this.#step, story.step);
    show(this.#step, story.step !== '');
    write(this.#message, story.message);
    set(this.#message, 'title', story.message || null);
    show(this.#bar, !settled);
    set(
      this.#bar,
      'aria-describedby',
      shape.percent === null ? (story.under.length ? this.#under.id : this.#whenMore.id) : null,
    );
    if (!settled) this.#bar.paint(job, (fraction) => spokenProgress({ ...job, fraction }, story, setting.now), setting);
    this.#paintPercent(settled || shape.percent === null);
    show(this.#under, story.under.length > 0 && !settled);
    spans(this.#under, story.under);
  }

  /** The same as the bar shows. @param {boolean} none */
  #paintPercent(none) {
    const { shown } = this.#bar;
    const done = this.job?.status === 'succeeded' && shown === 1;
    write(this.#percent, none || shown === null ? '' : percent(shown, done));
  }

  /** Estimates change in steps. @param {Story} story @param {number} now */
  #paintWhen(story, now) {
    const [sub = '', ...rest] = story.whenMore;
    this.#held = hold(this.#held, { main: story.when.text, sub, left_s: story.left_s }, now);
    const { main, sub: heldSub } = this.#held.shown;
    write(this.#when, main);
    show(this.#when, main !== '');
    set(this.#when, 'class', story.when.tone ?? null);
    spans(
      this.#whenMore,
      [heldSub, ...rest]
        .filter(Boolean)
        .map((text) => ({ text, tone: text.endsWith(' elapsed') && main ? 'el' : undefined })),
    );
  }

  /** @param {SeenJob} job @param {Story} story */
  #paintAction(job, { action, second }) {
    this.#paintSecond(job, second);
    const pending = this.app.actions.isPending(job.id);
    const isLink = action.verb === 'result';
    show(this.#button, !isLink && action.text !== '');
    show(this.#result, isLink);
    write(isLink ? this.#result : this.#button, action.text);
    if (isLink) return this.#paintResult(job);
    set(this.#button, 'aria-label', `${action.text} ${job.title}`);
    set(this.#button, 'data-verb', action.verb);
    set(this.#button, 'aria-haspopup', ['cancel', 'force'].includes(action.verb) ? 'dialog' : null);
    this.#button.disabled = pending || !action.enabled;
    const quiet = action.verb === 'cancel' || action.verb === 'none' || job.status === 'cancelled';
    this.#button.classList.toggle('quiet', quiet);
  }

  /** @param {SeenJob} job */
  #paintResult(job) {
    const file = job.artifacts[0];
    const page = `/jobs/${encodeURIComponent(job.id)}`;
    const leads = file !== undefined && point(this.#result, file.url, file.name);
    if (!leads) point(this.#result, page);
    set(this.#result, 'title', leads ? file.name : null);
    set(this.#result, 'aria-label', `Result of ${job.title}`);
  }

  /** @param {SeenJob} job @param {Story['second']} second */
  #paintSecond(job, { verb, text }) {
    show(this.#second, verb !== 'none');
    redraw(this.#secondIcon, SECOND_ICONS[verb] ?? 'dot', null);
    set(this.#second, 'aria-label', `${text} ${job.title}`);
    set(this.#second, 'title', text);
    set(this.#second, 'data-verb', verb);
    this.#second.disabled = this.app.actions.isPending(job.id);
  }

  /** A key asks for what one of its buttons does. @param {'cancel'|'again'} meant */
  press(meant) {
    answering(meant, [this.#button, this.#second])?.click();
  }

  /** The keys of a tree. @param {KeyboardEvent} event */
  #pressed({ key, ctrlKey, altKey, metaKey }) {
    if (this.#open === null || ctrlKey || altKey || metaKey) return;
    if (key === 'ArrowRight' || key === 'ArrowLeft') this.#turn(key === 'ArrowRight');
  }

  /** @param {boolean} open */
  #turn(open) {
    if (!this.job || open === this.#open) return;
    this.app.branches.turn(this.job.id, open);
    this.app.refresh();
  }

  #actSecond() {
    if (this.job) this.app.actions.act(/** @type {any} */ (this.#second.dataset.verb), this.job, this.#second);
  }

  #act() {
    if (this.job) this.app.actions.act(/** @type {any} */ (this.#button.dataset.verb), this.job, this.#button);
  }
}

customElements.define('job-row', JobRow);
