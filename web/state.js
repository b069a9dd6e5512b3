/**
 * What the page knows, as a value: messages go in, the next state comes out. No DOM, no clock, no
 * socket. Applying a message twice, or out of order, changes nothing that was right before.
 */
import { addEntries, addNote, emptyStory } from './log.js';
import { rememberedOf } from './memory.js';
import { jobOf } from './topics.js';

/**
 * @typedef {import('./wire.js').Job} Job
 * @typedef {import('./wire.js').Message} Message
 * @typedef {Job & import('./memory.js').Memory & {epoch: string|null, seen_at: number, whole_seq: number}} SeenJob  with
 *   where it came from, when (hub's clock), and the last `seq` at which what the feed leaves out was told, too (0: never)
 *
 * @typedef {object} State
 * @property {string|null} epoch  of the hub's run; `seq` compares only inside one
 * @property {number} ahead_ms  how far the hub's clock is ahead of this machine's
 * @property {import('./wire.js').May|null} may
 * @property {Map<string, SeenJob>} jobs  all that is known, by id
 * @property {Set<string>} feed  ids that the feed holds
 * @property {Set<string>|null} arriving  ids of a feed snapshot that is still coming in pieces
 * @property {boolean} complete  whether the feed was ever known whole
 * @property {boolean} behind  the hub is heard again, and what was missed of the feed has not come yet
 * @property {Map<string, import('./log.js').Story>} stories  each followed job's log
 * @property {Map<string, string>} gone  id to reason
 * @property {Set<string>} holes  ids of jobs of which something was skipped
 * @property {import('./wire.js').Summary|null} summary
 * @property {{from_at: number, to_at: number}|null} away  the last absence of this page
 */

/** @returns {State} */
export const emptyState = () => ({
  epoch: null,
  ahead_ms: 0,
  may: null,
  jobs: new Map(),
  feed: new Set(),
  arriving: null,
  complete: false,
  behind: false,
  stories: new Map(),
  gone: new Map(),
  holes: new Set(),
  summary: null,
  away: null,
});

/** Fields that the feed leaves out, kept from what was known of the same attempt. */
const ROOM_ONLY = /** @type {const} */ (['result', 'attempts']);

/** @param {Job} job @returns {boolean} a whole job, not the feed's shorter one */
const isWhole = (job) => job.params !== undefined;

/** @param {Map<string, SeenJob>} jobs @param {SeenJob} job */
const withJob = (jobs, job) => new Map(jobs).set(job.id, job);

/** @template T @param {Set<T>} set @param {T} value @returns {Set<T>} */
function without(set, value) {
  if (!set.has(value)) return set;
  const rest = new Set(set);
  rest.delete(value);
  return rest;
}

/**
 * @param {SeenJob|undefined} known
 * @param {Job} job
 * @returns {Job & {whole_seq: number}} `job`, with what was known and the feed's form lacks
 */
function keepWhole(known, job) {
  if (isWhole(job)) return { ...job, whole_seq: job.seq };
  if (!known || !isWhole(known)) return { ...job, whole_seq: 0 };
  const kept = { ...job, params: known.params, whole_seq: 0 };
  if (known.attempt !== job.attempt) return kept;
  for (const name of ROOM_ONLY) Object.assign(kept, { [name]: known[name] });
  return { ...kept, whole_seq: known.whole_seq };
}

/** @param {State} state @param {SeenJob|undefined} known @param {{seq: number}} job */
const isOlder = (state, known, job) => known !== undefined && known.epoch === state.epoch && job.seq < known.seq;

/** @param {State} state @param {Job} job @param {number} now @returns {State} */
function takeSnapshotJob(state, job, now) {
  const known = state.jobs.get(job.id);
  const seen = isOlder(state, known, job)
    ? /** @type {SeenJob} */ (known)
    : { ...keepWhole(known, job), ...rememberedOf(known, job), epoch: state.epoch, seen_at: now };
  const feed = isWhole(job) ? state.feed : new Set(state.feed).add(job.id);
  return { ...state, feed, jobs: withJob(state.jobs, seen), holes: without(state.holes, job.id) };
}

/** @param {State} state @returns {State} without the jobs that a complete feed no longer holds */
function endFeed(state) {
  const arrived = state.arriving;
  if (!arrived) return state;
  const left = [...state.feed].filter((id) => !arrived.has(id));
  const jobs = new Map(state.jobs);
  for (const id of left) if (!state.stories.has(id)) jobs.delete(id); // the page of one may be open
  const holes = new Set([...state.holes].filter((id) => state.stories.has(id))); // of others nothing more can be had
  return { ...state, jobs, holes, feed: arrived, arriving: null, complete: true, behind: false };
}

/** @param {State} state @param {Message} message @param {number} now @returns {State} */
function snapshot(state, message, now) {
  let next = message.epoch ? { ...state, epoch: message.epoch } : state;
  for (const job of message.jobs) next = takeSnapshotJob(next, job, now);
  if (next.arriving) {
    const pieces = message.jobs.filter((/** @type {Job} */ job) => !isWhole(job));
    next = { ...next, arriving: new Set([...next.arriving, ...pieces.map((/** @type {Job} */ job) => job.id)]) };
  }
  return message.end ? endFeed(next) : next;
}

/**
 * Jobs that ended long ago, asked for by request: not the feed's, and no news of those that are.
 * @param {State} state
 * @param {Message} message
 * @param {number} now
 * @returns {State}
 */
function older(state, message, now) {
  const jobs = new Map(state.jobs);
  for (const job of message.jobs)
    if (!jobs.has(job.id))
      jobs.set(job.id, { ...job, ...rememberedOf(undefined, job), epoch: null, seen_at: now, whole_seq: 0 });
  return { ...state, jobs };
}

/**
 * A job that this page started: the feed will say so, too, but the row is wanted now.
 * @param {State} state
 * @param {Message} message
 * @param {number} now
 * @returns {State}
 */
function started(state, { job }, now) {
  const next = snapshot(state, { type: 'snapshot', jobs: [job] }, now);
  return {
    ...next,
    feed: new Set(next.feed).add(job.id),
    arriving: next.arriving && new Set(next.arriving).add(job.id),
  };
}

/** @param {State} state @param {SeenJob} known @param {Job & {from: number}} change */
const skipsSomething = (state, known, change) =>
  known.epoch !== state.epoch || change.from > known.seq + 1 || change.attempt !== known.attempt;

/**
 * @param {object} change
 * @returns {boolean} told to the job's own room, not to the feed, which leaves out the result
 */
const fromRoom = (change) => 'result' in change;

/**
 * The feed may say first what the room then says with the result.
 * @param {State} state
 * @param {SeenJob} known
 * @param {Job} change
 */
const isOld = (state, known, change) =>
  known.epoch === state.epoch &&
  (change.seq < known.seq || (change.seq === known.seq && !(fromRoom(change) && known.whole_seq < change.seq)));

/**
 * Another tab follows that job, over the same connection.
 * @param {State} state
 * @param {Job} change
 */
const isForeign = (state, change) => fromRoom(change) && !state.stories.has(change.id);

/**
 * @param {State} state  whose jobs and holes are this update's own, to be changed
 * @param {Job & {from: number}} change
 * @param {number} now
 */
function updateJob(state, change, now) {
  const known = state.jobs.get(change.id);
  if (!known) return void (isForeign(state, change) || state.holes.add(change.id));
  if (isOld(state, known, change)) return;
  const { from, ...moving } = change;
  const remembered = rememberedOf(known, { ...known, ...moving });
  const whole_seq = fromRoom(change) ? change.seq : known.whole_seq;
  state.jobs.set(known.id, { ...known, ...moving, ...remembered, whole_seq, epoch: state.epoch, seen_at: now });
  if (skipsSomething(state, known, change)) state.holes.add(known.id);
}

/** @param {State} state @param {{id: string}} change @returns {boolean} it has news, or shows that some are missing */
const concerns = (state, /** @type {any} */ change) => {
  const known = state.jobs.get(change.id);
  return !known || !isOld(state, known, change);
};

/** @param {State} state @param {Message} message @param {number} now @returns {State} */
function update(state, message, now) {
  const news = message.jobs.filter((/** @type {any} */ change) => concerns(state, change));
  if (news.length === 0) return state;
  const next = { ...state, jobs: new Map(state.jobs), holes: new Set(state.holes) };
  for (const change of news) updateJob(next, change, now);
  return next;
}

/**
 * @param {State} state
 * @param {string} id
 * @param {(story: import('./log.js').Story) => import('./log.js').Story} change
 */
function changeStory(state, id, change) {
  const story = change(state.stories.get(id) ?? emptyStory());
  return { ...state, stories: new Map(state.stories).set(id, story) };
}

/**
 * A log is kept from the subscription on: one that begins in its middle would look whole.
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
const log = (state, message) =>
  state.stories.has(message.job)
    ? changeStory(state, message.job, (story) => addEntries(story, message.entries))
    : state;

/** @param {State} state @param {Set<string>} kept @returns {State} with these jobs, and without a feed */
function only(state, kept) {
  const jobs = new Map([...state.jobs].filter(([id]) => kept.has(id)));
  const gone = new Map([...state.gone].filter(([id]) => kept.has(id)));
  const holes = new Set([...state.holes].filter((id) => kept.has(id)));
  return { ...state, jobs, gone, holes, feed: new Set(), arriving: null };
}

/**
 * The job's page was left: its log is not kept for all pages that were ever open; nor are, where no feed says which
 * jobs there are, more than those that are named.
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
function left(state, { job, kept = null }) {
  const stories = new Map(state.stories);
  stories.delete(job);
  return kept ? only({ ...state, stories }, new Set(kept)) : { ...state, stories };
}

/**
 * Jobs that are gone leave everywhere.
 * @param {State} state
 * @param {string} id
 * @param {string} reason
 * @returns {State}
 */
function forget(state, id, reason) {
  const jobs = new Map(state.jobs);
  jobs.delete(id);
  const gone = reason === 'filtered' ? state.gone : new Map(state.gone).set(id, reason);
  return { ...state, jobs, gone, feed: without(state.feed, id), holes: without(state.holes, id) };
}

/** @param {State} state @param {Message} message @returns {State} the answer to a subscription */
function subscribed(state, message) {
  const id = jobOf(message.topic);
  if (id === null) return { ...state, arriving: new Set() };
  const gone = new Map(state.gone);
  gone.delete(id);
  return changeStory({ ...state, gone }, id, (story) => {
    if (message.log_gap) return addNote(story, { kind: 'gap', ...message.log_gap });
    return message.recovered && state.away && story.last > 0 ? addNote(story, { kind: 'away', ...state.away }) : story;
  });
}

/** @param {State} state @param {Message} message @returns {State} */
function refused(state, message) {
  const id = jobOf(message.topic ?? '');
  return id !== null && message.code === 'not_found' ? forget(state, id, 'not_found') : state;
}

/** @param {State} state @param {Message} message @returns {State} a new run of the hub, or the same again */
const welcome = (state, message) => ({
  ...state,
  epoch: message.epoch,
  may: message.may ?? state.may,
  behind: true,
  holes: new Set(),
});

/** @type {Record<string, (state: State, message: Message, now: number) => State>} */
const REDUCERS = {
  welcome,
  subscribed,
  snapshot,
  older,
  started,
  update,
  log,
  error: refused,
  summary: (state, { type, ...summary }) => ({ ...state, summary: /** @type {any} */ (summary) }),
  gone: (state, message) => forget(state, message.job, message.reason),
  away: (state, message) => ({ ...state, away: { from_at: message.from_at, to_at: message.to_at } }),
  earlier: log,
  left,
};

/**
 * @param {State} state
 * @param {Message} message
 * @param {number} received_ms
 * @returns {State} the hub's clock, learned
 */
function learnClock(state, message, received_ms) {
  if (!Number.isFinite(message.at)) return state;
  const ahead_ms = message.at - received_ms;
  const fresh = message.type === 'welcome' || ahead_ms > state.ahead_ms; // later ones were only longer on their way
  return fresh ? { ...state, ahead_ms } : state;
}

/**
 * @param {State} state
 * @param {Message} message  from the hub, or `away`, `earlier`, `left`, `older` and `started` from the page itself
 * @param {number} received_ms  this machine's clock
 * @returns {State} the same object when nothing changed
 */
export function reduce(state, message, received_ms) {
  const timed = learnClock(state, message, received_ms);
  return REDUCERS[message.type]?.(timed, message, received_ms + timed.ahead_ms) ?? timed;
}

/**
 * @param {State} state
 * @param {string} id
 * @returns {import('./wire.js').Since} the last things seen of a job; whoever did not follow it is told all of it, again
 */
export const since = (state, id) => ({
  epoch: state.jobs.get(id)?.epoch ?? null,
  seq: (state.stories.has(id) && state.jobs.get(id)?.whole_seq) || 0,
  log: state.stories.get(id)?.last ?? 0,
});
