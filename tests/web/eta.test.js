import assert from 'node:assert/strict';
import test from 'node:test';
import { elapsed, estimate, hold, lastKnown, usually } from '../../web/eta.js';
import { job, NOW, plain } from './fakes.js';

const typical = (runs = 12) => ({ runs, p10_s: 360, p50_s: 396, p90_s: 474 });
const said = (change, now = NOW) => {
  const { main, sub } = estimate(job(change), now);
  return [plain(main), plain(sub)];
};

test('a narrow estimate is one figure and a time', () =>
  assert.deepEqual(said({}), ['about 3 min left', 'done ≈ 14:34']));

test('a wide estimate is a range', () =>
  assert.deepEqual(said({ eta_s: 110, eta_low_s: 60, eta_high_s: 180 }), ['1–3 min left', 'done 14:32–14:34']));

test('a range whose ends round to the same step is one figure', () =>
  assert.deepEqual(said({ eta_s: 60, eta_low_s: 55, eta_high_s: 88 }), ['about 1 min left', 'done ≈ 14:32']));

test('an estimate that is worth nothing gives way to what is usual', () => {
  const wide = { eta_s: 100, eta_low_s: 10, eta_high_s: 300 };
  assert.deepEqual(said(wide), ['', '']);
  assert.deepEqual(said({ ...wide, typical: typical() }), ['usually 6–8 min', '']);
});

test('nothing is said in the first ten seconds without a history', () =>
  assert.deepEqual(said({ elapsed_s: 4 }), ['', '']));

test('a history of five runs speaks in the first ten seconds, one of three does not', () => {
  assert.deepEqual(said({ elapsed_s: 4, typical: typical(5) }), ['usually 6–8 min', '']);
  assert.deepEqual(said({ elapsed_s: 4, typical: typical(3) }), ['', '']);
});

test('nothing is said before five frames without a history', () => {
  assert.deepEqual(said({ frames: 4 }), ['', '']);
  assert.deepEqual(said({ frames: 4, typical: typical(5) }), ['usually 6–8 min', '']);
  assert.deepEqual(said({ frames: 5 }), ['about 3 min left', 'done ≈ 14:34']);
});

test('past the slowest of earlier runs it is longer than usual', () => {
  const late = { elapsed_s: 500, typical: typical(), eta_s: 100, eta_low_s: 50, eta_high_s: 150 };
  assert.deepEqual(said(late), ['longer than usual', 'usually 6–8 min']);
  assert.deepEqual(said({ ...late, eta_low_s: 90, eta_high_s: 110 }), ['about 2 min left', 'done ≈ 14:32']);
});

test('without an estimate the usual time is all there is', () => {
  assert.deepEqual(said({ eta_s: null }), ['', '']);
  assert.deepEqual(said({ eta_s: null, typical: typical() }), ['usually 6–8 min', '']);
});

test('the last seconds have no clock', () => {
  const soon = (eta_s) => said({ eta_s, eta_low_s: eta_s, eta_high_s: eta_s });
  assert.deepEqual(soon(5), ['a few seconds left', '']);
  assert.deepEqual(soon(40), ['about 40 s left', '']);
  assert.deepEqual(soon(50), ['about 50 s left', 'done ≈ 14:31']);
});

test('beyond a day only the clock is shown', () => {
  const days = 2 * 86_400;
  assert.deepEqual(said({ eta_s: days, eta_low_s: days, eta_high_s: days }), ['done ≈ Tue 14:31', '']);
});

test('an estimate counts down between two messages', () =>
  assert.deepEqual(said({}, NOW + 60_000), ['about 2 min left', 'done ≈ 14:34']));

test('elapsed time ticks while a job runs and stands while it is paused', () => {
  assert.equal(elapsed(job(), NOW + 5_000), 257);
  assert.equal(elapsed(job({ status: 'paused' }), NOW + 5_000), 252);
});

test('what is left becomes a time when the hub is lost', () => {
  const known = estimate(job(), NOW);
  assert.deepEqual(lastKnown(known, NOW).main, 'done ≈ 14:34');
  assert.equal(lastKnown(known, NOW).sub, 'as of 14:31:07');
  const soon = estimate(job({ eta_s: 20, eta_low_s: 20, eta_high_s: 20 }), NOW);
  assert.equal(lastKnown(soon, NOW).main, 'done ≈ 14:31');
});

test('what is usual stays when the hub is lost', () => {
  const known = { main: 'usually 6–8 min', sub: '', left_s: null };
  assert.equal(lastKnown(known, NOW), known);
});

test('no history says nothing', () => assert.equal(usually(null), ''));

const eta = (left_s, main = `${left_s}`) => ({ main, sub: '', left_s });

test('a better estimate shows after three seconds', () => {
  let held = hold(null, eta(180), 0);
  held = hold(held, eta(120), 1_000);
  assert.equal(held.shown.main, '180');
  held = hold(held, eta(120), 3_900);
  assert.equal(held.shown.main, '180');
  assert.equal(hold(held, eta(120), 4_000).shown.main, '120');
});

test('a worse estimate shows after five seconds and only when a fifth worse', () => {
  let held = hold(hold(null, eta(180), 0), eta(240), 0);
  assert.equal(hold(held, eta(240), 4_900).shown.main, '180');
  assert.equal(hold(held, eta(240), 5_000).shown.main, '240');
  held = hold(hold(null, eta(600), 0), eta(660), 0);
  assert.equal(hold(held, eta(660), 60_000).shown.main, '600');
});

test('an estimate that flickers never shows', () => {
  let held = hold(null, eta(180), 0);
  for (let time = 0; time < 20_000; time += 1_000) held = hold(held, eta(time % 2_000 ? 120 : 60), time);
  assert.equal(held.shown.main, '180');
});

test('what is no estimate shows at once', () => {
  const held = hold(null, eta(180), 0);
  assert.equal(hold(held, eta(null, 'no estimate'), 10).shown.main, 'no estimate');
});
