import assert from 'node:assert/strict';
import test from 'node:test';
import { Crowd } from '../../web/crowd.js';
import { addressOf, byEnd, hasStatus, isRecent, matches, Places, wishOf } from '../../web/order.js';
import { job, NOW } from './fakes.js';

const ids = (jobs) => jobs.map(({ id }) => id).join(' ');
const started = (id, minutesAgo, change = {}) => job({ id, started_at: NOW - minutesAgo * 60_000, ...change });
const queued = (id, queue_position, change = {}) =>
  job({ id, status: 'queued', queue_position, started_at: null, ...change });

test('the newest start is first, queued jobs are last, by position', () => {
  const jobs = [queued('q2', 2), started('old', 9), queued('q1', 1), started('new', 1)];
  assert.equal(ids(new Places().sort(jobs)), 'new old q1 q2');
});

test('a change of state moves no row', () => {
  const places = new Places();
  places.sort([started('a', 9), started('b', 1)]);
  const changed = [
    started('a', 0, { status: 'queued', attempt: 2, retry_at: NOW }),
    started('b', 1, { status: 'paused' }),
  ];
  assert.equal(ids(places.sort(changed)), 'b a');
});

test('a job that starts leaves the queue', () => {
  const places = new Places();
  assert.equal(ids(places.sort([queued('q', 1), started('a', 1)])), 'a q');
  assert.equal(ids(places.sort([started('q', 0), started('a', 1)])), 'q a');
});

test('equal starts are told apart by id, the later first', () =>
  assert.equal(ids(new Places().sort([started('a', 1), started('b', 1)])), 'b a'));

test('places of jobs that are gone are forgotten', () => {
  const places = new Places();
  places.sort([started('a', 9), started('b', 5)]);
  places.keep((id) => id === 'b');
  assert.equal(ids(places.sort([started('a', 1), started('b', 0)])), 'a b');
});

test('the last to end is first', () => {
  const jobs = [job({ id: 'a', finished_at: 1 }), job({ id: 'b', finished_at: 3 }), job({ id: 'c', finished_at: 3 })];
  assert.equal(ids(byEnd(jobs)), 'c b a');
});

test('what goes on is before what has ended, when it is there for a job under it', () =>
  assert.equal(ids(byEnd([job({ id: 'a', finished_at: 1 }), job({ id: 'b' }), job({ id: 'c' })])), 'c b a'));

test('recent is what ended within a day', () => {
  assert.equal(isRecent(job({ status: 'failed', finished_at: NOW - 86_399_000 }), NOW), true);
  assert.equal(isRecent(job({ status: 'failed', finished_at: NOW - 86_401_000 }), NOW), false);
  assert.equal(isRecent(job(), NOW), false);
});

test('a search finds titles, kinds and tags', () => {
  const one = job({ title: 'Import product catalogue', kind: 'catalog.import', tags: { season: 'winter' } });
  for (const q of ['', 'PRODUCT', 'catalog.', 'winter', 'season:win', ' import '])
    assert.equal(matches(one, q), true, q);
  assert.equal(matches(one, 'summer'), false);
});

test('a filter means what the summary counts', () => {
  assert.equal(hasStatus(job({ status: 'cancelling' }), 'running'), true);
  assert.equal(hasStatus(job({ stalled: true }), 'stalled'), true);
  assert.equal(hasStatus(job(), 'stalled'), false);
  assert.equal(hasStatus(job({ stalled: true }), 'stuck'), true);
  assert.equal(hasStatus(job({ status: 'lost' }), 'stuck'), true);
  assert.equal(hasStatus(job(), 'stuck'), false);
  assert.equal(hasStatus(job({ status: 'failed' }), 'failed'), true);
  assert.equal(hasStatus(job(), ''), true);
});

test('an address and a wish are the same thing', () => {
  for (const wish of [
    { tab: 'active', status: '', q: '' },
    { tab: 'finished', status: 'failed', q: 'a & b' },
    { tab: 'all', status: '', q: 'x' },
  ]) {
    assert.deepEqual(wishOf(new URL(addressOf(wish), 'http://hub').searchParams), wish);
  }
  assert.equal(wishOf(new URLSearchParams('tab=nonsense')).tab, 'active');
});

const quiet = { now: 0, busy: false, isHeld: () => false, isOwn: () => false };
const done = (id) => job({ id, status: 'succeeded', finished_at: NOW });

test('a job that ends is shown where it was for a moment', () => {
  const crowd = new Crowd();
  crowd.admit([job({ id: 'a' })], quiet);
  assert.equal(ids(crowd.admit([done('a')], { ...quiet, now: 1_000 }).present), 'a');
  assert.deepEqual([...crowd.fresh], ['a']);
  assert.equal(ids(crowd.admit([done('a')], { ...quiet, now: 2_499 }).present), 'a');
  assert.equal(ids(crowd.admit([done('a')], { ...quiet, now: 2_500 }).present), '');
});

test('it stays for as long as someone points at it', () => {
  const crowd = new Crowd();
  crowd.admit([job({ id: 'a' })], quiet);
  crowd.admit([done('a')], quiet);
  assert.equal(ids(crowd.admit([done('a')], { ...quiet, now: 60_000, isHeld: () => true }).present), 'a');
});

test('what had ended before is not shown as active', () =>
  assert.equal(ids(new Crowd().admit([done('a')], quiet).present), ''));

test('new jobs wait while someone is in the list, one’s own do not', () => {
  const crowd = new Crowd();
  crowd.admit([job({ id: 'a' })], quiet);
  const all = ['a', 'b', 'mine'].map((id) => job({ id }));
  const { present, waiting } = crowd.admit(all, { ...quiet, busy: true, isOwn: (id) => id === 'mine' });
  assert.deepEqual([ids(present), waiting], ['a mine', 1]);
  crowd.openDoors(all);
  assert.equal(crowd.admit(all, { ...quiet, busy: true }).waiting, 0);
});

test('the first list is shown whole, busy or not', () =>
  assert.equal(new Crowd().admit([job()], { ...quiet, busy: true }).waiting, 0));
