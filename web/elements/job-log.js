/** `<job-log>`: a job's events, oldest first, following the newest while scrolled to the end. */
import { lines, mayHaveEarlier, outputOf, withoutOutput } from '../log.js';
import { told } from '../telling.js';
import { clock, clockSeconds, moment, number } from '../words.js';
import { h, set, show, write } from './dom.js';
import { icon } from './icon.js';

const ROWS_KEPT = 500;
const EARLIER_AT_ONCE = 200;
const AT_END_PX = 24;

/**
 * @typedef {import('../wire.js').LogEntry} LogEntry
 * @typedef {import('../log.js').Note} Note
 * @typedef {import('../log.js').Line} Line
 */

/** @type {Record<string, string>} */
const ICONS = {
  created: 'queued',
  started: 'running',
  checkpoint: 'flag',
  stalled: 'stalled',
  lost: 'lost',
  retry_scheduled: 'lost',
  paused: 'paused',
  cancel_requested: 'stopping',
  cancel_delivered: 'stopping',
  cancel_acknowledged: 'stopping',
  cancel_forced: 'stopping',
  attempt_succeeded: 'done',
  attempt_failed: 'failed',
  attempt_cancelled: 'cancelled',
  attempt_lost: 'lost',
  attempt_interrupted: 'lost',
};
const KEY_EVENTS = new Set([
  'started',
  'cancel_requested',
  'attempt_succeeded',
  'attempt_failed',
  'attempt_cancelled',
  'attempt_lost',
  'attempt_interrupted',
]);

/** @param {LogEntry} entry @returns {string} */
function toneOf({ level, event }) {
  const failed = level === 'error' || event === 'attempt_failed';
  const tone = failed ? 'bad' : level === 'warning' || event === 'stalled' ? 'warn' : '';
  return [tone, event === 'attempt_succeeded' ? 'ok' : '', KEY_EVENTS.has(event) ? 'key' : '']
    .filter(Boolean)
    .join(' ');
}

/** @param {LogEntry} entry @returns {string} */
function iconOf({ level, event }) {
  if (event !== 'entry') return ICONS[event] ?? 'dot';
  return { info: 'dot', warning: 'stalled', error: 'failed' }[level] ?? 'dot';
}

/** @param {Note} note @param {number} now @returns {string} */
function noteText(note, now) {
  if (note.kind === 'away')
    return `You were offline from ${moment(note.from_at, now)} to ${moment(note.to_at, now)}. Nothing is missing.`;
  const [from, to] = [note.from_at, note.to_at].map((at) => (at ? clock(at, now) : ''));
  return from && to
    ? `Events from ${from} to ${to} are no longer stored.`
    : `Events ${note.from} to ${note.to} are no longer stored.`;
}

/** @param {Line} line @returns {string} one for each row */
const keyOf = (line) =>
  'entry' in line ? `n${line.entry.n}` : `${line.note.kind}${line.note.after}-${line.note.from_at}`;

export class JobLog extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  #job = '';
  #most = 1;
  #kept = ROWS_KEPT;
  /** @type {import('../log.js').Story|null} */
  #painted = null;
  #unread = 0;
  #quiet = false;
  #whole = false; // the hub keeps nothing earlier
  #count = h('span');
  #output = h('button', { type: 'button', class: 'textlink', hidden: true, click: () => this.#toggleOutput() });
  #follow = h('button', { type: 'button', class: 'textlink', click: () => this.#jump() });
  #earlier = h('button', { type: 'button', class: 'textlink', click: () => this.#showEarlier() }, 'Show earlier');
  #before = h('p', { class: 'earlier', hidden: true }, this.#earlier);
  #rows = h('ol');
  #window = h(
    'div',
    {
      class: 'log',
      role: 'log',
      'aria-live': 'off',
      'aria-label': 'Events',
      tabindex: 0,
      scroll: () => this.#scrolled(),
    },
    this.#rows,
  );

  connectedCallback() {
    if (this.firstChild) return;
    this.append(
      h(
        'section',
        { class: 'card', 'aria-labelledby': 'log-title' },
        h('header', {}, h('h2', { id: 'log-title' }, 'Events'), this.#count, this.#output, this.#follow),
        this.#before,
        this.#window,
      ),
    );
  }

  /** @param {import('../wire.js').Job} job @param {import('../log.js').Story|undefined} story */
  paint({ id, max_attempts }, story) {
    this.#job = id;
    this.#most = max_attempts;
    this.#tell(story);
  }

  /** @param {import('../log.js').Story|undefined} story */
  #tell(story) {
    if (!story || story === this.#painted) return;
    const following = this.#painted === null || this.#atEnd();
    this.#unread += following
      ? -this.#unread
      : story.entries.filter((entry) => entry.n > (this.#painted?.last ?? 0)).length;
    this.#painted = story;
    this.#paintStory(story);
    if (following) this.#window.scrollTop = this.#window.scrollHeight;
    this.#paintFollow();
  }

  /** @param {import('../log.js').Story} story */
  #paintStory(story) {
    const told = withoutOutput(story);
    const shown = this.#quiet ? told : story;
    this.#paintRows(lines(shown).slice(-this.#kept));
    write(this.#count, number(shown.entries.length));
    show(this.#before, (mayHaveEarlier(story) && !this.#whole) || shown.entries.length > this.#kept);
    show(this.#output, told.entries.length < story.entries.length);
    write(this.#output, this.#quiet ? 'Show output' : 'Hide output');
  }

  /** Rows that are there stay; only new ones are made. @param {Line[]} wanted */
  #paintRows(wanted) {
    const known = new Map([...this.#rows.children].map((row) => [row.getAttribute('data-key'), row]));
    const keys = new Set(wanted.map(keyOf));
    for (const [key, row] of known) if (!keys.has(key ?? '')) row.remove();
    wanted.forEach((line, index) => {
      const key = keyOf(line);
      const present = this.#rows.children[index];
      if (present?.getAttribute('data-key') === key) return;
      this.#rows.insertBefore(known.get(key) ?? this.#rowOf(line, key), present ?? null);
    });
  }

  /** @param {Line} line @param {string} key */
  #rowOf(line, key) {
    if ('note' in line) return h('li', { class: 'gap', 'data-key': key }, noteText(line.note, this.app.store.now()));
    const { entry } = line;
    const source = outputOf(entry);
    const entries = this.#painted?.entries ?? [];
    const { text, note } = told(entry, { before: entries.slice(0, entries.indexOf(entry)), most: this.#most });
    const time = h('time', { datetime: new Date(entry.at).toISOString() }, clockSeconds(entry.at));
    const words = h(
      'span',
      {},
      source ? h('small', {}, h('bdi', {}, source), ' ') : null,
      h('bdi', {}, text),
      note ? h('small', {}, ' ', h('bdi', {}, note)) : null,
    );
    const look = [toneOf(entry), source === null ? '' : 'out'].filter(Boolean).join(' ');
    return h(
      'li',
      { class: look || null, 'data-key': key, 'data-event': entry.event },
      time,
      icon(iconOf(entry)),
      words,
    );
  }

  #atEnd() {
    return this.#window.scrollHeight - this.#window.scrollTop - this.#window.clientHeight < AT_END_PX;
  }

  #scrolled() {
    if (this.#atEnd()) this.#unread = 0;
    this.#paintFollow();
  }

  /** @returns {void} */
  #paintFollow() {
    const following = this.#atEnd();
    const unread = this.#unread ? ` (${number(this.#unread)})` : '';
    set(this.#follow, 'aria-pressed', String(following));
    write(this.#follow, following ? 'Follow newest' : `Jump to newest${unread}`);
  }

  #jump() {
    this.#window.scrollTop = this.#window.scrollHeight;
    this.#window.focus();
  }

  #toggleOutput() {
    this.#quiet = !this.#quiet;
    const following = this.#atEnd();
    if (this.#painted) this.#paintStory(this.#painted);
    if (following) this.#window.scrollTop = this.#window.scrollHeight;
    this.#paintFollow();
  }

  async #showEarlier() {
    const story = this.#painted;
    if (!story) return;
    this.#kept += EARLIER_AT_ONCE;
    const height = this.#window.scrollHeight;
    this.#earlier.disabled = true;
    const answer = await this.app.api
      .log(this.#job, { before: story.entries[0].n, limit: EARLIER_AT_ONCE })
      .catch(() => ({ entries: [] }));
    this.#earlier.disabled = false;
    this.app.store.take({ type: 'earlier', job: this.#job, entries: answer.entries });
    this.#painted = story.entries.length ? { ...story } : null;
    this.#tell(this.app.store.state.stories.get(this.#job));
    this.#whole = answer.entries.length === 0;
    if (this.#painted) this.#paintStory(this.#painted);
    this.#window.scrollTop += this.#window.scrollHeight - height;
  }
}

customElements.define('job-log', JobLog);
