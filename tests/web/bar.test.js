import assert from 'node:assert/strict';
import test from 'node:test';
import { bar, weights } from '../../web/bar.js';
import { segmentLabels } from '../../web/segments.js';
import { cancel, job, NOW } from './fakes.js';

const phase = (name, weight, change = {}) => ({
  name,
  weight,
  done: 0,
  total: null,
  unit: null,
  started_at: null,
  finished_at: null,
  typical: null,
  ...change,
});
const four = [
  phase('Download', 0.1, { finished_at: NOW }),
  phase('Parse', 0.1, { finished_at: NOW }),
  phase('Validate', 0.6),
  phase('Write', 0.2),
];
const filled = (change) => bar(job(change)).segments.map((segment) => Math.round(segment.filled));

test('a bar without phases is one segment', () => assert.deepEqual(filled({ fraction: 0.5 }), [50]));

test('the whole is spread over the phases by their weight', () =>
  assert.deepEqual(filled({ phases: four, phase: 2, fraction: 0.5 }), [100, 100, 50, 0]));

test('phases without history are equal', () => {
  assert.deepEqual(weights(job({ phases: [phase('a', null), phase('b', 0.3)] })), [0.5, 0.5]);
  assert.deepEqual(weights(job({ phases: [phase('a', 2), phase('b', 6)] })), [0.25, 0.75]);
});

test('phases that weigh nothing do no harm', () =>
  assert.deepEqual(filled({ phases: [phase('a', 0), phase('b', 0)], phase: 0, fraction: 0.5 }), [0, 0]));

test('bar and text show the same value', () => {
  for (const fraction of [0, 0.004, 0.29, 0.5999, 0.995, 1]) {
    const { percent, segments } = bar(job({ fraction }));
    assert.equal(percent, Math.min(99, Math.floor(fraction * 100 + 1e-9)));
    assert.equal(segments[0].filled, fraction * 100);
  }
});

test('only what is done is at 100', () => {
  assert.equal(bar(job({ fraction: 1 })).percent, 99);
  assert.equal(bar(job({ fraction: 1, status: 'succeeded' })).percent, 100);
});

test('looks follow the state', () => {
  const look = (change) => bar(job(change)).look;
  assert.equal(look({}), '');
  assert.equal(look({ stalled: true }), 'warn');
  assert.equal(look({ status: 'paused' }), 'idle');
  assert.equal(look({ status: 'queued' }), 'none');
  assert.equal(look({ status: 'cancelling', cancel: cancel() }), '');
  assert.equal(look({ status: 'cancelling', cancel: cancel({ acknowledged_at: 1 }) }), 'undo');
  assert.equal(look({ status: 'succeeded' }), 'ok');
  assert.equal(look({ fraction: null }), 'any');
  assert.equal(look({ fraction: null, stalled: true }), 'warn');
});

test('an unknown whole has no percent, and moves in the phase that it is in', () => {
  const { percent, segments } = bar(job({ fraction: null, phases: four, phase: 2 }));
  assert.equal(percent, null);
  assert.deepEqual(
    segments.map(({ moving, filled: part }) => [moving, part]),
    [
      [false, 100],
      [false, 100],
      [true, 0],
      [false, 0],
    ],
  );
});

test('a queued bar is one dotted line, whatever its phases', () => {
  const { segments, percent } = bar(job({ status: 'queued', phases: four, fraction: 0 }));
  assert.deepEqual([segments.length, percent], [1, null]);
});

test('work that will be repeated stands after the checkpoint', () => {
  const { segments, tick, lostWork } = bar(
    job({ status: 'lost', fraction: 0.46, checkpoint: { at: 1, done: 1, fraction: 0.4 } }),
  );
  assert.deepEqual(segments[0].again, { from: 40, to: 46 });
  assert.deepEqual([tick, lostWork], [40, false]);
});

test('work that a failure lost is red, without a checkpoint all of it', () => {
  const { segments, tick, lostWork } = bar(job({ status: 'failed', fraction: 0.6 }));
  assert.deepEqual(segments[0].again, { from: 0, to: 60 });
  assert.deepEqual([tick, lostWork], [null, true]);
});

test('lost work ends in the phase that it was in', () => {
  const { segments } = bar(
    job({ status: 'failed', phases: four, phase: 2, fraction: 0.5, checkpoint: { at: 1, done: 1, fraction: 0.35 } }),
  );
  assert.deepEqual(
    segments.map(({ again }) => again && [Math.round(again.from), Math.round(again.to)]),
    [null, null, [25, 50], null],
  );
});

test('errors are the red end of what is filled', () => {
  const { segments } = bar(job({ fraction: 0.5, done: 50, total: 100, counters: { errors: 2 } }));
  assert.deepEqual(segments[0].errors, { from: 48, to: 50 });
  assert.equal(bar(job({ counters: { errors: 0 } })).segments[0].errors, null);
});

const labels = (sizes, phase, change = {}) =>
  segmentLabels(
    job({
      phases: sizes.map((weight, index) => ({ ...four[0], name: `Phase ${index}`, weight, finished_at: null })),
      phase,
      ...change,
    }),
  ).map(({ text, place }) => (place === 'none' ? '' : `${text}${place === 'end' ? ' |' : ''}`));

test('the current phase is named with its own percent', () =>
  assert.deepEqual(labels([0.2, 0.6, 0.2], 1), ['Phase 0', 'Phase 1, 62%', 'Phase 2']));

test('names that do not fit are left out, but for the current one', () =>
  assert.deepEqual(labels([0.02, 0.02, 0.46, 0.5], 1), ['', 'Phase 1, 62%', '', 'Phase 3']));

test('a current name at the end of the bar ends there', () =>
  assert.deepEqual(labels([0.5, 0.46, 0.04], 2), ['Phase 0', '', 'Phase 2, 62% |']));

test('before a phase has started none is current', () =>
  assert.deepEqual(labels([0.5, 0.5], null), ['Phase 0', 'Phase 1']));

test('what waits to go on from its checkpoint shows what is to be done again', () => {
  const waiting = { status: 'queued', retry_at: NOW, fraction: 0.4, checkpoint: { at: NOW, done: 4, fraction: 0.4 } };
  for (const before of [{ reached: 0.46 }, { attempts: [{ attempt: 1, outcome: 'lost', fraction: 0.46 }] }]) {
    const { segments, tick, percent } = bar(job({ ...waiting, ...before }));
    assert.deepEqual([segments[0].filled, segments[0].again, tick, percent], [40, { from: 40, to: 46 }, 40, 46]);
  }
  assert.equal(bar(job(waiting)).segments[0].again, null);
  assert.equal(bar(job({ ...waiting, retry_at: null, status: 'running', reached: 0.46 })).percent, 40);
});
