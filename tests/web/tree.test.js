import assert from 'node:assert/strict';
import test from 'node:test';
import { childrenText, Family, familyOf, rowsOf, telling, unfinished } from '../../web/tree.js';
import { job, NOW } from './fakes.js';

const known = (...jobs) => new Family(new Map(jobs.map((one) => [one.id, one])));
const child = (id, change = {}) => job({ id, parent: 'p', created_at: NOW, ...change });
const parent = (change = {}) => job({ id: 'p', created_at: NOW - 1, ...change });
const done = (id, change = {}) => child(id, { status: 'succeeded', finished_at: NOW - 60_000, ...change });
const queued = (id, change = {}) => child(id, { status: 'queued', ...change });
const counts = (change = {}) => ({ total: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, ...change });
const look = (change = {}) => ({
  visible: null,
  isOpen: () => undefined,
  most: () => 20,
  isHeld: () => false,
  now: NOW,
  ...change,
});
const open = { isOpen: () => true };

/** Rows as text: `p`, `  c1`, `  +3`. */
const told = (job, family, change) =>
  rowsOf(job, family, look(change)).map(
    (line) => '  '.repeat(line.depth) + ('job' in line ? line.job.id : `+${line.hidden}`),
  );

const ids = (jobs) => jobs.map(({ id }) => id).join(' ');

test('jobs that another started have no row of their own', () =>
  assert.equal(ids(known(parent(), child('a'), done('b')).roots()), 'p'));

test('a job whose parent is not known has a row while it goes on, and none afterwards', () =>
  assert.equal(ids(known(child('a'), done('b')).roots()), 'a'));

test('rows are closed until somebody opens them', () => {
  const family = known(parent(), child('b', { created_at: NOW + 1 }), child('a'));
  const top = family.jobs.get('p');
  assert.deepEqual(told(top, family), ['p']);
  assert.deepEqual(told(top, family, open), ['p', '  a', '  b']);
  assert.equal(rowsOf(top, family, look())[0].open, false);
  assert.equal(rowsOf(child('a'), family, look())[0].open, null);
});

test('jobs stand under those that started them, however deep', () => {
  const family = known(parent(), child('a'), job({ id: 'x', parent: 'a' }), child('b', { created_at: NOW + 1 }));
  assert.deepEqual(told(family.jobs.get('p'), family, open), ['p', '  a', '    x', '  b']);
  assert.equal(ids(family.ancestors(family.jobs.get('x'))), 'a p');
  assert.equal(family.rootOf(family.jobs.get('x')).id, 'p');
});

test('jobs that started each other hang nothing', () => {
  const family = known(child('a', { parent: 'b' }), child('b', { parent: 'a' }), child('c', { parent: 'c' }));
  assert.deepEqual(family.roots(), []);
  assert.ok(family.ancestors(family.jobs.get('a')).length < 100);
  assert.ok(told(family.jobs.get('c'), family, open).length < 100);
});

test('what a filter finds is shown under its row, which is opened for it', () => {
  const family = known(parent(), child('a'), child('b'), job({ id: 'x', parent: 'b' }));
  const { roots, visible } = family.around([family.jobs.get('x')]);
  assert.equal(ids(roots), 'p');
  assert.deepEqual(told(roots[0], family, { visible }), ['p', '  b', '    x']);
  assert.deepEqual(told(roots[0], family, { visible, isOpen: () => false }), ['p']);
});

test('a row that a filter finds by itself shows all that is under it, once it is opened', () => {
  const family = known(parent(), child('a'), child('b'));
  const { roots, visible } = family.around([family.jobs.get('p')]);
  assert.deepEqual(told(roots[0], family, { visible }), ['p']);
  assert.deepEqual(told(roots[0], family, { visible, ...open }), ['p', '  a', '  b']);
});

test('rows that are not known yet are counted', () => {
  const family = known(parent({ children: counts({ total: 30 }) }), child('a'));
  assert.deepEqual(told(family.jobs.get('p'), family, open), ['p', '  a', '  +29']);
});

test('of many, those that tell most are shown, as they were started', () => {
  const many = [
    done('a'),
    child('b', { status: 'failed', finished_at: 1 }),
    queued('c'),
    child('d'),
    queued('e'),
    done('f'),
  ];
  const shown = (most, change) => ids(telling(many, most, look(change)));
  assert.equal(shown(1), 'd');
  assert.equal(shown(2), 'b d');
  assert.equal(shown(3), 'b c d');
  assert.equal(shown(6), 'a b c d e f');
});

test('a row that somebody points at stays, and takes no other’s place', () => {
  const many = [done('a'), done('b'), child('c'), queued('d')];
  assert.equal(ids(telling(many, 2, look({ isHeld: (id) => id === 'b' }))), 'b c d');
});

test('rows are not held without end', () => {
  const many = Array.from({ length: 150 }, (_, n) => done(`j${String(n).padStart(3, '0')}`));
  assert.equal(telling([...many, child('x')], 1, look({ isHeld: () => true })).length, 100);
});

test('an end is seen before its row is folded away', () => {
  const many = [done('a', { finished_at: NOW - 4_999 }), done('b', { finished_at: NOW - 5_000 }), queued('c')];
  assert.equal(ids(telling(many, 1, look())), 'a');
});

test('what waits to be tried again tells more than what waits for the first time', () => {
  const many = [queued('a'), queued('b', { attempt: 2, retry_at: NOW })];
  assert.equal(ids(telling(many, 1, look())), 'b');
});

test('a family is made once for each state', () => {
  const jobs = new Map([['p', parent()]]);
  assert.equal(familyOf(jobs), familyOf(jobs));
  assert.notEqual(familyOf(jobs), familyOf(new Map(jobs)));
});

test('how the jobs of one stand is told in a few words', () => {
  assert.equal(childrenText(counts({ total: 100, succeeded: 37, failed: 2, running: 61 })), '37 of 100 done, 2 failed');
  assert.equal(childrenText(counts({ total: 12_000, cancelled: 1 })), '0 of 12,000 done, 1 cancelled');
  assert.equal(unfinished(parent({ children: counts({ total: 9, succeeded: 3, failed: 2, cancelled: 1 }) })), 3);
  assert.equal(unfinished(parent()), 0);
});
