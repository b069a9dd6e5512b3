import assert from 'node:assert/strict';
import test from 'node:test';
import * as words from '../../web/words.js';
import { at, NOW, plain } from './fakes.js';

const table = (name, call, cases) => {
  for (const [given, expected] of cases)
    test(`${name}(${JSON.stringify(given)}) is ${expected}`, () =>
      assert.equal(plain(call(...[given].flat())), expected));
};

table('percent', words.percent, [
  [0.595, '59%'],
  [0.599999, '59%'],
  [0.29, '29%'],
  [0.004, '<1%'],
  [0, '<1%'],
  [0.01, '1%'],
  [1, '99%'],
  [[1, true], '100%'],
  [1.7, '99%'],
  [[0.5, true], '100%'],
]);

table('counts', words.counts, [
  [[31_240, 50_000, 'rows'], '31,240 / 50,000 rows'],
  [[8_214, null, 'pages'], '8,214 pages'],
  [[12, 34, null], '12 / 34'],
  [[9_999_999, 9_999_999, 'rows'], '9,999,999 / 9,999,999 rows'],
  [[12_400_000, 50_000_000, 'rows'], '12.4M / 50M rows'],
  [[1_200_000_000, 3_400_000_000, 'bytes'], '1.2 / 3.4 GB'],
  [[120_000_000_000, 340_000_000_000, 'bytes'], '120 / 340 GB'],
  [[99_000_000, 340_000_000_000, 'bytes'], '0.1 / 340 GB'],
  [[4_000_000, 3_400_000_000, 'bytes'], '4.0 MB / 3.4 GB'],
  [[0, 3_400_000_000, 'bytes'], '0 B / 3.4 GB'],
  [[0, 340, 'bytes'], '0 / 340 B'],
  [[512, null, 'bytes'], '512 B'],
  [[48_210_000, null, 'bytes'], '48.2 MB'],
]);

table('rate', words.rate, [
  [[186.2, 'rows'], '186 rows/s'],
  [[15_102.4, 'rows'], '15,100 rows/s'],
  [[1.234, 'rows'], '1.23 rows/s'],
  [[0.5, 'rows'], '30 rows/min'],
  [[0.01, 'rows'], '36 rows/h'],
  [[38_000_000, 'bytes'], '38 MB/s'],
  [[0.3, 'bytes'], '0.3 B/s'],
  [[2, null], '2/s'],
]);

table('duration', words.duration, [
  [0, '0 s'],
  [34.9, '34 s'],
  [60, '1 min 00 s'],
  [252, '4 min 12 s'],
  [3 * 3600 + 5 * 60 + 59, '3 h 05 min'],
  [2 * 86_400 + 4 * 3600 + 1, '2 d 4 h'],
  [-5, '0 s'],
]);

table('roughly', words.roughly, [
  [45.9, '45 s'],
  [1_147, '19 min'],
  [3 * 3600 + 5 * 60 + 59, '3 h 05 min'],
]);

table('plural', (count) => words.plural(count, 'job'), [
  [1, '1 job'],
  [0, '0 jobs'],
  [1_204, '1,204 jobs'],
]);

table('percentSpoken', words.percentSpoken, [
  [0.595, '59 percent'],
  [0.004, 'less than 1 percent'],
  [[1, true], '100 percent'],
]);

test('a name that turns its direction is kept apart, another is not touched', () => {
  assert.equal(words.isolated('worker-03'), 'worker-03');
  assert.equal(words.isolated('עובד 3'), '\u2068עובד 3\u2069');
  assert.equal(words.isolated('a\u202eb'), '\u2068a\u202eb\u2069');
});

table('brief', words.brief, [
  [0.4, '0.4 s'],
  [9.9, '9.9 s'],
  [12, '12 s'],
]);

table('clock', (when) => words.clock(when, NOW), [
  [at(14, 34), '14:34'],
  [at(2, 10, 0, 23), 'tomorrow 02:10'],
  [at(13, 58, 0, 21), 'yesterday 13:58'],
  [at(9, 0, 0, 24), 'Tue 09:00'],
  [at(9, 0, 0, 28), 'Sat 09:00'],
  [at(9, 0, 0, 29), '29 Nov 09:00'],
]);

test('seconds of a clock are shown', () => assert.equal(words.clockSeconds(NOW), '14:31:07'));

const left = (seconds) => words.about(words.step(seconds));
table('what is left', left, [
  [14, '10 s'],
  [15, '20 s'],
  [50, '50 s'],
  [51, '1 min'],
  [90, '1 min'],
  [91, '2 min'],
  [180, '3 min'],
  [600, '10 min'],
  [601, '10 min'],
  [1_320, '20 min'],
  [1_400, '25 min'],
  [3_600, '1 h 00 min'.replace(' 00 min', '')],
  [4_700, '1 h 20 min'],
  [21_600, '6 h'],
  [30_000, '8 h'],
]);

test('less than ten seconds have no figure', () => assert.equal(words.step(9.9), 0));

table('range', words.range, [
  [[70, 190], '1–3 min'],
  [[150, 200], '3 min'],
  [[30, 140], '30 s – 2 min'],
  [[3_000, 5_000], '50 min – 1 h 20 min'],
  [[30, 45], '30–50 s'],
]);

table('what is usual', (low, high) => words.range(low, high, words.usualStep), [
  [[360, 474], '6–8 min'],
  [[720, 1_200], '12–20 min'],
  [[30, 45], '30–45 s'],
  [[0.2, 3.4], '1–3 s'],
  [[57, 70], '55 s – 1 min'],
  [[0, 0], '1 s'],
]);

table('spoken', words.spoken, [
  [60, '1 minute'],
  [180, '3 minutes'],
  [40, '40 seconds'],
  [7_200, '2 hours'],
]);
table('label', words.label, [
  ['orders_written', 'Orders written'],
  ['ok', 'Ok'],
]);
table('size', words.size, [
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [2e15, '2.0 PB'],
  [5e18, '5,000 PB'],
]);
