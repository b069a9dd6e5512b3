import assert from 'node:assert/strict';
import test from 'node:test';
import { Api, Refused } from '../../web/api.js';
import { Hub } from '../../web/barcast.js';
import { Store } from '../../web/store.js';
import { job, NOW, settled } from './fakes.js';
import { FakeConnection } from './tabs.js';

/** A hub whose connection and answers the test plays. */
function setUp(answers = {}) {
  const asked = [];
  const api = new Api(async (path, { body } = {}) => {
    asked.push([path, body && JSON.parse(body)]);
    const { http = 200, ...content } = answers[path] ?? {};
    return new Response(JSON.stringify(content), { status: http });
  });
  const connection = new FakeConnection();
  const hub = new Hub({ api, store: new Store(() => NOW), connection });
  connection.say({ type: 'welcome', epoch: 'e1', at: NOW, may: { view: true, control: true } });
  return { hub, connection, asked };
}

/** What a watch tells, as it comes. */
function listen(watch, ...names) {
  const told = [];
  for (const name of names) watch.addEventListener(name, ({ detail }) => told.push([name, detail]));
  return told;
}

const whole = (change) => ({ ...job(change), params: {}, attempts: [], result: null });
const update = (change) => ({ type: 'update', at: NOW, jobs: [{ from: 1, ...job(change) }] });

test('a job is followed over the hub’s connection until its last watch is closed', () => {
  const { hub, connection } = setUp();
  const [first, second] = [hub.job('j1'), hub.job('j1')];
  first.close();
  assert.deepEqual([...connection.topics.keys()], ['job:j1']);
  second.close();
  second.close();
  assert.deepEqual([...connection.topics.keys()], []);
  assert.equal(connection.told.filter(([verb]) => verb === 'follow').length, 1);
});

test('a watch tells each change of its job, and no other’s', () => {
  const { hub, connection } = setUp();
  const watch = hub.job('j1');
  const told = listen(watch, 'change');
  assert.equal(watch.job, null);
  connection.say({ type: 'snapshot', jobs: [whole(), whole({ id: 'j2' })] });
  connection.say(update({ seq: 2, done: 40_000 }));
  connection.say(update({ id: 'j2', seq: 2 }));
  assert.deepEqual(
    told.map(([, { done }]) => done),
    [31_240, 40_000],
  );
  assert.equal(watch.job?.done, 40_000);
  assert.equal(hub.state.jobs.has('j2'), false);
});

test('an end is told once, also of a job that had ended before', () => {
  const { hub, connection } = setUp();
  const told = listen(hub.job('j1'), 'end');
  const end = { status: 'succeeded', finished_at: NOW };
  connection.say({ type: 'snapshot', jobs: [whole(end)] });
  connection.say({ type: 'snapshot', jobs: [whole({ ...end, seq: 2 })] });
  assert.deepEqual(
    told.map(([, { status }]) => status),
    ['succeeded'],
  );
});

test('a second watch is told of an end that came before it, and so is one that comes back', async () => {
  const { hub, connection } = setUp();
  const topic = 'job:j1';
  const answer = { type: 'subscribed', topic, recovered: true, log_gap: null };
  const end = whole({ status: 'succeeded', finished_at: NOW });
  const first = hub.job('j1');
  connection.say(answer);
  connection.say({ type: 'snapshot', jobs: [end] });
  const second = hub.job('j1');
  const told = listen(second, 'end');
  await settled();
  assert.equal(told.length, 1);
  for (const watch of [first, second]) watch.close();
  const third = listen(hub.job('j1'), 'end');
  assert.equal(connection.topics.get(topic)().seq, 0); // so that the hub tells it again
  connection.say(answer);
  connection.say({ type: 'snapshot', jobs: [end] });
  await settled();
  assert.equal(third.length, 1);
});

test('what nobody follows any more is not kept, but for the last few', () => {
  const { hub, connection } = setUp();
  for (let number = 0; number < 50; number += 1) {
    const watch = hub.job(`j${number}`);
    connection.say({ type: 'snapshot', jobs: [whole({ id: `j${number}` })] });
    watch.close();
  }
  assert.deepEqual([hub.state.jobs.size, hub.state.jobs.has('j49')], [20, true]);
  const feed = hub.feed();
  connection.say({ type: 'subscribed', topic: 'jobs', recovered: false, log_gap: null });
  connection.say({ type: 'snapshot', jobs: [job({ id: 'new' })], end: true });
  hub.job('j50');
  connection.say({ type: 'snapshot', jobs: [whole({ id: 'j50' })] });
  assert.equal(hub.state.jobs.has('new'), true);
  feed.close();
  assert.deepEqual([hub.state.jobs.has('new'), hub.state.jobs.has('j50'), hub.state.feed.size], [false, true, 0]);
});

test('the end of a second attempt is told, too', () => {
  const { hub, connection } = setUp();
  const told = listen(hub.job('j1'), 'end');
  const states = [{ status: 'failed' }, { status: 'queued', attempt: 2 }, { status: 'succeeded', attempt: 2 }];
  states.forEach((state, index) => connection.say({ type: 'snapshot', jobs: [whole({ ...state, seq: index + 1 })] }));
  assert.deepEqual(
    told.map(([, { status }]) => status),
    ['failed', 'succeeded'],
  );
});

test('new log entries are told, each once', () => {
  const { hub, connection } = setUp();
  const watch = hub.job('j1');
  const told = listen(watch, 'log');
  const entry = (n) => ({ n, at: NOW, attempt: 1, level: 'info', event: 'entry', text: `line ${n}`, data: null });
  connection.say({ type: 'subscribed', topic: 'job:j1', recovered: false, log_gap: null });
  connection.say({ type: 'log', job: 'j1', entries: [entry(1), entry(2)] });
  connection.say({ type: 'log', job: 'j1', entries: [entry(2), entry(3)] });
  assert.deepEqual(
    told.map(([, entries]) => entries.map(({ n }) => n)),
    [[1, 2], [3]],
  );
  assert.deepEqual(
    watch.entries.map(({ n }) => n),
    [1, 2, 3],
  );
});

test('a job that is not there is gone', () => {
  const { hub, connection } = setUp();
  const watch = hub.job('j1');
  const told = listen(watch, 'gone');
  connection.say({ type: 'error', topic: 'job:j1', code: 'not_found' });
  assert.deepEqual([watch.gone, told], ['not_found', [['gone', 'not_found']]]);
});

test('the feed tells what changed and what left, and its numbers', () => {
  const { hub, connection } = setUp();
  const feed = hub.feed();
  const told = listen(feed, 'change', 'leave', 'summary');
  const full = (...jobs) => {
    connection.say({ type: 'subscribed', topic: 'jobs', recovered: false, log_gap: null });
    connection.say({ type: 'snapshot', jobs, end: true });
  };
  full(job(), job({ id: 'j2' }));
  connection.say(update({ seq: 2 }));
  full(job({ seq: 2 }));
  connection.say({ type: 'summary', running: 1 });
  assert.deepEqual(
    told.map(([name, detail]) => [name, Array.isArray(detail) ? detail.map((one) => one.id ?? one) : detail]),
    [
      ['change', ['j1', 'j2']],
      ['change', ['j1']],
      ['change', ['j1']],
      ['leave', ['j2']],
      ['summary', { running: 1 }],
    ],
  );
  assert.deepEqual(
    feed.jobs.map(({ id }) => id),
    ['j1'],
  );
});

test('a hole is mended by whichever topic the job was told on', () => {
  const { hub, connection } = setUp();
  hub.job('j1');
  connection.say({ type: 'snapshot', jobs: [whole()] });
  connection.say({ type: 'update', at: NOW, jobs: [{ ...job({ seq: 9 }), from: 8 }] });
  assert.deepEqual(connection.told.at(-1), ['refresh', 'job:j1']);
  hub.feed();
  connection.say({ type: 'update', at: NOW, jobs: [{ ...job({ id: 'new', seq: 9 }), from: 8 }] });
  assert.deepEqual(connection.told.at(-1), ['refresh', 'jobs']);
});

test('the connection’s state is told with the one before', () => {
  const { hub, connection } = setUp();
  const told = listen(hub, 'link');
  connection.become({ name: 'live' });
  assert.deepEqual([told[0][1].before.name, told[0][1].link.name, hub.link.name], ['idle', 'live', 'live']);
});

test('a start and a control are requests, and what they answer is known at once', async () => {
  const { hub, connection, asked } = setUp({
    '/api/jobs/j1/cancel': whole({ status: 'cancelling', seq: 2 }),
    '/api/jobs': whole({ id: 'j9' }),
  });
  const watch = hub.job('j1');
  connection.say({ type: 'snapshot', jobs: [whole()] });
  await watch.cancel({ reason: 'wrong file' });
  assert.equal(watch.job?.status, 'cancelling');
  const { id } = await hub.start('import', { batch: 5 }, { title: 'Again', key: 'k' });
  assert.equal(id, 'j9');
  assert.deepEqual(asked, [
    ['/api/jobs/j1/cancel', { reason: 'wrong file' }],
    ['/api/jobs', { kind: 'import', params: { batch: 5 }, title: 'Again', key: 'k' }],
  ]);
});

test('a control that the hub refuses is an error with its reason, and changes nothing', async () => {
  const { hub } = setUp({ '/api/jobs/j1/retry': { http: 409, detail: 'it runs', type: 'x/conflict' } });
  await assert.rejects(hub.job('j1').retry(), (error) => error instanceof Refused && error.code === 'conflict');
});

test('a hub that is closed follows nothing', async () => {
  const { hub, connection } = setUp();
  const told = listen(hub.job('j1'), 'change');
  hub.close();
  connection.say({ type: 'snapshot', jobs: [whole()] });
  await settled();
  assert.deepEqual([told, connection.told.at(-1)], [[], ['stop', 'closed']]);
});
