import assert from 'node:assert/strict';
import test from 'node:test';
import { Actions } from '../../web/actions.js';
import { Api, Refused, Unreachable } from '../../web/api.js';
import { Store } from '../../web/store.js';
import { job, settled } from './fakes.js';

/** An `Api` whose answers the test gives by path. */
function setUp(answers) {
  const asked = [];
  const api = new Api(async (path, { method = 'GET', body } = {}) => {
    asked.push([method, path, body && JSON.parse(body)]);
    const answer = answers[path.split('?')[0]];
    if (answer instanceof Error) throw answer;
    const status = typeof answer?.status === 'number' ? answer.status : 200;
    return new Response(JSON.stringify(answer?.body ?? answer ?? {}), { status });
  });
  return { api, asked };
}

test('a start names kind, parameters and a key', async () => {
  const { api, asked } = setUp({ '/api/jobs': job() });
  await api.start({ kind: 'import', params: { batch: 5 }, key: 'k' });
  assert.deepEqual(asked, [['POST', '/api/jobs', { kind: 'import', params: { batch: 5 }, key: 'k' }]]);
});

test('a refusal carries its reason and its fields', async () => {
  const errors = [{ field: 'params.batch', message: 'expected 100 or more' }];
  const { api } = setUp({
    '/api/jobs': { status: 422, body: { type: 'https://barcast/problems/invalid', detail: 'wrong', errors } },
  });
  await assert.rejects(api.start({}), (error) => {
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.status, error.code, error.message, error.errors], [422, 'invalid', 'wrong', errors]);
    return true;
  });
});

test('a hub that cannot be reached is no refusal', async () => {
  const { api } = setUp({ '/api/kinds': new TypeError('fetch failed') });
  await assert.rejects(api.kinds(), Unreachable);
});

const PROBES = [
  [200, 'ok'],
  [401, 'unauthenticated'],
  [403, 'forbidden'],
  [503, 'unreachable'],
];
for (const [status, expected] of PROBES)
  test(`a probe answered with ${status} is ${expected}`, async () =>
    assert.equal(await setUp({ '/api/summary': { status } }).api.probe(), expected));

test('a probe without an answer is unreachable', async () =>
  assert.equal(await setUp({ '/api/summary': new TypeError('x') }).api.probe(), 'unreachable'));

test('a polled feed looks like the socket’s', async () => {
  const { api, asked } = setUp({
    '/api/summary': { running: 1 },
    '/api/jobs': { jobs: [{ id: 'a', params: {}, result: 1, attempts: [] }], next: null },
  });
  const [summary, snapshot] = await api.poll('jobs', null);
  assert.deepEqual(summary, { type: 'summary', running: 1 });
  assert.deepEqual(snapshot, { type: 'snapshot', jobs: [{ id: 'a' }, { id: 'a' }], end: true });
  assert.equal(asked.length, 3);
});

test('of what has ended, only jobs that nobody started are polled for', async () => {
  const { api, asked } = setUp({ '/api/summary': {}, '/api/jobs': { jobs: [], next: null } });
  await api.poll('jobs', null);
  const [, active, done] = asked.map(([, path]) => new URL(path, 'http://hub').searchParams);
  assert.equal(active.has('parent'), false);
  assert.deepEqual([done.get('parent'), done.getAll('status')], ['', ['succeeded', 'failed', 'cancelled']]);
});

test('the jobs of one are asked for by its id, whatever is in it', async () => {
  const { api, asked } = setUp({ '/api/jobs': { jobs: [], next: null } });
  await api.jobs({ parent: 'a&b', after: 'cursor' });
  assert.equal(asked[0][1], '/api/jobs?limit=100&parent=a%26b&after=cursor');
});

test('a stack that cannot be had is refused with the reason', async () => {
  const detail = 'the worker did not answer';
  const { api } = setUp({ '/api/jobs/a%2Fb/stack': { status: 503, body: { detail } } });
  await assert.rejects(api.stack('a/b'), { status: 503, message: detail });
});

test('a polled job comes with what is new in its log', async () => {
  const { api, asked } = setUp({
    '/api/jobs/a%2Fb': { id: 'a/b' },
    '/api/jobs/a%2Fb/log': { entries: [{ n: 4 }], log_gap: null },
  });
  const messages = await api.poll('job:a/b', { log: 3 });
  assert.deepEqual(
    messages.map(({ type }) => type),
    ['snapshot', 'log'],
  );
  assert.match(asked[1][1], /after=3/);
});

test('the hub’s time is that of its last answer', async () => {
  const headers = { date: 'Sun, 22 Nov 2026 14:31:07 GMT' };
  const api = new Api(async () => new Response('{}', { headers }));
  assert.equal(api.answered_at, null);
  await api.summary();
  assert.equal(api.answered_at, Date.UTC(2026, 10, 22, 14, 31, 7));
});

test('a polled job that is not there is told as the socket tells it', async () => {
  const { api } = setUp({ '/api/jobs/x': { status: 404 }, '/api/jobs/x/log': { status: 404 } });
  assert.deepEqual(await api.poll('job:x', null), [{ type: 'error', code: 'not_found', topic: 'job:x' }]);
});

/** Actions on that, with a popover and warnings that write down what they are told. */
function setUpActions(answers) {
  const { api, asked } = setUp(answers);
  const told = [];
  const popover = {
    ask: (_, __, force) => told.push(['ask', force]),
    fail: (_, __, force, error) => told.push(['fail', force, error.constructor.name]),
  };
  const store = new Store(() => 0);
  const actions = new Actions({ api, store, popover, warn: (title, text) => told.push(['warn', title, text]) });
  return { actions, asked, store, told };
}

const drain = async () => {
  for (let turns = 0; turns < 5; turns += 1) await settled();
};

test('a cancel asks first', () => {
  const { actions, asked, told } = setUpActions({});
  actions.act('cancel', job(), null);
  actions.act('force', job(), null);
  assert.deepEqual(
    [asked, told],
    [
      [],
      [
        ['ask', false],
        ['ask', true],
      ],
    ],
  );
});

test('a queued job is cancelled at once', async () => {
  const { actions, asked, store } = setUpActions({ '/api/jobs/j1/cancel': job({ status: 'cancelled', seq: 2 }) });
  actions.act('cancel', job({ status: 'queued' }), null);
  assert.equal(actions.isPending('j1'), true);
  await drain();
  assert.deepEqual(asked, [['POST', '/api/jobs/j1/cancel', {}]]);
  assert.equal(store.state.jobs.get('j1').status, 'cancelled');
  assert.equal(actions.isPending('j1'), false);
});

test('a cancel that could not be sent is said, and nothing is queued', async () => {
  const { actions, asked, told } = setUpActions({ '/api/jobs/j1/cancel': new TypeError('down') });
  await actions.cancel(job(), null);
  assert.deepEqual(told, [['fail', false, 'Unreachable']]);
  assert.equal(asked.length, 1);
  assert.equal(actions.isPending('j1'), false);
});

test('a force stop says so to the hub', async () => {
  const { actions, asked } = setUpActions({ '/api/jobs/j1/cancel': job() });
  await actions.cancel(job(), null, true);
  assert.deepEqual(asked[0][2], { force: true });
});

test('a pause and a resume ask nobody', async () => {
  const { actions, asked, told } = setUpActions({
    '/api/jobs/j1/pause': job({ status: 'paused', seq: 2 }),
    '/api/jobs/j1/resume': { status: 409, body: { detail: 'it is not paused' } },
  });
  actions.act('pause', job(), null);
  await drain();
  actions.act('resume', job({ status: 'paused' }), null);
  await drain();
  assert.deepEqual(
    asked.map(([, path]) => path),
    ['/api/jobs/j1/pause', '/api/jobs/j1/resume'],
  );
  assert.deepEqual(told, [['warn', 'Resume was not done: Import', 'it is not paused']]);
});

test('a retry that is refused is said in the hub’s words', async () => {
  const { actions, told } = setUpActions({
    '/api/jobs/j1/retry': { status: 409, body: { detail: 'opened from outside' } },
  });
  actions.act('retry', job({ status: 'failed' }), null);
  await drain();
  assert.deepEqual(told, [['warn', 'Retry was not done: Import', 'opened from outside']]);
});
