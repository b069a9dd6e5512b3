import assert from 'node:assert/strict';
import test from 'node:test';
import { emptyState, reduce, since } from '../../web/state.js';
import { job as seen } from './fakes.js';

const T = 5_000_000;
const wire = (change = {}) => {
  const { epoch, seen_at, whole_seq, ...job } = seen(change);
  return job;
};
const whole = (change = {}) => ({ ...wire(change), params: { path: '/data' }, result: null, attempts: [] });
const play = (messages, state = emptyState()) => messages.reduce((now, message) => reduce(now, message, T), state);
const welcome = { type: 'welcome', epoch: 'e1', at: T };
const feed = (...jobs) => [
  { type: 'subscribed', topic: 'jobs', recovered: false, log_gap: null },
  { type: 'snapshot', jobs, end: true },
];
const update = (seq, change = {}) => ({
  type: 'update',
  at: T,
  jobs: [{ ...wire({ seq, done: seq * 10, ...change }), from: seq, ...change }],
});
const followed = { type: 'subscribed', topic: 'job:j1', recovered: false, log_gap: null };
const shown = (state, id = 'j1') => state.jobs.get(id);

test('updates in any order, twice or late, end at the newest', () => {
  const updates = [2, 3, 4, 5].map((seq) => update(seq));
  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 1, 3, 0, 3, 2],
    [0, 3, 1, 2, 0],
  ];
  for (const order of orders) {
    const state = play([welcome, ...feed(wire()), ...order.map((index) => updates[index])]);
    assert.equal(shown(state).seq, 5);
    assert.equal(shown(state).done, 50);
  }
});

test('an older update changes nothing at all', () => {
  const state = play([welcome, ...feed(wire({ seq: 9 }))]);
  assert.equal(reduce(state, { ...update(8), at: undefined }, T), state);
});

test('an update that skips something is a hole, and a snapshot closes it', () => {
  const torn = play([welcome, ...feed(wire()), update(5, { from: 4 })]);
  assert.deepEqual([...torn.holes], ['j1']);
  assert.equal(shown(torn).done, 50);
  assert.equal(play([{ type: 'snapshot', jobs: [wire({ seq: 5 })] }], torn).holes.size, 0);
});

test('an update that covers what was missed is no hole', () => {
  assert.equal(play([welcome, ...feed(wire()), update(5, { from: 2 })]).holes.size, 0);
});

test('an update of an unknown job is a hole', () => {
  const state = play([welcome, ...feed(), update(2)]);
  assert.deepEqual([...state.holes], ['j1']);
  assert.equal(state.jobs.size, 0);
});

test('what another tab follows is no hole here, and what the whole feed does not hold is one no longer', () => {
  const foreign = { ...update(2), jobs: [{ ...update(2).jobs[0], result: null }] };
  assert.equal(play([welcome, ...feed(), foreign]).holes.size, 0);
  assert.deepEqual([...play([welcome, ...feed(), followed, foreign]).holes], ['j1']);
  assert.equal(play([welcome, ...feed(), update(2), ...feed()]).holes.size, 0);
});

test('a job whose page is open stays when a later feed holds it no more', () => {
  const state = play([welcome, ...feed(wire()), followed, { type: 'snapshot', jobs: [whole()] }, ...feed()]);
  assert.deepEqual([shown(state).id, state.feed.size], ['j1', 0]);
});

test('an absence before a job was looked at is not told in its log', () => {
  const away = { type: 'away', from_at: 1, to_at: 2 };
  assert.deepEqual(play([welcome, away, { ...followed, recovered: true }]).stories.get('j1').notes, []);
});

test('a time that is none teaches nothing', () => {
  assert.equal(play([{ ...welcome, at: NaN }]).ahead_ms, 0);
});

test('phases stay when an update leaves them out', () => {
  const phases = [{ name: 'Load' }];
  const change = { ...update(2).jobs[0] };
  delete change.phases;
  const state = play([welcome, ...feed(wire({ phases })), { type: 'update', at: T, jobs: [change] }]);
  assert.deepEqual(shown(state).phases, phases);
  assert.equal(shown(state).title, 'Import');
});

test('who started a job stays when an update leaves it out, and the counts of those it started go on', () => {
  const counts = (succeeded) => ({ total: 3, queued: 0, running: 3 - succeeded, succeeded, failed: 0, cancelled: 0 });
  const change = { ...update(2).jobs[0], children: counts(1) };
  const first = wire({ parent: 'p', priority: 5, children: counts(0) });
  const state = play([welcome, ...feed(first), { type: 'update', at: T, jobs: [change] }]);
  assert.deepEqual([shown(state).parent, shown(state).priority], ['p', 5]);
  assert.deepEqual(shown(state).children, counts(1));
});

test('a lower seq of a new epoch replaces a higher one of the old', () => {
  const state = play([
    welcome,
    ...feed(wire({ seq: 130 })),
    { ...welcome, epoch: 'e2' },
    ...feed(wire({ seq: 3, done: 7 })),
  ]);
  assert.equal(shown(state).done, 7);
  assert.equal(shown(state).epoch, 'e2');
});

test('an older snapshot of the same epoch is dropped', () => {
  const state = play([
    welcome,
    ...feed(wire({ seq: 9, done: 90 })),
    { type: 'snapshot', jobs: [wire({ seq: 8, done: 80 })] },
  ]);
  assert.equal(shown(state).done, 90);
});

test('polls carry an epoch each, so that a restart between them is no matter', () => {
  const poll = (round, seq) => [
    feed()[0],
    { type: 'snapshot', epoch: `poll-${round}`, jobs: [wire({ seq })], end: true },
  ];
  assert.equal(shown(play([welcome, ...poll(1, 50), ...poll(2, 3)])).seq, 3);
});

test('jobs that a complete feed no longer holds vanish', () => {
  const known = play([welcome, ...feed(wire(), wire({ id: 'j2' }))]);
  const state = play(feed(wire({ seq: 2 })), known);
  assert.deepEqual([...state.jobs.keys()], ['j1']);
  assert.deepEqual([...state.feed], ['j1']);
});

test('a feed in pieces is whole only after the last', () => {
  const known = play([welcome, ...feed(wire(), wire({ id: 'j2' }), wire({ id: 'j3' }))]);
  const [begin] = feed();
  const half = play([begin, { type: 'snapshot', jobs: [wire()] }], known);
  assert.equal(half.jobs.size, 3);
  const done = play([{ type: 'snapshot', jobs: [wire({ id: 'j3' })], end: true }], half);
  assert.deepEqual([...done.jobs.keys()].sort(), ['j1', 'j3']);
});

test('the feed is complete after its first end, not before', () => {
  const state = play([welcome, feed()[0], { type: 'snapshot', jobs: [wire()] }]);
  assert.equal(state.complete, false);
  assert.equal(play([{ type: 'snapshot', jobs: [], end: true }], state).complete, true);
});

test('a page is behind from the hub’s welcome to the end of its feed, and not at later polls', () => {
  const heard = play([welcome]);
  assert.deepEqual([emptyState().behind, heard.behind], [false, true]);
  const polled = play(feed(wire()), heard);
  assert.equal(polled.behind, false);
  assert.equal(play(feed(wire()).slice(0, 1), polled).behind, false);
  assert.equal(play([{ ...welcome, epoch: 'e2' }], polled).behind, true);
});

test('a new job is announced by a snapshot of it alone', () => {
  const state = play([welcome, ...feed(wire()), { type: 'snapshot', jobs: [wire({ id: 'j9' })] }]);
  assert.deepEqual([...state.feed], ['j1', 'j9']);
});

test('the feed does not take away what a room told', () => {
  const state = play([welcome, { type: 'snapshot', jobs: [whole({ seq: 4 })] }, ...feed(wire({ seq: 5 }))]);
  assert.deepEqual(shown(state).params, { path: '/data' });
  assert.equal(shown(state).seq, 5);
});

test('what a room told of an attempt does not outlive it', () => {
  const first = { ...whole({ seq: 4 }), result: { rows: 1 } };
  const state = play([welcome, { type: 'snapshot', jobs: [first] }, ...feed(wire({ seq: 5, attempt: 2 }))]);
  assert.equal(shown(state).result, undefined);
});

test('a job whose page is open stays when the feed does not hold it', () => {
  const state = play([welcome, { type: 'snapshot', jobs: [whole({ id: 'old' })] }, ...feed(wire())]);
  assert.equal(state.jobs.has('old'), true);
  assert.equal(state.feed.has('old'), false);
});

test('jobs that ended long ago are known without being the feed’s', () => {
  const state = play([
    welcome,
    ...feed(wire({ seq: 7 })),
    { type: 'older', jobs: [wire({ seq: 1 }), wire({ id: 'old' })] },
  ]);
  assert.equal(shown(state).seq, 7);
  assert.equal(state.feed.has('old'), false);
});

test('a job that was started here is in the list at once and stays when the feed arrives', () => {
  const state = play([
    welcome,
    feed()[0],
    { type: 'started', job: whole() },
    { type: 'snapshot', jobs: [], end: true },
  ]);
  assert.equal(state.feed.has('j1'), true);
});

test('a deleted job is gone and is said to be', () => {
  const state = play([welcome, ...feed(wire()), { type: 'gone', job: 'j1', reason: 'deleted' }]);
  assert.equal(state.jobs.size, 0);
  assert.equal(state.gone.get('j1'), 'deleted');
});

test('a job that a filter no longer matches is not gone', () => {
  assert.equal(play([welcome, ...feed(wire()), { type: 'gone', job: 'j1', reason: 'filtered' }]).gone.size, 0);
});

test('a job that does not exist is told by an error', () => {
  assert.equal(play([welcome, { type: 'error', code: 'not_found', topic: 'job:j7' }]).gone.get('j7'), 'not_found');
});

test('log entries count once, in order', () => {
  const entry = (n) => ({ n, at: n, attempt: 1, level: 'info', event: 'entry', text: `${n}`, data: null });
  const logs = [3, 1, 2, 2, 3].map((n) => ({ type: 'log', job: 'j1', entries: [entry(n)] }));
  const state = play([followed, ...logs]);
  assert.deepEqual(
    state.stories.get('j1').entries.map(({ n }) => n),
    [1, 2, 3],
  );
});

test('an absence of which nothing is missing is told in the log', () => {
  const state = play([
    followed,
    { type: 'log', job: 'j1', entries: [{ n: 1, at: 1 }] },
    { type: 'away', from_at: 1, to_at: 2 },
    { ...followed, recovered: true },
  ]);
  assert.deepEqual(state.stories.get('j1').notes, [{ kind: 'away', from_at: 1, to_at: 2, after: 1 }]);
});

test('a page that was never away has nothing to tell', () => {
  assert.deepEqual(
    play([{ type: 'subscribed', topic: 'job:j1', recovered: true, log_gap: null }]).stories.get('j1').notes,
    [],
  );
});

test('entries that are no longer kept are told in the log', () => {
  const log_gap = { from: 4, to: 9, from_at: 1, to_at: 2 };
  const state = play([{ type: 'subscribed', topic: 'job:j1', recovered: false, log_gap }]);
  assert.deepEqual(state.stories.get('j1').notes, [{ kind: 'gap', ...log_gap, after: 3 }]);
});

test('the hub’s clock is learned from the fastest message of a connection', () => {
  let state = reduce(emptyState(), { type: 'welcome', epoch: 'e1', at: 3_600_000 }, 100);
  assert.equal(state.ahead_ms, 3_599_900);
  state = reduce(state, { type: 'beat', at: 3_600_050 }, 200);
  assert.equal(state.ahead_ms, 3_599_900);
  state = reduce(state, { type: 'beat', at: 3_600_290 }, 300);
  assert.equal(state.ahead_ms, 3_599_990);
  state = reduce(state, { type: 'welcome', epoch: 'e1', at: 1_000 }, 400);
  assert.equal(state.ahead_ms, 600);
});

test('messages of unknown types change nothing', () => {
  const state = emptyState();
  assert.equal(reduce(state, { type: 'surprise' }, T), state);
});

test('a page resumes from the last things that it saw', () => {
  const entry = { n: 12, at: 1, attempt: 1, level: 'info', event: 'entry', text: '', data: null };
  const state = play([
    welcome,
    followed,
    { type: 'snapshot', jobs: [whole({ seq: 130 })] },
    { type: 'log', job: 'j1', entries: [entry] },
  ]);
  assert.deepEqual(since(state, 'j1'), { epoch: 'e1', seq: 130, log: 12 });
  assert.deepEqual(since(state, 'j2'), { epoch: null, seq: 0, log: 0 });
});

test('reducing leaves the state before as it was', () => {
  const before = play([welcome, ...feed(wire())]);
  const copy = structuredClone(before);
  play([update(2), { type: 'gone', job: 'j1', reason: 'deleted' }, ...feed()], before);
  assert.deepEqual(before, copy);
});

const roomUpdate = (seq, result) => ({
  type: 'update',
  at: T,
  jobs: [{ ...wire({ seq, done: seq * 10 }), from: seq, result }],
});

test('a result is kept when the feed said first that the job is done', () => {
  const state = play([welcome, { type: 'snapshot', jobs: [whole()] }, update(2), roomUpdate(2, { rows: 7 })]);
  assert.deepEqual(shown(state).result, { rows: 7 });
  assert.equal(reduce(state, { ...roomUpdate(2, null), at: undefined }, T), state);
});

test('a page asks for a whole job again when only the feed told of it since', () => {
  const known = play([welcome, followed, { type: 'snapshot', jobs: [whole({ seq: 4 })] }]);
  assert.equal(since(known, 'j1').seq, 4);
  assert.equal(since(play([{ type: 'left', job: 'j1' }], known), 'j1').seq, 0);
  assert.equal(since(play([update(5)], known), 'j1').seq, 4);
  assert.equal(since(play([update(5), roomUpdate(5, null)], known), 'j1').seq, 5);
  assert.equal(since(play([welcome, ...feed(wire({ seq: 9 }))]), 'j1').seq, 0);
});

test('a log that is not followed is not kept, nor what comes late after its page was left', () => {
  const entry = { n: 12, at: 1, attempt: 1, level: 'info', event: 'entry', text: '', data: null };
  const logged = { type: 'log', job: 'j1', entries: [entry] };
  assert.equal(play([logged]).stories.size, 0);
  assert.equal(play([followed, logged, { type: 'left', job: 'j1' }, logged]).stories.size, 0);
});
