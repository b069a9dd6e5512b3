import assert from 'node:assert/strict';
import test from 'node:test';
import { earliest } from '../../web/others.js';
import { concerning } from '../../web/topics.js';
import { FakeClock, settled } from './fakes.js';
import { FakeBrowser } from './tabs.js';

/** Tabs that follow these topics each; the first one leads. */
async function setUp(...wanted) {
  const clock = new FakeClock();
  const browser = new FakeBrowser(clock);
  const tabs = [];
  for (const topics of wanted) {
    tabs.push(browser.open(topics));
    await settled();
  }
  return { browser, clock, tabs, leader: tabs[0].connections[0] };
}

const named = (connection, name) => connection.told.filter(([verb]) => verb === name);

test('the first tab connects, the others do not', async () => {
  const { tabs } = await setUp(['jobs'], ['jobs'], ['job:j1']);
  assert.deepEqual(
    tabs.map(({ connections, shared }) => [connections.length, shared.leads]),
    [
      [1, true],
      [0, false],
      [0, false],
    ],
  );
});

test('what one tab hears, all hear', async () => {
  const { tabs, leader } = await setUp(['jobs'], ['jobs']);
  leader.say({ type: 'update', jobs: [] });
  assert.deepEqual(
    tabs.map(({ heard }) => heard.at(-1)),
    [
      { type: 'update', jobs: [] },
      { type: 'update', jobs: [] },
    ],
  );
});

test('the connection follows what any tab follows, and leaves what none does', async () => {
  const { tabs, leader } = await setUp(['jobs'], ['job:j1'], ['job:j1']);
  assert.deepEqual([...leader.topics.keys()], ['jobs', 'job:j1']);
  tabs[1].shared.unfollow('job:j1');
  assert.deepEqual([...leader.topics.keys()], ['jobs', 'job:j1']);
  tabs[2].shared.unfollow('job:j1');
  assert.deepEqual([...leader.topics.keys()], ['jobs']);
  tabs[2].shared.follow('job:j2');
  assert.deepEqual([...leader.topics.keys()], ['jobs', 'job:j2']);
});

test('a topic is resumed from where the tab that knows least is', async () => {
  const { leader } = await setUp(['job:j1'], ['job:j1']);
  assert.deepEqual(leader.topics.get('job:j1')(), { epoch: null, seq: 0, log: 1 });
  assert.equal(earliest([{ epoch: 'e1', seq: 1, log: 2 }, null]), null);
  assert.deepEqual(earliest([{ epoch: 'e1', seq: 1, log: 2 }]), { epoch: 'e1', seq: 1, log: 2 });
});

test('a tab that comes later learns who the hub is, and its clock as it is by now', async () => {
  const { browser, clock, leader } = await setUp(['jobs']);
  leader.say({ type: 'welcome', epoch: 'e7', at: 5_000, may: { view: true } });
  clock.advance(1_500);
  const late = browser.open(['jobs']);
  await settled();
  assert.deepEqual(late.heard, [{ type: 'welcome', epoch: 'e7', at: 6_500, may: { view: true } }]);
});

test('each tab tells the connection’s state by its own clock', async () => {
  const { tabs, clock, leader } = await setUp(['jobs'], ['jobs']);
  leader.become({ name: 'waiting', lost_ms: clock.now() - 3_000, retry_ms: clock.now() + 500 });
  const { name, lost_ms, retry_ms } = tabs[1].shared.state;
  assert.deepEqual([name, lost_ms, retry_ms], ['waiting', clock.now() - 3_000, clock.now() + 500]);
});

test('when the leading tab is closed another one takes over, from a loss that just began', async () => {
  const { tabs, clock, leader } = await setUp(['jobs'], ['job:j1'], ['job:j2']);
  leader.become({ name: 'live', live_ms: clock.now() });
  tabs[0].shared.suspend();
  await settled();
  assert.deepEqual(named(leader, 'stop'), [['stop', 'another tab leads']]);
  const [next] = tabs[1].connections;
  assert.deepEqual(named(next, 'start'), [['start', clock.now()]]);
  assert.deepEqual([...next.topics.keys()], ['job:j1', 'job:j2']);
  next.say({ type: 'beat', at: 1 });
  assert.equal(tabs[2].heard.at(-1).type, 'beat');
  assert.equal(tabs[0].heard.length, 0);
});

test('a tab that vanishes is no longer followed for', async () => {
  const { browser, leader } = await setUp(['jobs'], ['job:j1']);
  browser.locks.breakOff('hub tab tab2');
  await settled();
  assert.deepEqual([...leader.topics.keys()], ['jobs']);
});

test('a leading tab that falls silent is deposed, and follows when it is back', async () => {
  const { browser, tabs, clock, leader } = await setUp(['jobs'], ['jobs']);
  const [silenced] = browser.channels;
  const speak = silenced.postMessage;
  silenced.postMessage = () => {};
  clock.advance(29_999);
  assert.equal(tabs[1].connections.length, 0);
  silenced.postMessage = speak;
  clock.advance(1);
  await settled();
  assert.deepEqual([tabs[0].shared.leads, tabs[1].shared.leads], [false, true]);
  assert.equal(named(leader, 'stop').length, 1);
  tabs[1].connections[0].say({ type: 'beat', at: 1 });
  assert.equal(tabs[0].heard.at(-1).type, 'beat');
});

test('a tab that steals the lock just when it is given to it keeps one connection', async () => {
  const { browser, tabs, clock } = await setUp(['jobs'], ['jobs']);
  const [silenced] = browser.channels;
  silenced.postMessage = () => {};
  browser.locks.late = true; // the theft is on its way while the leading tab leaves
  clock.advance(30_000);
  browser.locks.breakOff('hub');
  browser.locks.now();
  await settled();
  const { connections, shared } = tabs[1];
  assert.deepEqual([connections.length, shared.leads], [1, true]);
  assert.equal(named(connections[0], 'stop').length, 0);
  shared.suspend();
  await settled();
  assert.equal(named(connections[0], 'stop').length, 1);
});

test('a leading tab with nothing to tell stays, and so does one that was refused', async () => {
  const { tabs, clock, leader } = await setUp(['jobs'], ['jobs']);
  clock.advance(300_000);
  await settled();
  assert.equal(tabs[0].shared.leads, true);
  leader.become({ name: 'stopped', reason: 'forbidden' });
  clock.advance(300_000);
  await settled();
  assert.deepEqual([tabs[0].shared.leads, tabs[1].connections.length], [true, 0]);
});

test('a welcome that told no time is passed on without one', async () => {
  const { browser, leader } = await setUp(['jobs']);
  leader.say({ type: 'welcome', epoch: 'page-1' });
  const late = browser.open(['jobs']);
  await settled();
  assert.deepEqual(late.heard, [{ type: 'welcome', epoch: 'page-1' }]);
});

test('a leading tab that speaks stays', async () => {
  const { tabs, clock, leader } = await setUp(['jobs'], ['jobs']);
  for (let times = 0; times < 5; times += 1) {
    clock.advance(10_000);
    leader.say({ type: 'beat', at: 1 });
  }
  await settled();
  assert.equal(tabs[0].shared.leads, true);
});

test('the connection is visible as long as any tab is', async () => {
  const { browser, tabs, leader } = await setUp(['jobs'], ['jobs']);
  const last = () => named(leader, 'show').at(-1)[1];
  tabs[0].shared.show(false);
  assert.equal(last(), true);
  tabs[1].shared.show(false);
  assert.equal(last(), false);
  tabs[1].shared.show(true);
  assert.equal(last(), true);
  browser.locks.breakOff('hub tab tab2');
  await settled();
  assert.equal(last(), false);
});

test('any tab may ask to retry, to check and for the present state', async () => {
  const { tabs, leader } = await setUp(['jobs'], ['job:j1']);
  tabs[1].shared.retryNow();
  tabs[1].shared.check();
  tabs[1].shared.refresh('job:j1');
  tabs[1].shared.refresh('job:unknown');
  assert.deepEqual(leader.told.slice(-3), [['retryNow'], ['check'], ['refresh', 'job:j1']]);
});

test('a tab that is seen helps one whose clock is slow', async () => {
  const { clock, leader } = await setUp(['jobs'], ['jobs']);
  leader.become({ name: 'waiting', lost_ms: clock.now(), retry_ms: clock.now() + 500 });
  clock.advance(1_499);
  assert.equal(named(leader, 'nudge').length, 0);
  clock.advance(1);
  assert.equal(named(leader, 'nudge').length, 1);
});

test('a page that was kept aside takes part again', async () => {
  const { tabs, leader } = await setUp(['jobs'], ['jobs']);
  tabs[1].shared.suspend();
  await settled();
  leader.say({ type: 'beat', at: 1 });
  assert.equal(tabs[1].heard.length, 0);
  tabs[1].shared.start();
  await settled();
  leader.say({ type: 'beat', at: 2 });
  assert.equal(tabs[1].heard.at(-1).at, 2);
});

test('a connection that was refused is refused in every tab', async () => {
  const { tabs, leader } = await setUp(['jobs'], ['jobs']);
  leader.become({ name: 'stopped', reason: 'unauthenticated' });
  assert.deepEqual(
    tabs.map(({ shared }) => shared.state.reason),
    ['unauthenticated', 'unauthenticated'],
  );
});

test('where the browser gives no locks each tab has a connection of its own', async () => {
  const browser = new FakeBrowser(new FakeClock());
  browser.locks = null;
  const tabs = [browser.open(['jobs']), browser.open(['job:j1'])];
  await settled();
  assert.deepEqual(
    tabs.map(({ connections }) => [...connections[0].topics.keys()]),
    [['jobs'], ['job:j1']],
  );
  tabs[0].connections[0].say({ type: 'beat', at: 1 });
  assert.deepEqual(
    tabs.map(({ heard }) => heard.length),
    [1, 0],
  );
});

// ── Which messages concern whom ──────────────────────────────────────────────

const follows =
  (...topics) =>
  (topic) =>
    topics.includes(topic);

test('who follows all jobs is told everything', () => {
  const update = { type: 'update', jobs: [{ id: 'j1' }] };
  assert.equal(concerning(update, follows('jobs')), update);
});

test('who follows one job is told of that one', () => {
  const mine = follows('job:j1');
  const snapshot = { type: 'snapshot', jobs: [{ id: 'j1' }, { id: 'j2' }], end: true };
  assert.deepEqual(concerning(snapshot, mine), { type: 'snapshot', jobs: [{ id: 'j1' }] });
  assert.equal(concerning({ type: 'update', jobs: [{ id: 'j2' }] }, mine), null);
  assert.equal(concerning({ type: 'log', job: 'j2', entries: [] }, mine), null);
  assert.equal(concerning({ type: 'gone', job: 'j2', reason: 'deleted' }, mine), null);
  assert.equal(concerning({ type: 'log', job: 'j1', entries: [] }, mine).job, 'j1');
});

test('an answer about a topic is for those who follow it, what is about the hub for all', () => {
  const mine = follows('job:j1');
  assert.equal(concerning({ type: 'subscribed', topic: 'jobs' }, mine), null);
  assert.equal(concerning({ type: 'error', code: 'not_found', topic: 'job:j1' }, mine).code, 'not_found');
  for (const type of ['welcome', 'beat', 'summary', 'closing']) assert.equal(concerning({ type }, mine).type, type);
});
