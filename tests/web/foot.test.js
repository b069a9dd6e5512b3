import assert from 'node:assert/strict';
import test from 'node:test';
import { foot } from '../../web/foot.js';
import { job, plain } from './fakes.js';

const kind = { kind: 'import', typical: { runs: 9, p10_s: 360, p50_s: 396, p90_s: 474 } };
const queued = (id, change = {}) => job({ id, status: 'queued', ...change });
const said = (slots_free, ...jobs) =>
  plain(
    foot(
      {
        summary: { slots_free },
        jobs: new Map(jobs.map((one) => [one.id, one])),
        feed: new Set(jobs.map(({ id }) => id)),
      },
      kind,
    ),
  );

test('where nobody waits and a slot is free, it starts at once', () =>
  assert.equal(said(1, job()), 'Usually 6–8 min. A worker is free.'));

test('where no slot is free and nobody waits, nothing is promised', () =>
  assert.equal(said(0, job()), 'Usually 6–8 min.'));

test('those that wait are ahead, and the last of them says when', () => {
  assert.equal(said(0, queued('a'), queued('b')), 'Usually 6–8 min. 2 jobs ahead.');
  const known = [queued('a', { starts_in_s: 60 }), queued('b', { starts_in_s: 240 })];
  assert.equal(said(0, ...known), 'Usually 6–8 min. 2 jobs ahead, the last starts in about 4 min.');
  assert.equal(said(0, known[1]), 'Usually 6–8 min. 1 job ahead, it starts in about 4 min.');
});

test('lower priorities and jobs that wait for their retry are not ahead', () =>
  assert.equal(said(0, queued('a', { priority: -1 }), queued('b', { retry_at: 1 })), 'Usually 6–8 min.'));

test('while a slot is free, only those of the same kind can be in the way', () => {
  assert.equal(said(1, queued('a', { kind: 'other' })), 'Usually 6–8 min. A worker is free.');
  assert.equal(said(1, queued('a')), 'Usually 6–8 min. 1 job ahead.');
});
