/** What `<job-progress>` says of a job, in each of its three sizes; and what it says when it can show none. Pure. */
import { address } from './address.js';
import { elapsed } from './eta.js';
import { errorText } from './failures.js';
import { countsText } from './phrases.js';
import { currentPhase, ended, stateOf } from './states.js';
import { clockSeconds, duration, number, percent, range, secondsBetween, sentence, size, usualStep } from './words.js';

const ROWS = 4;
const QUIET_MS = 2_000; // a hub that is just restarted is no problem
const LOADING_MS = 300;
const FALL = 0.1; // a smaller fall is waited out

/**
 * @typedef {import('./state.js').SeenJob} SeenJob
 * @typedef {import('./story.js').Story} Story
 * @typedef {import('./link.js').Link} Link
 * @typedef {'inline'|'compact'|'full'} Size
 * @typedef {'access'|'gone'|'unreachable'} Problem
 * @typedef {{verb: string, text: string, enabled: boolean}} Act
 * @typedef {{href: string, name: string, text: string, bytes: number|null}} File
 * @typedef {{icon: string, tone: string, name: string, value: string, current: boolean}} Row
 *
 * @typedef {object} Card
 * @property {'bar'|'end'|'note'|'blank'} look  `note`: a sentence and what can be done
 * @property {string} icon  '' for none
 * @property {string} tone  of icon and figure
 * @property {string} title  the job's
 * @property {string} rest  what is said of it behind that: `is ready`
 * @property {string} figure  the percent, or a word in its place
 * @property {string} text
 * @property {string} eta
 * @property {Row[]} rows
 * @property {string} more  `and 3 more`
 * @property {string} foot
 * @property {File|null} file
 * @property {Act|null} act
 *
 * @typedef {object} Told  what is known beside the job
 * @property {Story} story  with an estimate that does not flicker
 * @property {number} now  milliseconds, the hub's clock
 * @property {number|null} lost_at  since when the hub cannot be heard
 * @property {string} link  the connection in a word or two
 * @property {boolean} [stopped]  it does not come back by itself
 * @property {string} hub  its address
 */

/** @type {Card} */
const BLANK = {
  look: 'blank',
  icon: '',
  tone: '',
  title: '',
  rest: '',
  figure: '',
  text: '',
  eta: '',
  rows: [],
  more: '',
  foot: '',
  file: null,
  act: null,
};

/** @type {Record<Problem, {icon: string, title: string, text: string}>} */
const PROBLEMS = {
  access: { icon: 'key', title: 'Sign in to see this job', text: 'The link has expired or is not for you.' },
  gone: { icon: 'cancelled', title: 'This job no longer exists', text: 'Finished jobs are kept for 7 days.' },
  unreachable: {
    icon: 'plug',
    title: 'Progress can’t be shown right now',
    text: 'The job itself is not affected.',
  },
};

/** @type {Partial<Record<import('./states.js').RowState, string>>} */
const TONES = { running: 'c-run', stalled: 'c-warn', failed: 'c-bad', done: 'c-ok' };
/** Between a state's name and what is said of it. @type {Partial<Record<import('./states.js').RowState, string>>} */
const BETWEEN = { paused: ' ', stalled: ', ' };

/** @param {(string|false|null|undefined)[]} parts @param {string} [between] */
const join = (parts, between = ', ') => parts.filter(Boolean).join(between);

/**
 * Why there is nothing to show, if so.
 * @param {{job: SeenJob|null, gone: string|null, link: Link}} seen
 * @param {number} now_ms  this machine's clock
 * @returns {Problem|null}
 */
export function problemOf({ job, gone, link }, now_ms) {
  const { name, reason, lost_ms } = link;
  if (gone === 'forbidden' || (name === 'stopped' && (reason === 'unauthenticated' || reason === 'forbidden')))
    return 'access';
  if (gone) return 'gone';
  const unheard = name === 'stopped' || (lost_ms !== null && now_ms - lost_ms >= QUIET_MS);
  return !job && unheard ? 'unreachable' : null;
}

/** @param {Problem} problem @param {Size} form @param {boolean} comesBack  by itself @returns {Card} */
export function problemCard(problem, form, comesBack) {
  const { icon, title, text } = PROBLEMS[problem];
  const act = comesBack && problem === 'unreachable' ? { verb: 'again', text: 'Try again', enabled: true } : null;
  if (form === 'inline') return { ...BLANK, look: 'note', icon, tone: 'c-3', text: title, act: lower(act) };
  return { ...BLANK, look: 'note', icon, tone: 'c-3', rest: title, text, act };
}

/** @param {number} waited_ms  for the first word of the job @returns {Card} */
export const blankCard = (waited_ms) => ({ ...BLANK, text: waited_ms >= LOADING_MS ? 'Loading' : '' });

/**
 * Within an attempt nothing goes back for little: a bar that fell would look like work undone.
 * @param {SeenJob|null} shown
 * @param {SeenJob} job
 * @returns {SeenJob} with the fraction to show
 */
export function steady(shown, job) {
  if (!shown || shown.id !== job.id || shown.attempt !== job.attempt || ended(job)) return job;
  const fell = (shown.fraction ?? 0) - (job.fraction ?? 1);
  return fell > 0 && fell < FALL ? { ...job, fraction: shown.fraction } : job;
}

/** @param {SeenJob} job @param {Size} form @param {Told} told @returns {Card} */
export function jobCard(job, form, told) {
  const make = { succeeded: doneCard, failed: brokenCard, cancelled: brokenCard }[/** @type {string} */ (job.status)];
  const act = actOf(job, told.story);
  const card = (make ?? movingCard)(job, form, told);
  return { ...BLANK, title: job.title, ...card, act: form === 'inline' ? lower(act) : act };
}

/** @param {Act|null} act @returns {Act|null} as it stands within a sentence */
const lower = (act) => act && { ...act, text: act.text.toLowerCase() };

/** @param {SeenJob} job @param {Story} story @returns {Act|null} of all that may be done: to end it, or to begin again */
function actOf(job, { action, second }) {
  const verbs = ended(job) ? ['retry'] : ['cancel', 'force'];
  const wanted = [action, second].find(({ verb }) => verbs.includes(verb));
  return wanted ?? (action.verb === 'none' && action.text ? action : null);
}

// ── On its way ────────────────────────────────────────────────────────────────

/** @param {SeenJob} job @param {Size} form @param {Told} told @returns {Partial<Card>} */
function movingCard(job, form, told) {
  const figure = job.fraction === null || stateOf(job) === 'queued' ? '' : percent(job.fraction);
  const { story, lost_at, now, stopped } = told;
  const lost = stopped ? 'not connected' : 'reconnecting';
  const eta = lost_at === null ? story.when.text || (story.whenMore[0] ?? '') : lost;
  if (form === 'inline') return { look: 'bar', figure, eta: inlineText(job, eta, told) };
  const text = lost_at === null ? lineOf(job, form, story) : `Last known state from ${clockSeconds(lost_at)}`;
  return { look: 'bar', figure, text, eta, foot: told.link, ...rowsOf(job, now) };
}

/** @param {SeenJob} job @param {string} eta @param {Told} told */
function inlineText(job, eta, { story, lost_at }) {
  if (lost_at !== null) return `as of ${clockSeconds(lost_at)}, ${eta}`;
  return stateOf(job) === 'running' ? eta : story.head.text;
}

/** A full card names the phase in its rows. @param {SeenJob} job @param {Size} form @param {Story} story */
function lineOf(job, form, story) {
  const running = stateOf(job) === 'running';
  if (running && form === 'full') return countsText(job) || story.message || story.head.text;
  if (running && !currentPhase(job)) return story.message || countsText(job) || story.head.text;
  const between = BETWEEN[stateOf(job)] ?? ': ';
  return join([story.head.text, story.message], between);
}

// ── Ended ─────────────────────────────────────────────────────────────────────

/** @param {SeenJob} job @param {Size} form @param {Told} told @returns {Partial<Card>} */
function doneCard(job, form, { story, now, link, hub }) {
  const file = fileOf(job, hub);
  const ending = { icon: 'done', tone: 'c-ok', file };
  if (form === 'inline')
    return { ...ending, look: 'note', text: `done${file ? ',' : ''}`, file: file && { ...file, text: file.name } };
  const late = job.cancel ? story.head.text : '';
  const what = [late, story.message, file?.bytes ? size(file.bytes) : ''];
  const took = `took ${duration(job.elapsed_s)}`;
  const rest = file ? 'is ready' : 'is done';
  if (form === 'compact') return { ...ending, look: 'note', rest, text: sentence(join([...what, took])) };
  return { ...ending, look: 'end', rest, text: join(what), eta: took, foot: link, ...rowsOf(job, now) };
}

/** @param {SeenJob} job @param {string} hub @returns {File|null} the first that may be followed */
function fileOf(job, hub) {
  const files = job.artifacts.flatMap(({ name, url, bytes }) => {
    const href = address(url, hub);
    return href ? [{ href, name, text: 'Download', bytes }] : [];
  });
  return files[0] ?? null;
}

/** @param {SeenJob} job @param {Size} form @param {Told} told @returns {Partial<Card>} */
function brokenCard(job, form, { story, now, link }) {
  const failed = job.status === 'failed';
  const [icon, tone] = failed ? ['failed', 'c-bad'] : ['cancelled', 'c-3'];
  const at = job.fraction ? `at ${percent(job.fraction)}` : '';
  const text = failed ? reasonOf(job, story) : sentence(story.message);
  if (form === 'inline') {
    const comma = actOf(job, story) ? ',' : '';
    return { look: 'note', icon, tone, text: `${join([failed ? 'failed' : 'cancelled', at], ' ')}${comma}` };
  }
  if (form === 'compact')
    return { look: 'note', icon, tone, rest: failed ? join(['failed', at], ' ') : 'was cancelled', text };
  const resumes = story.under.find((bit) => bit.text.startsWith('Retry'))?.text;
  const foot = (actOf(job, story) && resumes) || link;
  const eta = failed ? at : (story.whenMore[0] ?? '');
  return { look: 'bar', icon, tone, figure: story.head.text, text, eta, foot, ...rowsOf(job, now) };
}

/** For whoever uses what the work makes: its message, not its type. @param {SeenJob} job @param {Story} story */
function reasonOf(job, story) {
  const text = job.error?.message || (job.error ? errorText(job.error) : story.message);
  return sentence(text.split('\n', 1)[0]);
}

// ── Rows of a full card ───────────────────────────────────────────────────────

/** Its phases; where there are none, or one, what else is known. @param {SeenJob} job @param {number} now */
function rowsOf(job, now) {
  const first = Math.max(0, Math.min((job.phase ?? 0) - 1, job.phases.length - ROWS));
  const shown = job.phases.slice(first, first + ROWS);
  const rows = shown.map((_, index) => phaseRow(job, first + index, now));
  const left = job.phases.length - shown.length;
  const facts = job.phases.length < 2 ? factRows(job, now) : [];
  return { rows: [...rows, ...facts].slice(0, ROWS), more: left ? `and ${number(left)} more` : '' };
}

/** @param {SeenJob} job @param {number} index @param {number} now @returns {Row} */
function phaseRow(job, index, now) {
  const { name, started_at, finished_at, typical } = job.phases[index];
  const past = finished_at !== null || job.status === 'succeeded';
  const current = index === job.phase && !past;
  const state = past ? 'done' : current ? stateOf(job) : 'queued';
  const usual = typical ? `usually ${range(typical.p10_s, typical.p90_s, usualStep)}` : '';
  const took = started_at && duration(secondsBetween(started_at, finished_at ?? job.finished_at ?? now));
  return {
    icon: state,
    tone: TONES[state] ?? '',
    name: join([name, current && !ended(job) && job.message], ': '),
    value: took || (past ? '' : ended(job) ? 'not started' : usual),
    current,
  };
}

/** @param {SeenJob} job @param {number} now @returns {Row[]} */
function factRows(job, now) {
  const { typical, counters, phase } = job;
  /** @type {[string, string][]} */
  const facts = [
    [phase === null && !ended(job) && countsText(job) ? (job.message ?? '') : '', ''],
    ['Elapsed', job.started_at ? duration(elapsed(job, now)) : ''],
    ['Usually', typical ? range(typical.p10_s, typical.p90_s, usualStep) : ''],
    ['Errors', counters.errors ? number(counters.errors) : ''],
  ];
  const known = facts.filter(([name, value], index) => name && (value || index === 0));
  return known.map(([name, value]) => ({ icon: '', tone: '', name, value, current: false }));
}
