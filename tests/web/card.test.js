import assert from 'node:assert/strict';
import test from 'node:test';
import { address } from '../../web/address.js';
import { blankCard, jobCard, problemCard, problemOf, steady } from '../../web/card.js';
import { tell } from '../../web/story.js';
import { cancel, job, NOW, plain } from './fakes.js';

const HUB = 'http://127.0.0.1:8600';
const kind = { kind: 'import', title: '', doc: '', params: {}, cancel_note: null, typical: null, stop_p50_s: 20 };
const typical = { runs: 9, p10_s: 30, p50_s: 35, p90_s: 40 };
const phase = (name, started_s, finished_s, change = {}) => ({
  name,
  started_at: started_s === null ? null : NOW - started_s * 1000,
  finished_at: finished_s === null ? null : NOW - finished_s * 1000,
  weight: null,
  typical: null,
  ...change,
});
const phases = [
  phase('Collect files', 82, 64),
  phase('Convert', 64, null),
  phase('Pack archive', null, null, { typical }),
];
const exporting = (change = {}) =>
  job({
    ...{ title: 'Library export', phases, phase: 1, message: 'The Leopard' },
    ...{ done: 194, total: 312, unit: 'books', fraction: 0.622, eta_s: 120, eta_low_s: 110, eta_high_s: 130 },
    ...change,
  });

function card(change, form, { lost_at = null, control = false, stopped = false } = {}) {
  const one = exporting(change);
  const setting = { now: NOW, clock: () => NOW, lost_at, kind, control };
  return jobCard(one, form, { story: tell(one, setting), now: NOW, lost_at, link: 'Live', stopped, hub: HUB });
}

/** A card as it is read. */
function read(change, form, how) {
  const { title, rest, figure, text, eta, foot, file, act } = card(change, form, how);
  const head = form === 'inline' ? [] : [[title, rest].filter(Boolean).join(' ')];
  const foots = form === 'full' ? [foot] : [];
  return [...head, figure, text, eta, ...foots, file?.text, act?.text].filter(Boolean).map(plain).join(' | ');
}

const queued = {
  status: 'queued',
  phases: [],
  phase: null,
  fraction: null,
  done: null,
  total: null,
  queue_position: 2,
};
const failed = {
  status: 'failed',
  error: { type: 'OSError', message: 'could not read “Ficciones.epub”\nat line 3' },
  checkpoint: { at: NOW, done: 1, fraction: 0.54 },
  finished_at: NOW,
};
const artifacts = [
  { name: 'evil', url: 'javascript:alert(1)', bytes: 1, media_type: null },
  { name: 'library.zip', url: '/api/jobs/j1/artifacts/library.zip', bytes: 1.1e9, media_type: null },
];
const done = { status: 'succeeded', fraction: 1, message: '312 books', elapsed_s: 200, artifacts, finished_at: NOW };
const cancelled = { status: 'cancelled', cancel: cancel({ how: 'acknowledged' }), message: null, finished_at: NOW };
const stopping = { status: 'cancelling', cancel: cancel({ acknowledged_at: NOW - 9_000 }), message: 'removing files' };
const can = { control: true };

const READ = [
  ['running', {}, ['62% | about 2 min left', 'Library export | 62% | Convert: The Leopard | about 2 min left']],
  ['queued', queued, ['Queued', 'Library export | Queued: Position 2, behind 1 job | waiting 4 min 20 s']],
  [
    'paused',
    { status: 'paused', pause: { at: NOW - 60_000, by: 'Ada' } },
    ['62% | Paused', 'Library export | 62% | Paused by Ada at 14:30 | 2 min of work left'],
  ],
  [
    'stalled',
    { stalled: true, advanced_at: NOW - 45_000, heard_at: NOW - 60_000 },
    ['62% | No update for 45 s', 'Library export | 62% | No update for 45 s, worker-03 does not answer | no estimate'],
  ],
  ['stopping', stopping, ['62% | Stopping', 'Library export | 62% | Stopping: removing files | usually stops in 20 s']],
  ['cancelled', cancelled, ['cancelled at 62%', 'Library export was cancelled | By Ada at 62%']],
  ['failed', failed, ['failed at 62%', 'Library export failed at 62% | Could not read “Ficciones.epub”']],
  [
    'failed, and may be tried again',
    failed,
    ['failed at 62%, | retry', 'Library export failed at 62% | Could not read “Ficciones.epub” | Retry'],
    can,
  ],
  ['done', done, ['done, | library.zip', 'Library export is ready | 312 books, 1.1 GB, took 3 min 20 s | Download']],
  [
    'done, with nothing to download',
    { ...done, artifacts: artifacts.slice(0, 1) },
    ['done', 'Library export is done | 312 books, took 3 min 20 s'],
  ],
  [
    'last known',
    {},
    ['62% | as of 14:31:07, reconnecting', 'Library export | 62% | Last known state from 14:31:07 | reconnecting'],
    { lost_at: NOW },
  ],
  [
    'last known, of a hub that is not asked again',
    {},
    ['62% | as of 14:31:07, not connected', 'Library export | 62% | Last known state from 14:31:07 | not connected'],
    { lost_at: NOW, stopped: true },
  ],
];
for (const [name, change, [inline, compact], how] of READ)
  test(`a job that is ${name}, inline and compact`, () => {
    assert.equal(read(change, 'inline', how), inline);
    assert.equal(read(change, 'compact', how), compact);
  });

const FULL = [
  ['running', {}, 'Library export | 62% | 194 / 312 books | about 2 min left | Live | Cancel'],
  ['stopping', stopping, 'Library export | 62% | Stopping: removing files | usually stops in 20 s | Live | Stopping'],
  [
    'failed',
    failed,
    'Library export | Failed | Could not read “Ficciones.epub” | at 62% | Retry resumes from checkpoint 54% | Retry',
  ],
  ['cancelled', cancelled, 'Library export | Cancelled | By Ada at 62% | stopped after 4 min 12 s | Live | Run again'],
  ['done', done, 'Library export is ready | 312 books, 1.1 GB | took 3 min 20 s | Live | Download'],
];
for (const [name, change, expected] of FULL)
  test(`a full card of a job that is ${name}`, () => assert.equal(read(change, 'full', can), expected));

const rows = (change) => {
  const told = card(change, 'full');
  return [
    ...told.rows.map(({ icon, name, value }) => plain([icon, name, value].filter(Boolean).join(' | '))),
    told.more,
  ];
};

test('the rows of a full card are its phases', () => {
  assert.deepEqual(rows({}), [
    'done | Collect files | 18 s',
    'running | Convert: The Leopard | 1 min 04 s',
    'queued | Pack archive | usually 30–40 s',
    '',
  ]);
});

test('of a failed job they say which phase failed and which was not started', () => {
  assert.deepEqual(rows(failed).slice(1, 3), ['failed | Convert | 1 min 04 s', 'queued | Pack archive | not started']);
});

test('of many phases four are shown, the current one always', () => {
  const many = Array.from({ length: 7 }, (_, index) =>
    phase(`P${index}`, index > 5 ? null : 60, index < 5 ? 50 : null),
  );
  assert.deepEqual(rows({ phases: many, phase: 5, message: null }), [
    'done | P3 | 10 s',
    'done | P4 | 10 s',
    'running | P5 | 1 min 00 s',
    'queued | P6',
    'and 3 more',
  ]);
});

test('without phases they say what else is known', () => {
  const change = { phases: [], phase: null, typical: { ...typical, p10_s: 360, p90_s: 480 }, counters: { errors: 2 } };
  assert.deepEqual(rows(change), ['The Leopard', 'Elapsed | 4 min 12 s', 'Usually | 6–8 min', 'Errors | 2', '']);
});

test('what may not be done is not offered', () => {
  assert.equal(card({}, 'full').act, null);
  assert.equal(card(failed, 'compact').act, null);
  assert.deepEqual(card({}, 'inline', can).act, { verb: 'cancel', text: 'cancel', enabled: true });
  assert.deepEqual(card(stopping, 'compact', can).act, { verb: 'none', text: 'Stopping', enabled: false });
});

const link = (change = {}) => ({
  ...{ name: 'live', transport: 'socket', lost_ms: null, live_ms: NOW, retry_ms: null, reason: null },
  ...change,
});
const lost = (ms) => link({ name: 'waiting', lost_ms: NOW - ms, live_ms: null });
const refused = link({ name: 'stopped', reason: 'unauthenticated', lost_ms: NOW });

const PROBLEMS = [
  ['live and known', { link: link(), job: job() }, null],
  ['waiting for the first word', { link: link() }, null],
  ['not reached for a moment', { link: lost(1_999) }, null],
  ['never reached', { link: lost(2_000) }, 'unreachable'],
  ['lost, with something to show', { link: lost(60_000), job: job() }, null],
  ['too old for the hub', { link: link({ name: 'stopped', reason: 'malformed', lost_ms: NOW }) }, 'unreachable'],
  ['refused', { link: refused, job: job() }, 'access'],
  ['forbidden', { link: link(), gone: 'forbidden' }, 'access'],
  ['deleted', { link: link(), gone: 'deleted' }, 'gone'],
];
for (const [name, seen, expected] of PROBLEMS)
  test(`the problem of one that is ${name}`, () =>
    assert.equal(problemOf({ job: null, gone: null, ...seen }, NOW), expected));

test('a problem says what it is, and what it is not', () => {
  const said = (...given) => {
    const { rest, text, act } = problemCard(...given);
    return [rest, text, act?.text ?? ''];
  };
  const title = 'Progress can’t be shown right now';
  assert.deepEqual(said('unreachable', 'compact', true), [title, 'The job itself is not affected.', 'Try again']);
  assert.deepEqual(said('unreachable', 'compact', false), [title, 'The job itself is not affected.', '']);
  assert.deepEqual(said('unreachable', 'inline', true), ['', title, 'try again']);
  assert.deepEqual(said('access', 'full', true), [
    'Sign in to see this job',
    'The link has expired or is not for you.',
    '',
  ]);
  assert.deepEqual(said('gone', 'full', true), ['This job no longer exists', 'Finished jobs are kept for 7 days.', '']);
});

test('before anything is known it says so only where that takes a while', () => {
  assert.equal(blankCard(299).text, '');
  assert.equal(blankCard(300).text, 'Loading');
});

test('what is shown falls only by much, or with another attempt', () => {
  const shown = job({ fraction: 0.5 });
  const fraction = (change) => steady(shown, job(change)).fraction;
  assert.equal(fraction({ fraction: 0.45 }), 0.5);
  assert.equal(fraction({ fraction: 0.39 }), 0.39);
  assert.equal(fraction({ fraction: 0.45, attempt: 2 }), 0.45);
  assert.equal(fraction({ fraction: 0.45, id: 'j2' }), 0.45);
  assert.equal(fraction({ fraction: 0.51 }), 0.51);
  assert.equal(fraction({ fraction: null }), null);
  assert.equal(fraction({ fraction: 0.45, status: 'failed' }), 0.45);
  assert.equal(steady(null, shown), shown);
});

test('only web addresses are followed', () => {
  assert.equal(address('/a b', HUB), `${HUB}/a%20b`);
  assert.equal(address('https://x.example/y', HUB), 'https://x.example/y');
  for (const url of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'http://'])
    assert.equal(address(url, HUB), null);
});
