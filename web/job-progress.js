/**
 * `<job-progress>`: one job's bar, on any page.
 *
 * ```html
 * <script type="module" src="http://127.0.0.1:8600/job-progress.js"></script>
 * <job-progress job="01K…"></job-progress>
 * ```
 *
 * Attributes, all of which may change at any time: `job` its id · `size` `inline`, `compact` or `full` (without it as
 * there is room) · `theme` `light` or `dark` (without it the page's `color-scheme`) · `hub` its address (without it where
 * this script came from) · `token` where the hub asks for one · `controls` to offer Cancel and Retry.
 * Events, which bubble, with the job as `detail`: `change` and `end`. Numbers and dates are of the document's language.
 */
import { Actions } from './actions.js';
import { address } from './address.js';
import { bar } from './bar.js';
import { connect } from './barcast.js';
import { blankCard, jobCard, problemCard, problemOf, steady } from './card.js';
import { clock } from './clock.js';
import { h } from './elements/dom.js';
import { ProgressCard } from './elements/progress-card.js';
import { QuestionBox } from './elements/question-box.js';
import { hold } from './eta.js';
import { STYLE } from './job-progress-style.js';
import { Painter } from './painter.js';
import { ended } from './states.js';
import { heard, pill } from './status.js';
import { spokenProgress, tell } from './story.js';

const INLINE_UP_TO_PX = 240;
const COMPACT_UP_TO_PX = 440;
const AGAIN_MS = 5_000;
const LINGER_MS = 5_000; // whoever turns a page takes a widget off and puts another on

/**
 * @typedef {import('./barcast.js').Hub} Hub
 * @typedef {import('./watch.js').JobWatch} JobWatch
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./story.js').Setting} Setting
 * @typedef {import('./card.js').Size} Size
 * @typedef {import('./wire.js').Kind} Kind
 */

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

/** @type {Set<JobProgress>} those on the page */
const widgets = new Set();
/** @type {Map<Hub, Map<string, Kind>>} what each hub can start, and so retry */
const kinds = new Map();
/** @type {WeakSet<Hub>} those that are listened to */
const listened = new WeakSet();

const painter = new Painter(() => widgets.forEach((widget) => widget.paint()), {
  requestAnimationFrame: (call) => requestAnimationFrame(call),
  clock,
  calm: () => matchMedia('(prefers-reduced-motion: reduce)').matches,
});

const sizes = new ResizeObserver((entries) => {
  // In the next frame: what changes a size while sizes are told would be told again.
  requestAnimationFrame(() => entries.forEach(({ target }) => /** @type {JobProgress} */ (target).measure()));
});

/** @param {Hub} hub */
function listen(hub) {
  if (listened.has(hub)) return;
  listened.add(hub);
  hub.addEventListener('change', () => painter.news());
  hub.addEventListener('link', () => painter.news());
}

/** @param {Hub} hub */
async function learnKinds(hub) {
  kinds.set(hub, new Map());
  const known = await hub.api.kinds().catch(() => null);
  if (!known) return void setTimeout(() => kinds.delete(hub), AGAIN_MS); // the next who needs them asks again
  kinds.set(hub, new Map(known.map((kind) => [kind.kind, kind])));
  painter.news();
}

/** @param {Hub} hub  ends its connection once nobody follows anything */
const restLater = (hub) => setTimeout(() => hub.followed || hub.connection.suspend(), LINGER_MS);

export class JobProgress extends HTMLElement {
  static observedAttributes = ['job', 'size', 'token', 'hub', 'controls'];

  #card = new ProgressCard();
  #question = new QuestionBox(h('div'), {
    kindOf: (kind) => this.#kindOf(kind),
    confirm: ({ job, opener, force }) => this.#actions?.cancel(job, opener, force),
  });
  /** @type {Hub|null} */
  #hub = null;
  /** @type {JobWatch|null} */
  #watch = null;
  /** @type {Actions|null} */
  #actions = null;
  /** @type {SeenJob|null} as it is shown */
  #shown = null;
  /** @type {import('./eta.js').Held|null} */
  #held = null;
  /** @type {Size} */
  #room = 'compact';
  #since_ms = 0;
  #ended = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#card.element, this.#question.element);
    this.#card.button.addEventListener('click', () => this.#act());
  }

  connectedCallback() {
    if (widgets.size === 0) painter.start();
    widgets.add(this);
    this.#follow();
    this.measure();
    sizes.observe(this);
  }

  disconnectedCallback() {
    widgets.delete(this);
    if (widgets.size === 0) painter.stop();
    sizes.unobserve(this);
    this.#leave();
  }

  /** @param {string} name @param {string|null} before @param {string|null} value */
  attributeChangedCallback(name, before, value) {
    if (!this.isConnected || before === value) return;
    if (name !== 'size' && name !== 'controls') this.#follow();
    this.measure();
  }

  /** @returns {SeenJob|null} the job as it is now; `null` until it is known */
  get state() {
    return this.#watch?.job ?? null;
  }

  /** Looks how much room there is. */
  measure() {
    const { width } = this.getBoundingClientRect();
    this.#room = width <= INLINE_UP_TO_PX ? 'inline' : width <= COMPACT_UP_TO_PX ? 'compact' : 'full';
    this.paint();
  }

  /** @returns {Size} */
  get #form() {
    const asked = this.getAttribute('size');
    return asked === 'inline' || asked === 'compact' || asked === 'full' ? asked : this.#room;
  }

  // ── The job ─────────────────────────────────────────────────────────────────

  #follow() {
    this.#leave();
    const url = address(this.getAttribute('hub') ?? import.meta.url, document.baseURI);
    const id = this.getAttribute('job');
    if (!url || !id) return;
    const hub = connect(url, { token: this.getAttribute('token') });
    listen(hub);
    this.#hub = hub;
    this.#since_ms = hub.store.machineNow();
    this.#watch = hub.job(id);
    this.#watch.addEventListener('change', ({ detail }) => this.#changed(detail));
    const warn = (/** @type {string} */ title, /** @type {string} */ text) =>
      this.#question.tell(this.#card.button, title, text);
    this.#actions = new Actions({ api: hub.api, store: hub.store, popover: this.#question, warn, told: () => {} });
    this.#actions.addEventListener('change', () => painter.now());
    if (this.#watch.job) this.#changed(this.#watch.job);
  }

  #leave() {
    this.#question.paint(() => null); // it was about another job
    this.#watch?.close();
    if (this.#hub) restLater(this.#hub);
    this.#hub = this.#watch = this.#actions = this.#shown = this.#held = null;
    this.#ended = false;
  }

  /** @param {SeenJob} job */
  #changed(job) {
    const told = { detail: job, bubbles: true, composed: true };
    const isNew = ended(job) && !this.#ended;
    this.#ended = ended(job);
    this.dispatchEvent(new CustomEvent('change', told));
    if (isNew) this.dispatchEvent(new CustomEvent('end', told));
  }

  // ── What is seen of it ──────────────────────────────────────────────────────

  /** Writes what changed. */
  paint() {
    const [hub, watch] = [this.#hub, this.#watch];
    this.#question.paint((id) => (watch?.job?.id === id ? watch.job : null));
    if (!hub || !watch) return this.#paintPlain(blankCard(0));
    const now_ms = hub.store.machineNow();
    const problem = problemOf({ job: watch.job, gone: watch.gone, link: hub.link }, now_ms);
    if (problem) return this.#paintPlain(problemCard(problem, this.#form, hub.link.name !== 'stopped'));
    if (!watch.job) return this.#paintPlain(blankCard(now_ms - this.#since_ms));
    this.#shown = steady(this.#shown, watch.job);
    this.#paintJob(hub, this.#shown, this.#setting(hub, this.#shown.kind, now_ms));
  }

  /** @param {import('./card.js').Card} card  of no job */
  #paintPlain(card) {
    this.#card.bar.clear();
    this.#card.paint(card, this.#form, null);
  }

  /** @param {Hub} hub @param {SeenJob} job @param {Setting} setting */
  #paintJob(hub, job, setting) {
    const { now, lost_at } = setting;
    const { origin } = hub.api;
    const stopped = hub.link.name === 'stopped';
    const told = { story: this.#story(job, setting), now, lost_at, link: this.#linkText(hub), stopped, hub: origin };
    const card = jobCard(job, this.#form, told);
    if (card.act && this.#actions?.isPending(job.id)) card.act = { ...card.act, enabled: false };
    this.#paintBar(job, setting);
    this.#card.paint(card, this.#form, `${origin}/jobs/${encodeURIComponent(job.id)}`);
  }

  /** Estimates change in steps. @param {SeenJob} job @param {Setting} setting */
  #story(job, setting) {
    const story = tell(job, setting);
    this.#held = hold(this.#held, { main: story.when.text, sub: '', left_s: story.left_s }, setting.now);
    return { ...story, when: { text: this.#held.shown.main } };
  }

  /** @param {SeenJob} job @param {Setting} setting */
  #paintBar(job, setting) {
    const shape = bar(job);
    const moves = shape.look === '' || shape.look === 'any';
    const still = setting.lost_at !== null && moves;
    this.#card.bar.name(job.title, shape, 'text');
    this.#card.bar.speak(shape, () => spokenProgress(job, tell(job, setting), setting.now), setting.now);
    this.#card.bar.paint(still ? { ...shape, look: 'idle' } : shape);
  }

  /** @param {Hub} hub @param {string} kind @param {number} now_ms @returns {Setting} */
  #setting(hub, kind, now_ms) {
    const { now, lost_at } = heard(hub.link, now_ms, () => navigator.onLine, hub.state.ahead_ms);
    const allowed = hub.state.may?.control ?? hub.api.origin === location.origin; // only a socket is told
    const control = this.hasAttribute('controls') && allowed;
    if (control && !kinds.has(hub)) learnKinds(hub);
    return { now, clock: () => now, lost_at, kind: this.#kindOf(kind), control };
  }

  /** @param {Hub} hub */
  #linkText = (hub) => pill(hub.link, hub.store.machineNow(), navigator.onLine).text;

  /** @param {string} kind */
  #kindOf = (kind) => (this.#hub ? kinds.get(this.#hub)?.get(kind) : undefined);

  // ── What can be done ────────────────────────────────────────────────────────

  #act() {
    const { button } = this.#card;
    const verb = button.hasAttribute('aria-disabled') ? '' : button.dataset.verb;
    const job = this.state;
    if (verb === 'again') this.#hub?.connection.retryNow();
    if (job && verb === 'retry') this.#actions?.act(verb, job, button);
    if (job && (verb === 'cancel' || verb === 'force')) this.#question.ask(job, button, verb === 'force');
  }
}

if (!customElements.get('job-progress')) customElements.define('job-progress', JobProgress);
