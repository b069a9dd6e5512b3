import assert from 'node:assert/strict';
import test from 'node:test';
import { estimate } from '../../web/eta.js';
import { emptySamples, keep, watch } from '../../web/samples.js';
import { due, timeline } from '../../web/timeline.js';
import { cancel, job, NOW, plain } from './fakes.js';

const S = 1000;
const START = NOW - 252 * S;
const typical = (p10_s, p50_s, p90_s) => ({ runs: 12, p10_s, p50_s, p90_s });
const phase = (name, weight, from_s, to_s, usual, unit = null) => ({
  ...{ name, weight, done: 0, total: null, unit, typical: usual },
  started_at: from_s === null ? null : START + from_s * S,
  finished_at: to_s === null ? null : START + to_s * S,
});
const FOUR = [
  phase('Download', 0.1, 0, 38, typical(30, 38, 45), 'MB'),
  phase('Parse', 0.1, 38, 84, typical(40, 45, 50)),
  phase('Validate', 0.6, 84, null, typical(180, 230, 300), 'rows'),
  phase('Write', 0.2, null, null, typical(55, 60, 70), 'rows'),
];
const phased = { phases: FOUR, phase: 2, done: 50, total: 100, fraction: 0.5 };
const sample = (second, fraction, change = {}) => ({
  ...{ at: START + second * S, phase: null, done: 0, total: 50_000, fraction, rate: 100 },
  ...change,
});
const every = (step, until, make) => Array.from({ length: until / step }, (_, index) => make(index * step + step));
const steady = every(5, 250, (second) => sample(second, (0.595 * second) / 252));

/** What is drawn, with samples as the hub kept them. */
function drawn(change = {}, kept = steady, { now = NOW, lost_at = null, width_px = 460 } = {}) {
  const seen = job(change);
  const samples = keep(emptySamples(), kept);
  const setting = { now, lost_at, kind: undefined, control: true };
  return timeline(seen, samples, setting, { width_px, eta: estimate(seen, now) });
}
const spots = (d) =>
  d
    .split(/[ML]/)
    .filter(Boolean)
    .map((spot) => spot.replace('Z', '').split(' ').map(Number));
const lines = (d) =>
  d
    .split('M')
    .filter(Boolean)
    .map((line) => spots(`M${line}`));
const round = (span) => span && [Math.round(span.from), Math.round(span.to)];

// ---- axis

test('the axis goes to the late end of the estimate, the heading to the likely one', () => {
  const { heading, now, progress } = drawn();
  assert.equal(heading, '14:26:55 to about 14:34');
  assert.equal(Math.round(now), Math.round((252 / (252 + 220)) * 100));
  assert.equal(Math.round(progress.ring), Math.round(((252 + 180) / (252 + 220)) * 100));
});

test('the heading tells a time where the estimate does', () => {
  const heading = (eta_s) => drawn({ eta_s, eta_low_s: eta_s * 0.9, eta_high_s: eta_s * 1.1 }).heading;
  assert.equal(heading(20), '14:26:55 to now');
  assert.equal(heading(2 * 86_400), '14:26:55 to about Tue 14:31');
  assert.equal(drawn({ eta_low_s: 120, eta_high_s: 270 }).heading, '14:26:55 to 14:33–14:35');
});

test('without an estimate there is a tenth right of now', () => {
  const { heading, now, progress } = drawn({ eta_s: null });
  assert.equal(heading, '14:26:55 to now');
  assert.equal(Math.round(now * 1.1), 100);
  assert.equal(progress.ring, null);
});

test('after the end the axis is that of the job, without now', () => {
  const over = { status: 'succeeded', finished_at: NOW, eta_s: null, fraction: 1 };
  const { heading, now, ended, progress } = drawn(over, steady, { now: NOW + 3_600_000 });
  assert.equal(heading, '14:26:55 to 14:31:07');
  assert.deepEqual([now, ended], [100, true]);
  assert.deepEqual(spots(progress.line).at(-1), [100, 0]);
});

test('a job that waits has nothing to draw', () => {
  assert.equal(drawn({ status: 'queued', started_at: null, fraction: null }, []), null);
  assert.equal(drawn({ fraction: null, total: null, rate: null }, []), null);
});

test('only the clock of the hub counts', () => {
  const shift = 3_600_000;
  const later = { started_at: START + shift, seen_at: NOW + shift };
  const kept = steady.map((point) => ({ ...point, at: point.at + shift }));
  const moved = drawn(later, kept, { now: NOW + shift });
  assert.equal(moved.heading, '15:26:55 to about 15:34');
  assert.equal(moved.progress.line, drawn().progress.line);
});

// ---- phases

test('a phase is past, current or expected, each where it belongs', () => {
  const { rows } = drawn(phased);
  const scale = 100 / (252 + 220);
  assert.deepEqual(
    rows.map((row) => [row.state, row.current, round(row.span)]),
    [
      ['Done', false, [0, Math.round(38 * scale)]],
      ['Done', false, [Math.round(38 * scale), Math.round(84 * scale)]],
      ['Running', true, [Math.round(84 * scale), Math.round(252 * scale)]],
      ['Not started', false, null],
    ],
  );
  assert.deepEqual(round(rows[2].expected), [Math.round(252 * scale), Math.round((252 + 120) * scale)]);
  assert.deepEqual(round(rows[3].expected), [Math.round((252 + 120) * scale), Math.round((252 + 180) * scale)]);
});

test('beside a phase stands what it took and what it usually takes', () =>
  assert.deepEqual(
    drawn(phased).rows.map((row) => [plain(row.took), plain(row.usual)]),
    [
      ['38 s', '30–45 s'],
      ['46 s', '40–50 s'],
      ['2 min 48 s', '3–5 min'],
      ['not yet', '55 s – 1 min'],
    ],
  ));

test('without an estimate phases are expected as they usually go', () => {
  const early = { ...phased, eta_s: null, elapsed_s: 252 };
  const { rows, progress } = drawn(early);
  const scale = 100 / (252 + 62 + 60); // of 230 s that it usually takes, 168 are over
  assert.deepEqual(round(rows[3].expected), [Math.round((252 + 62) * scale), 100]);
  assert.deepEqual([progress.cone, progress.median], ['', '']);
});

test('where later phases usually take longer than all that is left, it is spread by their weight', () => {
  const [, , , write] = drawn({ ...phased, eta_s: 50, eta_low_s: 45, eta_high_s: 55 }).rows;
  const scale = 100 / (252 + 55);
  assert.deepEqual(round(write.expected), [Math.round((252 + 30) * scale), Math.round((252 + 50) * scale)]);
});

test('a phase that an earlier attempt did has no time in this one', () => {
  const [first] = drawn({ ...phased, phases: [{ ...FOUR[0], started_at: null }, ...FOUR.slice(1)] }).rows;
  assert.deepEqual([first.span, first.state, first.took], [null, 'Done', 'earlier']);
});

test('of a job that ended nothing is expected, and what did not start was not run', () => {
  const { rows } = drawn({ ...phased, status: 'failed', finished_at: NOW });
  assert.deepEqual(
    rows.map((row) => [row.icon, row.current, row.expected]),
    [
      ['done', false, null],
      ['done', false, null],
      ['failed', false, null],
      ['queued', false, null],
    ],
  );
  assert.equal(rows[3].took, 'not run');
});

test('a job without phases has no rows', () => assert.deepEqual(drawn().rows, []));

// ---- progress

test('the line begins at nothing and ends at what the percent says', () => {
  const all = spots(drawn().progress.line);
  assert.deepEqual(all[0], [0, 100]);
  assert.deepEqual(all.at(-1), [53.39, 40.5]);
});

test('the cone goes from now to both ends of the estimate, the dashed line to the likely one', () => {
  const { cone, median, text, more } = drawn().progress;
  const x = (seconds) => Math.round(((252 + seconds) / (252 + 220)) * 10_000) / 100;
  assert.deepEqual(spots(cone), [
    [x(0), 40.5],
    [x(150), 0],
    [x(220), 0],
    [x(0), 40.5],
  ]);
  assert.deepEqual(spots(median), [
    [x(0), 40.5],
    [x(180), 0],
  ]);
  assert.deepEqual([text, more], ['done ≈ 14:34', 'most likely between 14:33 and 14:34']);
});

test('with a history it is said of how many runs', () => {
  const known = { typical: typical(360, 396, 474), eta_low_s: 150, eta_high_s: 235 };
  const { more, spoken } = drawn(known).progress;
  assert.equal(more, '8 of 10 similar runs would end between 14:33 and 14:35');
  const end = 'expected to reach 100 percent between 14:33 and 14:35, most likely 14:34.';
  assert.equal(spoken, `Progress over time: 59 percent at 14:31, ${end}`);
});

test('the cone bends where a phase is expected to end', () => {
  const { median } = drawn(phased).progress;
  const [, bend] = spots(median);
  assert.deepEqual(bend.map(Math.round), [Math.round(((252 + 120) / (252 + 220)) * 100), 20]);
});

test('an estimate that may not be told is not drawn', () => {
  const wide = drawn({ eta_s: 100, eta_low_s: 10, eta_high_s: 300 }).progress;
  assert.deepEqual([wide.cone, wide.median, wide.ring, wide.text, wide.more], ['', '', null, '', '']);
});

test('nothing is expected of work that does not go on, or is not heard', () => {
  const still = [
    { status: 'paused', pause: { at: NOW, by: 'Ada' } },
    { stalled: true },
    { status: 'cancelling', cancel: cancel() },
    { status: 'cancelling', cancel: cancel({ acknowledged_at: NOW }) },
    { status: 'lost' },
    { status: 'failed', finished_at: NOW },
  ].map((change) => drawn(change));
  for (const { progress } of [...still, drawn({}, steady, { lost_at: NOW })])
    assert.deepEqual([progress.cone, progress.median, progress.ring], ['', '', null]);
  assert.deepEqual(
    still.map(({ tone }) => tone),
    ['idle', 'warn', '', 'idle', 'idle', 'idle'],
  );
  assert.equal(drawn({}, steady, { lost_at: NOW }).tone, 'idle');
});

test('what the hub did not keep is a straight dashed piece', () => {
  const kept = steady.filter(({ at }) => at < START + 60 * S || at > START + 120 * S);
  const { line, guess } = drawn({}, kept).progress;
  assert.equal(lines(line).length, 2);
  assert.deepEqual(lines(guess), [[lines(line)[0].at(-1), lines(line)[1][0]]]);
});

test('where both ends of a hole are the same, nothing moved in it', () => {
  const kept = [...every(1, 60, (second) => sample(second, 0.3)), sample(200, 0.3), sample(251, 0.595)];
  const { line, guess } = drawn({}, kept).progress;
  assert.deepEqual(lines(line)[0].at(-1).map(Math.round), [Math.round((200 / 472) * 100), 70]);
  assert.equal(lines(guess).length, 1);
});

test('all is a guess as long as no history is known', () => {
  const { line, guess } = drawn({}, []).progress;
  assert.deepEqual(
    lines(guess).map((piece) => piece[0]),
    [[0, 100]],
  );
  assert.equal(
    lines(line).every((piece) => piece.length === 1),
    true,
  );
});

test('what was before the first point is a guess, if that came late', () => {
  const { guess } = drawn({}, steady.slice(20)).progress;
  assert.deepEqual(lines(guess)[0][0], [0, 100]);
  assert.equal(drawn({}, steady).progress.guess, '');
});

test('a point that was heard late does not make the line fall', () => {
  const late = [...steady.slice(0, 20), sample(102, 0.01), ...steady.slice(20)];
  const { line, resets } = drawn({}, late).progress;
  const heights = spots(line).map(([, y]) => y);
  assert.deepEqual(
    heights,
    heights.toSorted((a, b) => b - a),
  );
  assert.deepEqual(resets, []);
});

test('a total that grew is a reset, and labelled', () => {
  const grown = steady.map((point) =>
    point.at < START + 100 * S ? point : { ...point, total: 90_000, fraction: point.fraction - 0.2 },
  );
  const { line, resets } = drawn({ total: 90_000, fraction: 0.395 }, grown).progress;
  assert.equal(lines(line).length, 2);
  assert.deepEqual(
    resets.map(({ text }) => text),
    ['total grew'],
  );
});

const again = {
  attempt: 2,
  started_at: START + 160 * S,
  attempts: [
    { attempt: 1, outcome: 'failed', fraction: 0.35, started_at: START, finished_at: START + 150 * S, error: null },
  ],
};

test('another attempt is a reset, and labelled', () => {
  const kept = steady.map((point) =>
    point.at < START + 155 * S ? point : { ...point, fraction: point.fraction - 0.1 },
  );
  const { heading, progress } = drawn({ ...again, fraction: 0.495 }, kept);
  assert.equal(heading.slice(0, 8), '14:26:55');
  assert.equal(lines(progress.line).length, 2);
  assert.deepEqual(
    progress.resets.map(({ x, text }) => [Math.round(x), text]),
    [[Math.round((160 / 472) * 100), 'attempt 2']],
  );
});

test('resets that are near each other have one label', () => {
  const runs = every(10, 200, (second) => ({
    ...{ attempt: second / 10, outcome: 'failed', fraction: 0.1, error: null },
    ...{ started_at: START + (second - 10) * S, finished_at: START + second * S },
  }));
  const { progress } = drawn({ attempt: 21, started_at: START + 200 * S, attempts: runs }, steady);
  assert.equal(progress.resets.length, 20);
  const told = progress.resets.filter(({ text }) => text);
  assert.ok(told.length >= 2 && told.length <= 5, String(told.length));
});

test('an attempt long after the one before stands alone', () => {
  const [first] = again.attempts;
  const long = { ...first, started_at: START - 86_400_000, finished_at: START - 86_000_000 };
  assert.equal(drawn({ ...again, started_at: START, attempts: [long] }).heading.slice(0, 8), '14:26:55');
});

test('while an attempt waits for its start, the one before is shown', () => {
  const waiting = { ...again, status: 'queued', retry_at: NOW + 8 * S, started_at: null, fraction: 0.3, eta_s: null };
  const { tone, heading, progress, now } = drawn(waiting);
  assert.deepEqual([tone, heading, progress.dot], ['idle', '14:26:55 to now', null]);
  assert.ok(spots(progress.line).at(-1)[0] < now);
});

test('however many points there are, three hundred are drawn', () => {
  const many = every(0.1, 250, (second) => sample(second, (0.595 * second) / 252));
  const all = spots(drawn({}, many).progress.line);
  assert.ok(all.length <= 300 && all.length > 250, String(all.length));
});

test('of an unknown total there is no progress to draw', () => {
  const pages = steady.map((point) => ({ ...point, total: null, fraction: null }));
  const { progress, rate } = drawn({ total: null, fraction: null, unit: 'pages', eta_s: null }, pages);
  assert.equal(progress, null);
  assert.equal(plain(rate.text), '186 pages/s');
});

// ---- rate

test('a rate is told with its average and peak', () => {
  const kept = steady.map((point, index) => ({ ...point, rate: index === 30 ? 231 : 186 }));
  const { text, more, spoken } = drawn({}, kept).rate;
  assert.deepEqual([plain(text), plain(more)], ['186 rows/s', 'average 187, peak 231']);
  assert.equal(plain(spoken), 'Rate over time: 186 rows/s now, 187 rows/s on average, 231 rows/s at most.');
});

test('units that differ are written out', () => {
  const kept = steady.map((point) => ({ ...point, rate: 40_000_000 }));
  const { text, more } = drawn({ unit: 'bytes', rate: 900_000 }, kept).rate;
  assert.deepEqual([plain(text), plain(more)], ['900 kB/s', 'average 39.8 MB/s, peak 40 MB/s']);
});

test('what the hub kept every few seconds weighs more than what the page saw every second', () => {
  const slow = every(8, 200, (second) => sample(second, 0.1, { rate: 100 }));
  const quick = every(1, 10, (second) => sample(200 + second, 0.2, { rate: 400 }));
  assert.equal(plain(drawn({}, [...slow, ...quick]).rate.more), 'average 114, peak 400');
});

test('a unit that is read from right to left turns nothing beside it', () => {
  const { more, spoken } = drawn({ unit: 'עברית' }, steady, { lost_at: NOW }).rate;
  assert.match(more, /\u2068עברית\u2069|^average [\d.,]+, peak [\d.,]+$/);
  assert.match(spoken, /\u2068עברית\u2069/);
});

test('a phase with another unit begins the rate anew, one with the same goes on', () => {
  const place = (second) => (second < 38 ? 0 : second < 84 ? 1 : 2);
  const kept = every(2, 250, (second) => sample(second, 0.002 * second, { phase: place(second) }));
  const [first] = spots(drawn({ ...phased, unit: 'rows' }, kept).rate.line);
  assert.equal(Math.round(first[0]), Math.round((84 / 472) * 100));
  const writing = { phase: 3, phases: [...FOUR.slice(0, 2), { ...FOUR[2], finished_at: START + 240 * S }, FOUR[3]] };
  const both = every(2, 250, (second) => sample(second, 0.002 * second, { phase: second < 240 ? place(second) : 3 }));
  assert.equal(spots(drawn({ ...phased, ...writing, unit: 'rows' }, both).rate.line)[0][0], first[0]);
});

test('the rates of an earlier attempt are not this one’s', () => {
  const [first] = spots(drawn({ ...again, fraction: 0.595 }).rate.line);
  assert.equal(Math.round(first[0]), Math.round((160 / 472) * 100));
});

test('a rate that is not known is a gap', () => {
  const kept = steady.map((point, index) => (index > 10 && index < 20 ? { ...point, rate: null } : point));
  assert.equal(lines(drawn({}, kept).rate.line).length, 2);
});

test('work that does not go on has no rate of this moment', () => {
  const { text, more } = drawn({ status: 'failed', finished_at: NOW, rate: null }).rate;
  assert.deepEqual([plain(text), plain(more)], ['average 100 rows/s', 'peak 100']);
});

test('of a job that is not heard the rate is kept, and not called that of now', () => {
  const { text, spoken } = drawn({}, steady, { lost_at: NOW }).rate;
  assert.equal(plain(text), '186 rows/s');
  assert.equal(plain(spoken), 'Rate over time: 100 rows/s on average, 186 rows/s at most.');
});

test('fewer than three rates say nothing', () => assert.equal(drawn({}, steady.slice(0, 1)).rate, null));

// ---- when

test('it is drawn once a second, and at once when it looks different', () => {
  const last = { at: NOW, looks: 'running' };
  assert.equal(due(null, last), true);
  assert.equal(due(last, { at: NOW + 999, looks: 'running' }), false); // NOW is a whole second
  assert.equal(due(last, { at: NOW + 1000, looks: 'running' }), true);
  assert.equal(due(last, { at: NOW + 1, looks: 'failed' }), true);
});

test('what the page sees itself goes on where the hub left off', () => {
  const seen = job();
  const samples = watch(keep(emptySamples(), steady), seen, NOW);
  const setting = { now: NOW, lost_at: null, kind: undefined, control: true };
  const { progress } = timeline(seen, samples, setting, { width_px: 460, eta: estimate(seen, NOW) });
  assert.deepEqual(lines(progress.guess), []);
});
