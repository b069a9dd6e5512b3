import assert from 'node:assert/strict';
import test from 'node:test';
import { stateOf } from '../../web/states.js';
import { meta, sinceLines, spokenProgress, tell } from '../../web/story.js';
import { at, cancel, job, NOW, plain } from './fakes.js';

const kind = { kind: 'import', title: '', doc: '', params: {}, cancel_note: null, typical: null, stop_p50_s: 20 };
const setting = (change = {}) => ({ now: NOW, lost_at: null, kind, control: true, ...change });

/** A story in one line a part, as the row shows it. */
function row(change, given = {}) {
  const { head, step, message, under, when, whenMore, action } = tell(job(change), setting(given));
  const work = [head.text, step, message].filter(Boolean).join(' ');
  return [
    work,
    under.map((bit) => bit.text).join(' · '),
    [when.text, ...whenMore].filter(Boolean).join(' / '),
    action.text + (action.enabled ? '' : ' (disabled)'),
  ].map(plain);
}

const phases = ['Download', 'Parse', 'Validate', 'Write'].map((name) => ({
  name,
  started_at: NOW - 60_000,
  finished_at: null,
  weight: null,
}));
const checkpoint = { at: NOW, done: 20_000, fraction: 0.4 };
const now = at(14, 31, 7);

const ROWS = [
  [
    'a queued job tells its position',
    { status: 'queued', queue_position: 3, starts_in_s: 240, created_at: now - 65_000 },
    ['Queued Position 3, behind 2 jobs', '', 'starts in about 4 min / waiting 1 min 05 s', 'Cancel'],
  ],
  [
    'the first in the queue is next',
    { status: 'queued', queue_position: 1, created_at: now - 5_000 },
    ['Queued Position 1, next to start', '', 'waiting 5 s', 'Cancel'],
  ],
  [
    'a running job tells phase, counts, rate and estimate',
    { phases, phase: 2, message: 'Checking SKU references' },
    [
      'Validate 3 of 4 Checking SKU references',
      '31,240 / 50,000 rows · 186 rows/s',
      'about 3 min left / done ≈ 14:34 / 4 min 12 s elapsed',
      'Cancel',
    ],
  ],
  [
    'errors are told above zero, and what went well beside them',
    { counters: { ok: 48, errors: 2 } },
    [
      'Running',
      '31,240 / 50,000 rows · 186 rows/s · 48 ok · 2 errors',
      'about 3 min left / done ≈ 14:34 / 4 min 12 s elapsed',
      'Cancel',
    ],
  ],
  [
    'no errors are not told',
    { counters: { ok: 48, errors: 0 }, rate: null },
    ['Running', '31,240 / 50,000 rows', 'about 3 min left / done ≈ 14:34 / 4 min 12 s elapsed', 'Cancel'],
  ],
  [
    'an unknown total is said to be unknown',
    { done: 8_214, total: null, unit: 'pages', fraction: null, eta_s: null, rate: 27, elapsed_s: 304 },
    ['Running', '8,214 pages · 27 pages/s · total unknown', '5 min 04 s elapsed', 'Cancel'],
  ],
  [
    'a stalled job whose worker lives',
    { stalled: true, advanced_at: now - 45_000, heard_at: now - 2_000, message: 'Encode' },
    [
      'No update for 45 s last: Encode, worker still answers',
      '31,240 / 50,000 rows',
      'no estimate / last update 14:30:22 / 4 min 12 s elapsed',
      'Cancel',
    ],
  ],
  [
    'a stalled job whose worker is silent',
    { stalled: true, advanced_at: now - 45_000, heard_at: now - 40_000 },
    [
      'No update for 45 s worker-03 does not answer',
      '31,240 / 50,000 rows',
      'no estimate / last update 14:30:22 / 4 min 12 s elapsed',
      'Cancel',
    ],
  ],
  [
    'a paused job',
    { status: 'paused', eta_s: 1_080, pause: { at: at(14, 12), by: 'Ada' } },
    ['Paused by Ada at 14:12', '31,240 / 50,000 rows', '18 min of work left / paused for 19 min', 'Resume'],
  ],
  [
    'a cancel that is stored',
    { status: 'cancelling', cancel: cancel({ requested_at: now - 2_000 }) },
    [
      'Cancel requested Waiting for worker-03 to confirm',
      '31,240 / 50,000 rows',
      'asked 2 s ago',
      'Cancel requested (disabled)',
    ],
  ],
  [
    'a cancel that is delivered is not yet a stop',
    { status: 'cancelling', cancel: cancel({ requested_at: now - 2_000, delivered_at: now }) },
    [
      'Cancel requested worker-03 has it, and finishes what it is doing',
      '31,240 / 50,000 rows',
      'asked 2 s ago',
      'Cancel requested (disabled)',
    ],
  ],
  [
    'a job that is stopping',
    { status: 'cancelling', message: 'Rolling back batch 41', cancel: cancel({ acknowledged_at: now - 12_600 }) },
    [
      'Stopping Rolling back batch 41',
      'Cancel asked by Ada at 14:30:54 · worker-03 confirmed in 0.4 s',
      'usually stops in 20 s / 13 s since request',
      'Stopping (disabled)',
    ],
  ],
  [
    'a job that takes long to stop',
    { status: 'cancelling', cancel: cancel({ requested_at: now - 61_000, acknowledged_at: now - 60_000 }) },
    [
      'Still stopping Longer than usual',
      'Cancel asked by Ada at 14:30:06 · worker-03 confirmed in 1.0 s',
      '1 min 01 s since request',
      'Force stop',
    ],
  ],
  [
    'a job whose worker was lost waits to be tried again',
    { status: 'queued', attempt: 2, retry_at: now + 8_000, silent_at: now - 38_000, heard_at: null, checkpoint },
    [
      'Worker lost Attempt 2 of 3 starts in 8 s',
      '31,240 / 50,000 rows · resumes from checkpoint 40%',
      'estimate after restart / silent since 14:30:29',
      'Retry now',
    ],
  ],
  [
    'a page that came later knows it from the attempts',
    {
      status: 'queued',
      attempt: 2,
      retry_at: now + 8_000,
      message: 'not heard for 60 s',
      heard_at: null,
      attempts: [{ attempt: 1, outcome: 'lost', fraction: 0.4, started_at: 0, finished_at: now - 5_000, error: null }],
    },
    [
      'Worker lost Attempt 2 of 3 starts in 8 s',
      '31,240 / 50,000 rows',
      'estimate after restart / lost at 14:31:02',
      'Retry now',
    ],
  ],
  [
    'a job says why its last attempt failed while it waits',
    {
      status: 'queued',
      attempt: 3,
      retry_at: now,
      message: 'took longer than 60 s\nand more',
      heard_at: null,
    },
    [
      'Waiting to retry Attempt 3 of 3 starts now',
      '31,240 / 50,000 rows · Took longer than 60 s',
      'estimate after restart',
      'Retry now',
    ],
  ],
  [
    'who else tries again may try more often than was said',
    { status: 'queued', attempt: 4, retry_at: now + 12_000, heard_at: null },
    ['Waiting to retry Attempt 4 starts in 12 s', '31,240 / 50,000 rows', 'estimate after restart', 'Retry now'],
  ],
  [
    'a job whose worker is lost is tried again',
    { status: 'lost', heard_at: now - 38_000, checkpoint },
    [
      'Worker lost Waiting for worker-03 to answer',
      '31,240 / 50,000 rows · resumes from checkpoint 40%',
      'estimate after restart / silent since 14:30:29',
      'Cancel',
    ],
  ],
  [
    'a job whose worker is lost, and that is not tried again',
    { status: 'lost', attempt: 3, heard_at: now - 38_000, checkpoint },
    [
      'Worker lost Waiting for worker-03 to answer',
      '31,240 / 50,000 rows',
      'no estimate / no answer since 14:30:29',
      'Cancel',
    ],
  ],
  [
    'a job that failed because its worker was lost',
    { status: 'failed', error: { type: 'WorkerLost', message: 'not heard for 60 s' }, finished_at: at(14, 19) },
    [
      'Failed Worker lost: not heard for 60 s',
      '31,240 / 50,000 rows · Retry starts from the beginning',
      '14:19 / failed after 4 min 12 s',
      'Retry',
    ],
  ],
  [
    'a failed job resumes from its checkpoint',
    {
      status: 'failed',
      error: { type: 'ValueError', message: 'no price\nat row 9' },
      finished_at: at(14, 19),
      elapsed_s: 521,
      checkpoint,
    },
    [
      'Failed ValueError: no price',
      '31,240 / 50,000 rows · Retry resumes from checkpoint 40%',
      '14:19 / failed after 8 min 41 s',
      'Retry',
    ],
  ],
  [
    'a failed job that started others keeps those that succeeded',
    {
      status: 'failed',
      children: { total: 3, queued: 0, running: 0, succeeded: 2, failed: 1, cancelled: 0 },
      error: { type: 'ValueError', message: 'no' },
      finished_at: at(14, 19),
    },
    [
      'Failed ValueError: no',
      '31,240 / 50,000 rows · Retry keeps the jobs that succeeded',
      '14:19 / failed after 4 min 12 s',
      'Retry',
    ],
  ],
  [
    'a failed job without a checkpoint begins anew',
    { status: 'failed', error: { type: 'ValueError', message: 'no' }, finished_at: at(14, 19) },
    [
      'Failed ValueError: no',
      '31,240 / 50,000 rows · Retry starts from the beginning',
      '14:19 / failed after 4 min 12 s',
      'Retry',
    ],
  ],
  [
    'a job that is done',
    { status: 'succeeded', message: '1,204 invoices', finished_at: at(14, 27), elapsed_s: 138 },
    ['Done 1,204 invoices', '31,240 / 50,000 rows', '14:27 / took 2 min 18 s', 'Result'],
  ],
  [
    'a job that is done without a word',
    { status: 'succeeded', finished_at: at(14, 27), elapsed_s: 138 },
    ['Done 50,000 rows', '31,240 / 50,000 rows', '14:27 / took 2 min 18 s', 'Result'],
  ],
  [
    'a job that was done before it could stop',
    { status: 'succeeded', cancel: cancel(), message: 'ok', finished_at: at(14, 27), elapsed_s: 138 },
    ['Done before it could stop ok', '31,240 / 50,000 rows', '14:27 / took 2 min 18 s', 'Result'],
  ],
  [
    'a cancelled job says who and how',
    {
      status: 'cancelled',
      fraction: 0.38,
      message: 'rolled back',
      cancel: cancel({ how: 'forced', acknowledged_at: now - 12_000 }),
      finished_at: at(13, 58),
      elapsed_s: 72,
    },
    [
      'Cancelled by Ada at 38%, stopped by force, rolled back',
      'Cancel asked by Ada at 14:30:54 · worker-03 confirmed in 1.0 s',
      '13:58 / stopped after 1 min 12 s',
      'Run again',
    ],
  ],
  [
    'a cancel that was assumed says so',
    {
      status: 'cancelled',
      fraction: null,
      cancel: cancel({ by: null, how: 'assumed' }),
      finished_at: at(13, 58),
      started_at: null,
    },
    ['Cancelled its worker was lost', 'Cancel asked at 14:30:54', '13:58 / before it started', 'Run again'],
  ],
  [
    'work that ended itself was cancelled by nobody',
    { status: 'cancelled', fraction: 0.5, cancel: null, finished_at: at(13, 58) },
    ['Cancelled by the work itself at 50%', '', '13:58 / stopped after 4 min 12 s', 'Run again'],
  ],
];

for (const [name, change, expected] of ROWS) test(name, () => assert.deepEqual(row(change), expected));

test('a rate is hidden in the first three seconds of a phase', () => {
  const young = phases.map((phase) => ({ ...phase, started_at: NOW - 2_900 }));
  assert.equal(row({ phases: young, phase: 2 })[1], '31,240 / 50,000 rows');
});

test('a rate is hidden until a phase was told of three times', () => {
  assert.equal(row({ phase_frames: 2 })[1], '31,240 / 50,000 rows');
  assert.equal(row({ phase_frames: 3 })[1], '31,240 / 50,000 rows · 186 rows/s');
});

test('what starts soon starts in a few seconds', () =>
  assert.equal(row({ status: 'queued', starts_in_s: 4, created_at: NOW })[2], 'starts in a few seconds / waiting 0 s'));

test('a cancel that nobody acknowledges can be forced, once', () => {
  const old = cancel({ requested_at: NOW - 61_000 });
  assert.equal(row({ status: 'cancelling', cancel: old })[3], 'Force stop');
  assert.equal(row({ status: 'cancelling', cancel: { ...old, forced_at: NOW } })[3], 'Stopping (disabled)');
});

test('without a usual time 30 s are long', () => {
  const asked = (s) =>
    row({ status: 'cancelling', cancel: cancel({ requested_at: NOW - s * 1_000 }) }, { kind: undefined })[3];
  assert.deepEqual([asked(29), asked(30)], ['Cancel requested (disabled)', 'Force stop']);
});

test('work of an unknown kind cannot be run again', () => {
  assert.equal(row({ status: 'failed', finished_at: NOW }, { kind: undefined })[3], '');
  assert.equal(row({ status: 'cancelled', finished_at: NOW }, { kind: undefined })[3], '');
});

test('who may only look sees no actions but results', () => {
  assert.equal(row({}, { control: false })[3], '');
  assert.equal(row({ status: 'succeeded', finished_at: NOW }, { control: false })[3], 'Result');
});

test('beside the first action stands a second: what runs can be paused, what waits or rests be cancelled', () => {
  const second = (change, given) => tell(job(change), setting(given)).second.verb;
  assert.equal(second({}), 'pause');
  assert.equal(second({ stalled: true }), 'pause');
  assert.equal(second({ status: 'paused' }), 'cancel');
  assert.equal(second({ status: 'queued', retry_at: NOW }), 'cancel');
  for (const status of ['queued', 'cancelling', 'lost', 'succeeded', 'failed'])
    assert.equal(second({ status }), 'none');
  assert.equal(second({}, { control: false }), 'none');
});

test('what others start again by themselves can only be cancelled while it waits', () => {
  const { action, second } = tell(job({ status: 'queued', retry_at: NOW }), setting({ kind: undefined }));
  assert.deepEqual([action.verb, second.verb], ['cancel', 'none']);
});

test('a time out is told as a sentence, and a type of any name as it is', () => {
  const told = (type, message) => row({ status: 'failed', error: { type, message }, finished_at: NOW })[0];
  assert.equal(told('TimedOut', 'took longer than 60 s'), 'Failed Took longer than 60 s');
  assert.equal(told('constructor', '<b>'), 'Failed constructor: <b>');
  assert.equal(told('__proto__', ''), 'Failed __proto__');
});

test('a paused job stands still: no rate, no estimate, no seconds', () => {
  const paused = { status: 'paused', eta_s: null, pause: { at: at(14, 12), by: null } };
  assert.deepEqual(row(paused)[1], '31,240 / 50,000 rows');
  assert.equal(sinceLines(job(paused), NOW + 60_000)[0], sinceLines(job(paused), NOW)[0]);
});

test('while the hub is lost, times replace what is left', () => {
  assert.equal(row({}, { lost_at: NOW })[2], 'done ≈ 14:34 / as of 14:31:07 / 4 min 12 s elapsed');
});

test('stopping wins over stalled, and waiting to retry over queued', () => {
  assert.equal(
    stateOf(job({ status: 'cancelling', stalled: true, cancel: cancel({ acknowledged_at: 1 }) })),
    'stopping',
  );
  assert.equal(stateOf(job({ status: 'queued', retry_at: 1 })), 'waiting');
  assert.equal(stateOf(job({ status: 'paused', stalled: true })), 'paused');
});

test('watchers are counted from two up', () => {
  assert.equal(meta(job({ viewers: 1 })).eyes, null);
  assert.equal(meta(job({ viewers: 2 })).eyes, 2);
});

test('beside the kind stands the worker, or that there is none, or the attempt that failed', () => {
  const texts = (change) =>
    meta(job(change))
      .texts.map((bit) => bit.text)
      .slice(1);
  assert.deepEqual(texts({}), ['worker-03']);
  assert.deepEqual(texts({ status: 'queued', worker: null }), ['no worker yet']);
  assert.deepEqual(texts({ status: 'lost' }), ['worker-03 lost']);
  assert.deepEqual(texts({ status: 'failed', attempt: 3 }), ['attempt 3 of 3']);
  assert.deepEqual(texts({ status: 'succeeded' }), []);
  assert.deepEqual(texts({ priority: -5 }), ['worker-03', 'priority -5']);
  assert.deepEqual(texts({ priority: 0 }), ['worker-03']);
});

const heard = (change) => plain(spokenProgress(job(change), tell(job(change), setting()), NOW));

test('progress is spoken in whole words', () =>
  assert.equal(
    heard({ phases, phase: 2 }),
    '59 percent. Validate, phase 3 of 4. 31,240 of 50,000 rows. About 3 minutes left.',
  ));

test('a range is spoken as one, bytes by their names, and nothing where nothing is known', () => {
  const wide = { eta_s: 110, eta_low_s: 60, eta_high_s: 180 };
  assert.equal(heard(wide), '59 percent. 31,240 of 50,000 rows. 1 minute to 3 minutes left.');
  const bytes = { done: 1_200_000_000, total: 3_400_000_000, unit: 'bytes', eta_s: null };
  assert.equal(heard(bytes), '59 percent. 1.2 of 3.4 gigabytes.');
  assert.equal(heard({ ...bytes, done: 4_000_000 }), '59 percent. 4 megabytes of 3.4 gigabytes.');
  assert.equal(heard({ fraction: 0.001, done: null, eta_s: null }), 'less than 1 percent.');
});

test('what does not run is spoken of as it stands', () => {
  assert.equal(heard({ status: 'paused' }), 'Paused at 59 percent.');
  assert.equal(heard({ stalled: true, advanced_at: NOW - 45_000 }), 'Stalled at 59 percent. No update for 45 seconds.');
  const stopping = { status: 'cancelling', message: 'Rolling back', cancel: cancel({ acknowledged_at: NOW }) };
  assert.equal(heard(stopping), 'Stopping at 59 percent. Rolling back.');
  assert.equal(heard({ status: 'lost', checkpoint }), 'Worker lost at 59 percent. Resumes from 40 percent.');
  assert.equal(heard({ status: 'failed', checkpoint }), 'Failed at 59 percent. Retry resumes from 40 percent.');
});
