import assert from 'node:assert/strict';
import test from 'node:test';
import { emptySamples, keep, longest, watch } from '../../web/samples.js';
import { job, NOW } from './fakes.js';

const sample = (at, fraction, change = {}) => ({
  at,
  phase: null,
  done: fraction * 100,
  total: 100,
  fraction,
  rate: 1,
  ...change,
});
/** The page looks at the job every second. */
const watched = (samples, seconds, from = NOW, change = {}) =>
  Array.from({ length: seconds }, (_, index) => index).reduce(
    (sum, second) => watch(sum, job({ fraction: second / 100, ...change }), from + second * 1000),
    samples,
  );
const seconds = ({ points }) => points.map((point) => (point.at - NOW) / 1000);
const holes = ({ points }) => points.filter((point) => point.hole).map((point) => (point.at - NOW) / 1000);

test('a job that is watched gives a point a second, however often it is looked at', () => {
  const often = [0, 50, 400, 999, 1000, 1500].reduce((sum, ms) => watch(sum, job(), NOW + ms), emptySamples());
  assert.deepEqual(
    often.points.map((point) => point.at - NOW),
    [0, 1000],
  );
});

test('another attempt gives a point at once', () => {
  const both = watch(watch(emptySamples(), job(), NOW), job({ attempt: 2, fraction: 0.4 }), NOW + 10);
  assert.deepEqual(
    both.points.map((point) => [point.attempt, point.fraction]),
    [
      [1, 0.595],
      [2, 0.4],
    ],
  );
});

test('a job that waits or has ended gives none', () => {
  assert.deepEqual(watch(emptySamples(), job({ started_at: null }), NOW).points, []);
  assert.deepEqual(watch(emptySamples(), job({ finished_at: NOW }), NOW).points, []);
});

test('what the hub kept comes first, what the page saw since comes behind', () => {
  const samples = keep(watched(emptySamples(), 3), [sample(NOW - 2000, 0.1), sample(NOW + 500, 0.2)]);
  assert.deepEqual(seconds(samples), [-2, 0.5, 1, 2]);
  assert.deepEqual(holes(samples), []);
  assert.equal(samples.missing, false);
});

test('until the hub was asked, something may be missing', () => {
  assert.equal(emptySamples().missing, true);
  assert.equal(watched(emptySamples(), 3).missing, true);
  assert.equal(watched(keep(emptySamples(), []), 1).missing, true, 'nobody had looked before');
});

test('who does not look for a while marks a hole, and may ask the hub for what was in it', () => {
  const before = keep(watched(emptySamples(), 3), [sample(NOW - 1000, 0.1)]);
  assert.equal(before.missing, false);
  const back = watch(before, job({ fraction: 0.5 }), NOW + 60_000);
  assert.equal(back.missing, true);
  assert.deepEqual(holes(back), [60]);
  const healed = keep(
    back,
    Array.from({ length: 58 }, (_, index) => sample(NOW + index * 1000, index / 100)),
  );
  assert.deepEqual(holes(healed), []);
  assert.deepEqual(seconds(healed).slice(-2), [57, 60]);
});

test('what the hub did not keep stays a hole', () => {
  const kept = [0, 1, 2, 3, 40, 41].map((second) => sample(NOW + second * 1000, second / 100));
  assert.deepEqual(holes(keep(emptySamples(), kept)), [40]);
  const later = keep(watched(emptySamples(), 1, NOW + 90_000), kept);
  assert.deepEqual(holes(later), [40, 90]);
});

test('where points are usually far apart, that is no hole', () => {
  const slow = [0, 60, 120, 180, 460, 1000].map((second) => ({ at: NOW + second * 1000 }));
  assert.equal(longest(slow), 300_000);
  assert.equal(longest([]), 10_000);
});

test('a page that is open for days keeps a bounded number of points, over the whole time', () => {
  const samples = watched(emptySamples(), 5000);
  assert.ok(samples.points.length <= 1000, String(samples.points.length));
  assert.equal(seconds(samples)[0], 0);
  assert.equal(seconds(samples).at(-1), 4999);
});
