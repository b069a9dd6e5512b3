/** Cards of names and values: facts, parameters, result, files, the error. */
import { errorText } from '../failures.js';
import { ended } from '../states.js';
import {
  clockSeconds,
  counts,
  duration,
  label,
  list,
  moment,
  number,
  percent,
  plural,
  sentence,
  size,
} from '../words.js';
import { h, point, show } from './dom.js';
import { icon } from './icon.js';

const MONO_FROM = 24; // longer texts are mostly paths and ids

/** @typedef {import('../state.js').SeenJob} SeenJob @typedef {[string, string|Node]} Fact */

/** @param {unknown} value @returns {string} as a person reads it */
function plain(value) {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return value;
  const simple = Array.isArray(value) && value.every((one) => typeof one !== 'object');
  return simple ? list(value.map(plain)) : JSON.stringify(value, null, 1);
}

/** @param {unknown} value @returns {Fact[]} */
export function factsOf(value) {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? Object.entries(value).map(([name, one]) => [label(name), plain(one)]) : [['Value', plain(value)]];
}

/** @param {SeenJob} job @param {number} now @returns {Fact[]} */
export function jobFacts(job, now) {
  const { checkpoint } = job;
  /** @type {[string, string|null|false][]} */
  const facts = [
    ['Job', job.id],
    ['Kind', job.kind],
    ['Started by', job.by],
    ['Worker', job.worker],
    ['Attempt', `${number(job.attempt)} of ${number(Math.max(job.attempt, job.max_attempts))}`],
    ['Time limit', job.timeout_s ? `${duration(job.timeout_s)} an attempt` : null],
    ['Priority', job.priority ? number(job.priority) : null],
    ['Queued', queuedText(job, now)],
    ['Started', job.started_at !== null && moment(job.started_at, now)],
    ['Ended', job.finished_at !== null && moment(job.finished_at, now)],
    [
      'Checkpoint',
      checkpoint &&
        [
          clockSeconds(checkpoint.at),
          checkpoint.done !== null && counts(checkpoint.done, null, job.unit),
          checkpoint.fraction !== null && percent(checkpoint.fraction),
        ]
          .filter(Boolean)
          .join(', '),
    ],
    ['Watching', !ended(job) && job.viewers > 0 && plural(job.viewers, 'person', 'people')],
    [
      'Tags',
      Object.entries(job.tags)
        .map(([name, value]) => (value ? `${name}: ${value}` : name))
        .join(', '),
    ],
  ];
  return /** @type {Fact[]} */ (facts.filter(([, value]) => value));
}

/** @param {SeenJob} job @param {number} now */
function queuedText(job, now) {
  const waited_s = job.started_at === null ? null : (job.started_at - job.created_at) / 1000;
  const first = job.attempt === 1 && waited_s !== null && waited_s >= 1;
  return `${moment(job.created_at, now)}${first ? `, waited ${duration(waited_s)}` : ''}`;
}

/** @param {import('../wire.js').Attempt} attempt @param {number} now @returns {Fact} */
const attemptFact = (attempt, now) => [
  `Attempt ${attempt.attempt}`,
  [
    [
      `${sentence(attempt.outcome)} ${moment(attempt.finished_at, now)}`,
      attempt.fraction !== null && `at ${percent(attempt.fraction, attempt.outcome === 'succeeded')}`,
      attempt.started_at !== null && `after ${duration((attempt.finished_at - attempt.started_at) / 1000)}`,
    ]
      .filter(Boolean)
      .join(', '),
    attempt.error && errorText(attempt.error),
  ]
    .filter(Boolean)
    .join('\n'),
];

/** @param {SeenJob} job @param {number} now @returns {Fact[]} the ended ones, where there were several */
export const attemptFacts = (job, now) =>
  ((job.attempts ?? []).length > 1 || !ended(job) ? (job.attempts ?? []) : []).map((one) => attemptFact(one, now));

/** @param {import('../wire.js').Artifact} artifact @returns {HTMLElement} a link, if its address is one */
function artifactLink({ name, url, bytes }) {
  const link = h('a', {}, h('bdi', {}, name));
  const text = point(link, url, name) ? link : h('bdi', {}, name);
  const own = link.origin === location.origin;
  return h('li', {}, icon(own ? 'file' : 'link'), text, bytes === null ? null : h('small', {}, size(bytes)));
}

/** A card that appears only when it has something to say. */
export class FactCard {
  #body = h('div', { class: 'pad' });
  #painted = '';

  /** @param {string} title */
  constructor(title) {
    this.element = h(
      'section',
      { class: 'card', 'aria-label': title, hidden: true },
      h('header', {}, h('h2', {}, title)),
      this.#body,
    );
  }

  /** @param {Fact[]} facts */
  paint(facts) {
    const list = () =>
      h(
        'dl',
        { class: 'facts' },
        ...facts.flatMap(([name, value]) => [
          h('dt', {}, h('bdi', {}, name)),
          h('dd', { class: isCode(value) ? 'mono' : null }, h('bdi', {}, value)),
        ]),
      );
    this.#put(JSON.stringify(facts), facts.length > 0, list);
  }

  /** @param {import('../wire.js').Artifact[]} artifacts */
  paintFiles(artifacts) {
    this.#put(JSON.stringify(artifacts), artifacts.length > 0, () =>
      h('ul', { class: 'files' }, ...artifacts.map(artifactLink)),
    );
  }

  /** @param {string} key @param {boolean} shown @param {() => HTMLElement} make */
  #put(key, shown, make) {
    show(this.element, shown);
    if (key === this.#painted) return;
    this.#painted = key;
    this.#body.replaceChildren(make());
  }
}

/** @param {string|Node} value */
const isCode = (value) => typeof value === 'string' && value.length >= MONO_FROM && !value.includes(' ');
