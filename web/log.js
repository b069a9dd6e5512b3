/**
 * A job's log as the page holds it: entries by number, each once, with notes about what this page
 * missed between them. Pure.
 */

/** More than the hub keeps of one job, so that a long-lived page does not grow for ever. */
const ENTRIES_KEPT = 2000;

/**
 * @typedef {import('./wire.js').LogEntry} LogEntry
 * @typedef {{kind: 'gap', from: number, to: number, from_at: number|null, to_at: number|null}
 *   | {kind: 'away', from_at: number, to_at: number}} Fact
 * @typedef {Fact & {after: number}} Note  `after`: the number of the entry that it follows
 * @typedef {{entries: LogEntry[], last: number, notes: Note[]}} Story
 * @typedef {{note: Note}|{entry: LogEntry}} Line
 */

/** @returns {Story} */
export const emptyStory = () => ({ entries: [], last: 0, notes: [] });

/** @param {Story} story @param {LogEntry[]} entries  any order, known ones too @returns {Story} */
export function addEntries(story, entries) {
  const known = new Set(story.entries.map((entry) => entry.n));
  const news = entries.filter((entry) => !known.has(entry.n) && known.add(entry.n));
  if (news.length === 0) return story;
  const all = [...story.entries, ...news].sort((a, b) => a.n - b.n).slice(-ENTRIES_KEPT);
  return { ...story, entries: all, last: all[all.length - 1].n };
}

/** @param {Story} story @param {Fact} fact @returns {boolean} nothing new here: another tab's question was answered */
const isNoted = (story, fact) =>
  (fact.kind === 'gap' && story.entries.some(({ n }) => n >= fact.from && n <= fact.to)) ||
  story.notes.some((note) => note.kind === fact.kind && beginOf(note) === beginOf(fact));

/** @param {Fact} fact */
const beginOf = (fact) => (fact.kind === 'gap' ? fact.from : fact.from_at);

/** @param {Story} story @param {Fact} fact @returns {Story} */
export function addNote(story, fact) {
  const after = fact.kind === 'gap' ? fact.from - 1 : story.last;
  return isNoted(story, fact) ? story : { ...story, notes: [...story.notes, { ...fact, after }] };
}

/** @param {Story} story @returns {Line[]} entries and notes, as they are read */
export function lines(story) {
  const notes = [...story.notes].sort((a, b) => a.after - b.after);
  /** @type {Line[]} */
  const all = [];
  for (const entry of story.entries) {
    while (notes.length && notes[0].after < entry.n) all.push({ note: /** @type {Note} */ (notes.shift()) });
    all.push({ entry });
  }
  return [...all, ...notes.map((note) => ({ note }))];
}

/** @param {Story} story @returns {boolean} whether the hub may keep entries before the first shown */
export const mayHaveEarlier = (story) => story.entries.length > 0 && story.entries[0].n > 1;

/**
 * @param {LogEntry} entry
 * @returns {string|null} who logged it, '' where it was printed; `null` for what the work says to people
 */
export function outputOf({ data }) {
  if (typeof data !== 'object' || data === null) return null;
  const { from, logger } = /** @type {{from?: unknown, logger?: unknown}} */ (data);
  if (typeof logger === 'string') return logger;
  return from === 'output' ? '' : null;
}

/** @param {Story} story @returns {Story} without what was printed; the notes stay */
export const withoutOutput = (story) => ({
  ...story,
  entries: story.entries.filter((entry) => outputOf(entry) === null),
});
