/** `<job-page>`: everything about one job. */
import { answering } from '../keys.js';
import { ended, STATE_NAMES, stateOf } from '../states.js';
import { tell } from '../story.js';
import { childrenText, familyOf } from '../tree.js';
import { percent } from '../words.js';
import { BlankNote } from './blank-note.js';
import { BreadCrumb } from './bread-crumb.js';
import { copyBy } from './copying.js';
import { h, point, set, show, write } from './dom.js';
import { EmbedDialog } from './embed-dialog.js';
import { ErrorCard } from './error-card.js';
import { icon, redraw } from './icon.js';
import { attemptFacts, FactCard, factsOf, jobFacts } from './job-facts.js';
import { JobHero } from './job-hero.js';
import { JobHistory } from './job-history.js';
import { JobList } from './job-list.js';
import { JobLog } from './job-log.js';
import { JobTimeline } from './job-timeline.js';
import { StackDialog } from './stack-dialog.js';

const PATIENCE_MS = 300;
const HAS_STACK = ['running', 'paused', 'cancelling'];

/** @type {Record<string, string>} */
const TONES = { running: 'c-run', requested: 'c-run', failed: 'c-bad', stalled: 'c-warn', done: 'c-ok' };

/** @typedef {import('../state.js').SeenJob} SeenJob */

export class JobPage extends HTMLElement {
  #born_ms = performance.now();
  /** @type {import('../wire.js').History|null} */
  #history = null;
  #asked = '';
  /** @type {SeenJob|null} */
  #job = null;
  #crumb = new BreadCrumb();
  #name = h('bdi');
  #title = h('h1', { tabindex: -1 }, this.#name);
  #tagIcon = icon('queued');
  #tagText = h('span');
  #tag = h('span', { class: 'tag' }, this.#tagIcon, this.#tagText);
  #copyText = h('span', {}, 'Copy link');
  #copy = h(
    'button',
    { type: 'button', class: 'btn quiet', click: () => copyBy(this.#copyText, location.href) },
    icon('link'),
    this.#copyText,
  );
  #embedding = new EmbedDialog();
  #embed = h(
    'button',
    { type: 'button', class: 'btn quiet', 'aria-haspopup': 'dialog', click: () => this.#embedding.open(this.job) },
    icon('code'),
    'Embed',
  );
  #where = new StackDialog();
  #stack = h(
    'button',
    { type: 'button', class: 'btn quiet', 'aria-haspopup': 'dialog', click: () => this.#where.open(this.job) },
    icon('frames'),
    'Stack',
  );
  #second = h('button', { type: 'button', class: 'btn', click: () => this.#act(this.#second) });
  #button = h('button', { type: 'button', class: 'btn', click: () => this.#act(this.#button) });
  #open = h('a', { class: 'btn primary' }, 'Open result');
  #blank = new BlankNote();
  #hero = new JobHero();
  #jobsCount = h('span');
  #jobs = new JobList();
  #jobsPart = h('section', { 'aria-label': 'Jobs it started', hidden: true });
  #timeline = new JobTimeline();
  #log = new JobLog();
  #past = new JobHistory();
  #facts = new FactCard('Facts');
  #params = new FactCard('Parameters');
  #result = new FactCard('Result');
  #files = new FactCard('Files and links');
  #attempts = new FactCard('Earlier attempts');
  #cols = h('div', { class: 'cols' });
  #head = h('div', { class: 'head' });

  /** @param {import('../app.js').App} app @param {string} id */
  constructor(app, id) {
    super();
    this.app = app;
    this.job = id;
    this.#log.app = this.#timeline.app = this.#jobs.app = this.#where.app = app;
    this.#jobs.label = 'Jobs it started';
    this.error = new ErrorCard(app);
  }

  connectedCallback() {
    if (this.firstChild) return;
    set(this, 'data-job', this.job);
    const acts = h(
      'div',
      { class: 'acts' },
      this.#copy,
      this.#embed,
      this.#stack,
      this.#second,
      this.#button,
      this.#open,
    );
    this.#head.append(this.#title, this.#tag, acts);
    this.#jobsPart.append(h('h2', { class: 'group' }, 'Jobs it started ', this.#jobsCount), this.#jobs);
    const main = h(
      'div',
      { class: 'stack' },
      this.#hero,
      this.error.element,
      this.#result.element,
      this.#files.element,
      this.#timeline,
      this.#jobsPart,
      this.#log,
    );
    const aside = h(
      'aside',
      { class: 'stack' },
      this.#past,
      this.#facts.element,
      this.#params.element,
      this.#attempts.element,
    );
    this.#cols.append(main, aside);
    this.append(this.#crumb, this.#blank, this.#head, this.#cols, this.#where, this.#embedding);
    show(this.#copy, navigator.clipboard !== undefined);
  }

  paint() {
    const { state } = this.app.store;
    const job = state.jobs.get(this.job);
    const known = job?.params !== undefined;
    show(this.#head, job !== undefined);
    show(this.#cols, job !== undefined);
    if (!job) return this.#paintBlank(state.gone.get(this.job));
    show(this.#blank, false);
    this.#job = job;
    this.#askHistory(job);
    this.#paintHead(job);
    this.#paintCards(job, known);
  }

  /** @param {string|undefined} reason  why it is not there, if it is known that it is not */
  #paintBlank(reason) {
    const waited = performance.now() - this.#born_ms > PATIENCE_MS;
    if (!reason)
      return this.#blank.paint({
        empty: true,
        known: false,
        waited,
        wish: { tab: 'all', status: '', q: '' },
        elsewhere: 0,
      });
    const note =
      reason === 'forbidden'
        ? { title: 'You may not see this job', text: 'Ask whoever runs this hub for access.', icon: 'key' }
        : { title: 'This job no longer exists', text: 'Finished jobs are kept for 7 days.', icon: 'cancelled' };
    this.#blank.tell(note);
  }

  /** @param {SeenJob} job */
  #paintHead(job) {
    const state = stateOf(job);
    this.#crumb.paint(job, this.app);
    write(this.#name, job.title);
    redraw(this.#tagIcon, state, null);
    write(this.#tagText, STATE_NAMES[state]);
    set(this.#tag, 'class', `tag ${TONES[state] ?? ''}`.trim());
    this.#paintAction(job);
  }

  /** @param {SeenJob} job */
  #paintAction(job) {
    const { action, second } = tell(job, this.app.setting(job.kind));
    show(this.#stack, this.app.may('tracebacks') && HAS_STACK.includes(job.status));
    this.#paintSecond(job, second);
    const file = action.verb === 'result' ? job.artifacts[0] : undefined;
    const from = action.verb === 'retry' && job.checkpoint?.fraction ? ` from ${percent(job.checkpoint.fraction)}` : '';
    show(this.#open, file !== undefined && point(this.#open, file.url, file.name));
    show(this.#button, action.verb !== 'result' && action.text !== '');
    write(this.#button, `${action.text}${from}`);
    set(this.#button, 'data-verb', action.verb);
    this.#button.disabled = !action.enabled || this.app.actions.isPending(job.id);
    this.#button.classList.toggle('primary', action.verb === 'retry' || action.verb === 'resume');
  }

  /** @param {SeenJob} job @param {import('../offers.js').Action} second */
  #paintSecond(job, { verb, text }) {
    show(this.#second, verb !== 'none');
    write(this.#second, text);
    set(this.#second, 'data-verb', verb);
    this.#second.disabled = this.app.actions.isPending(job.id);
  }

  /** @param {SeenJob} job */
  #paintJobs(job) {
    const family = familyOf(this.app.store.state.jobs);
    const { children } = job;
    show(this.#jobsPart, (children?.total ?? 0) > 0);
    if (!children?.total) return;
    write(this.#jobsCount, childrenText(children));
    this.#jobs.paintUnder(job, family);
  }

  /** @param {SeenJob} job @param {boolean} known  whole, not only what the feed tells */
  #paintCards(job, known) {
    const { now } = this.app;
    this.#hero.paint(job, this.app.setting(job.kind));
    this.error.paint(job);
    this.#result.paint(ended(job) && job.result !== null && job.result !== undefined ? factsOf(job.result) : []);
    this.#files.paintFiles(job.artifacts);
    this.#paintJobs(job);
    this.#timeline.paint(job, this.app.setting(job.kind));
    this.#log.paint(job, this.app.store.state.stories.get(job.id));
    this.#past.paint(job, this.#history, now);
    this.#facts.paint(jobFacts(job, now));
    this.#params.paint(known && Object.keys(job.params ?? {}).length ? factsOf(job.params) : []);
    this.#attempts.paint(attemptFacts(job, now));
  }

  /** Once when it opens and once more when the job has ended. @param {SeenJob} job */
  async #askHistory(job) {
    const occasion = `${job.kind} ${ended(job)}`;
    if (this.#asked === occasion) return;
    this.#asked = occasion;
    this.#history = await this.app.api.history(job.kind).catch(() => this.#history);
    this.app.refresh();
  }

  /** A key asks for what one of its buttons does. @param {'cancel'|'again'} meant */
  press(meant) {
    answering(meant, [this.#button, this.#second])?.click();
  }

  /** @param {HTMLButtonElement} button */
  #act(button) {
    if (this.#job) this.app.actions.act(/** @type {any} */ (button.dataset.verb), this.#job, button);
  }

  focusTitle() {
    this.#title.focus({ preventScroll: true });
  }
}

customElements.define('job-page', JobPage);
