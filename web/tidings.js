/** Tells people what became of their own jobs: spoken, as a toast, and by the system where nobody looks. */
import { awayNotice, backToast, endNotice, endToast, justEnded, news } from './announce.js';

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {object} Reader  what is known of whoever reads the page
 * @property {(id: string) => boolean} isOpen  the job's page is
 * @property {() => boolean} isHidden  the tab is
 * @property {() => boolean} isLive  what is shown is what there is
 */

export class Tidings {
  /** @type {Map<string, SeenJob>} ends that nobody saw */
  #missed = new Map();
  #wasAway = false;

  /**
   * @param {object} given
   * @param {import('./own.js').OwnJobs} given.own
   * @param {Pick<import('./announce.js').Announcer, 'say'>} given.announcer
   * @param {Pick<import('./elements/toast-stack.js').ToastStack, 'add'>} given.toasts
   * @param {Pick<import('./notices.js').Notices, 'tell'>} given.notices
   * @param {(job: SeenJob) => (() => void)|null} given.retry  how it is tried again, where it can be
   * @param {Reader} given.reader
   */
  constructor({ own, announcer, toasts, notices, retry, reader }) {
    this.own = own;
    this.announcer = announcer;
    this.toasts = toasts;
    this.notices = notices;
    this.retry = retry;
    this.reader = reader;
  }

  /**
   * @param {Map<string, SeenJob>} before
   * @param {Map<string, SeenJob>} jobs
   * @param {boolean} [late]  it is what was missed, not what happens
   */
  hear(before, jobs, late = false) {
    const missed = late || !this.reader.isLive();
    const changed = this.own.ids.flatMap((id) => jobs.get(id) ?? []).filter((job) => job !== before.get(job.id));
    for (const job of changed) this.announcer.say(news(before.get(job.id), job, this.reader.isOpen(job.id)));
    const ends = changed.filter((job) => justEnded(before.get(job.id), job));
    if (this.reader.isHidden()) this.#notify(ends, missed);
    for (const job of ends) this.#end(job, missed);
  }

  /** After an absence there is one notice instead of many. @param {SeenJob[]} ends @param {boolean} missed */
  #notify(ends, missed) {
    if (missed && ends.length > 1) this.notices.tell(awayNotice(ends.length));
    else for (const job of ends) this.notices.tell(endNotice(job));
  }

  /** @param {SeenJob} job @param {boolean} late */
  #end(job, late) {
    if (this.reader.isOpen(job.id)) return;
    if (late || this.reader.isHidden()) {
      this.#wasAway ||= late;
      this.#missed.set(job.id, job);
    } else this.#toast(job);
  }

  /** @param {SeenJob} job */
  #toast(job) {
    const toast = endToast(job, this.retry(job));
    if (toast) this.toasts.add(toast);
  }

  /** Somebody looks, or may: after an absence there is one toast instead of many. */
  look() {
    if (!this.#missed.size || this.reader.isHidden() || !this.reader.isLive()) return;
    const [first, ...more] = [...this.#missed.values()].filter((job) => !this.reader.isOpen(job.id));
    if (more.length) this.toasts.add(backToast(more.length + 1, this.#wasAway));
    else if (first) this.#toast(first);
    this.#missed.clear();
    this.#wasAway = false;
  }
}
