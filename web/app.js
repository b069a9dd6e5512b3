/** What the page's elements share: state, connection, requests, actions, and where the page is. */
import { Actions } from './actions.js';
import { news, undoToast } from './announce.js';
import { Branches } from './branches.js';
import { stateOf, STATE_NAMES } from './states.js';
import { heard } from './status.js';

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {'view'|'control'|'report'|'tracebacks'} Right
 * @typedef {{go: (path: string, how?: {replace?: boolean}) => void, refresh: () => void, openStart: () => void,
 *   started: (job: Job) => void, say: (text: string) => void, isOpen: (id: string) => boolean}} Shell  `say`: tells it to a
 *   screen reader, at once; `isOpen`: the job's page is
 */

export class App {
  /** @type {Map<string, import('./wire.js').Kind>} */
  kinds = new Map();
  /** @type {string|null} a job whose row is to have the focus once it is there */
  focused = null;
  /** How often something changed that no job tells. */
  stamp = 0;

  /**
   * @param {object} given
   * @param {import('./barcast.js').Hub} given.hub
   * @param {import('./own.js').OwnJobs} given.own
   * @param {import('./choices.js').Choices} given.choices
   * @param {import('./notices.js').Notices} given.notices
   * @param {import('./elements/cancel-popover.js').CancelPopover} given.popover
   * @param {import('./elements/toast-stack.js').ToastStack} given.toasts
   * @param {Shell} given.shell  what turns pages and paints
   */
  constructor({ hub, own, choices, notices, popover, toasts, shell }) {
    this.hub = hub;
    this.store = hub.store;
    this.api = hub.api;
    this.connection = hub.connection;
    this.own = own;
    this.choices = choices;
    this.notices = notices;
    this.toasts = toasts;
    this.shell = shell;
    this.actions = new Actions({
      api: this.api,
      store: this.store,
      popover,
      warn: (title, text) => this.#warn(title, text),
      told: (verb, before, after) => this.#told(verb, before, after),
    });
    this.actions.addEventListener('change', () => this.refresh());
    this.branches = new Branches(this.api, (jobs) => this.store.take({ type: 'older', jobs }));
  }

  /** @param {string} title @param {string} text */
  #warn(title, text) {
    this.toasts.add({ icon: 'stalled', tone: 'c-warn', title, text, stays: true });
    this.shell.say(`${title}. ${text}`);
  }

  /** @param {import('./actions.js').Verb} verb @param {import('./state.js').SeenJob} before @param {Job} after */
  #told(verb, before, after) {
    const job = { ...before, ...after };
    const told = this.own.has(job.id) && news(before, job, this.shell.isOpen(job.id)) !== null;
    if (!told) this.shell.say(`${STATE_NAMES[stateOf(after)]}: ${after.title}`);
    const undone = verb === 'cancel' && before.status === 'queued' && after.status === 'cancelled';
    const retry = undone && !this.shell.isOpen(job.id) && this.retryOf(job);
    if (retry) this.toasts.add(undoToast(before, retry));
  }

  /** @param {import('./state.js').SeenJob} job @returns {(() => void)|null} only the hub's own kinds are tried again */
  retryOf(job) {
    return this.kinds.has(job.kind) && this.may('control')
      ? () => void this.actions.act('retry', job, document.body)
      : null;
  }

  /** @returns {boolean} jobs can be started here */
  get canStart() {
    return this.may('control') && this.kinds.size > 0;
  }

  /** @param {string} path @param {{replace?: boolean}} [how] */
  go(path, how) {
    this.shell.go(path, how);
  }

  /** Something that is shown changed. */
  refresh() {
    this.stamp += 1;
    this.shell.refresh();
  }

  openStart() {
    this.shell.openStart();
  }

  /** @param {Job} job  started from this page */
  started(job) {
    this.shell.started(job);
  }

  /** @param {string} id @returns {boolean} its row is shown whatever else waits */
  isFocused(id) {
    return this.focused === id || this.own.has(id);
  }

  /** @param {Right} right @returns {boolean} */
  may(right) {
    return this.store.state.may?.[right] ?? true;
  }

  /** @returns {number|null} since when the hub cannot be heard, on its clock; `null` while that is no matter */
  get lost_at() {
    return this.#heard.lost_at;
  }

  /** The hub's clock; it stands still soon after the hub is no longer heard, because nothing is known of what goes on. */
  get now() {
    return this.#heard.now;
  }

  get #heard() {
    const { connection, store } = this;
    return heard(connection.state, store.machineNow(), () => navigator.onLine, store.state.ahead_ms);
  }

  /** @param {string} kind @returns {import('./story.js').Setting} what a job of this kind is told with */
  setting(kind) {
    return {
      now: this.now,
      clock: this.#clock,
      lost_at: this.lost_at,
      kind: this.kinds.get(kind),
      control: this.may('control'),
    };
  }

  #clock = () => this.now;

  /** Which kinds can be started, and retried. */
  async learnKinds() {
    const kinds = await this.api.kinds().catch(() => null);
    if (kinds) this.kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    this.refresh();
  }
}
