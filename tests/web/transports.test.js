import assert from 'node:assert/strict';
import test from 'node:test';
import { pollingRung, streamRung } from '../../web/requests.js';
import { socketRung } from '../../web/websocket.js';
import { FakeClock, FakeWebSocket, settled } from './fakes.js';

/** A sink that writes down what it hears. */
function listen() {
  const heard = [];
  const ends = [];
  const sink = {
    message: (message) => heard.push(message),
    alive: () => heard.push('alive'),
    closed: (end) => ends.push(end),
  };
  return { heard, ends, sink };
}

const types = (heard) => heard.filter((message) => message !== 'alive').map((message) => message.type);

function openSocket(visible = true) {
  const ear = listen();
  const transport = socketRung({ url: 'ws://hub/ws', WebSocket: FakeWebSocket }).open(ear.sink, {
    visible,
    topics: [],
  });
  FakeWebSocket.last.open();
  return { ...ear, transport, socket: FakeWebSocket.last };
}

test('the socket speaks JSON and says hello first', () => {
  const { socket } = openSocket(false);
  assert.equal(socket.protocol, 'barcast.v1.json');
  assert.deepEqual(socket.sent, [{ type: 'hello', client: 'page', visible: false }]);
});

test('a token is said on the socket, never in its address', () => {
  const ear = listen();
  const rung = socketRung({ url: 'ws://hub/ws', WebSocket: FakeWebSocket, token: 'secret' });
  rung.open(ear.sink, { visible: true, topics: [] });
  FakeWebSocket.last.open();
  assert.deepEqual([FakeWebSocket.last.url, FakeWebSocket.last.sent[0].token], ['ws://hub/ws', 'secret']);
});

test('a subscription carries what to resume from, and its answer the topic', () => {
  const { heard, socket, transport } = openSocket();
  transport.follow('job:j1', { epoch: 'e1', seq: 4, log: 2 });
  const { id, ...rest } = socket.sent.at(-1);
  assert.deepEqual(rest, { type: 'subscribe', topic: 'job:j1', since: { epoch: 'e1', seq: 4, log: 2 } });
  socket.say({ type: 'error', id, code: 'not_found', message: 'no such job' });
  assert.equal(heard.at(-1).topic, 'job:j1');
});

test('the feed is asked for without a place to resume from', () => {
  const { socket, transport } = openSocket();
  transport.follow('jobs', null);
  assert.equal('since' in socket.sent.at(-1), false);
});

test('what is no message is a sign of life and nothing more', () => {
  const { heard, socket } = openSocket();
  for (const data of ['{', '[]', '"text"', '{"type":7}', 'null']) socket.onmessage({ data });
  assert.deepEqual(new Set(heard), new Set(['alive']));
});

test('nothing is sent on a socket that is not open', () => {
  const { socket, transport } = openSocket();
  socket.readyState = 3;
  transport.unfollow('jobs');
  assert.equal(socket.sent.length, 1);
});

test('a socket tells its close code, unless it was closed from here', () => {
  const first = openSocket();
  first.socket.end(4401);
  assert.deepEqual(first.ends, [{ code: 4401 }]);
  const second = openSocket();
  second.transport.close();
  second.socket.end(1000);
  assert.deepEqual(second.ends, []);
});

/** Streams whose bodies the test writes; jobs that have none are asked for. */
function openStream(topics = ['jobs'], status = 200) {
  const ear = listen();
  const asked = [];
  const open = new Map();
  const stream = async (topic, signal) => {
    asked.push(topic);
    let controller;
    const body = new ReadableStream({
      start: (made) => {
        controller = made;
      },
    });
    open.set(topic, controller);
    signal.addEventListener('abort', () => {
      open.delete(topic);
      controller.error(new Error('aborted'));
    });
    return { ok: status === 200, status, body, headers: new Headers({ date: 'Sun, 22 Nov 2026 14:31:07 GMT' }) };
  };
  const source = { stream, poll: async (topic) => [{ type: 'snapshot', jobs: [{ id: topic }] }] };
  const transport = streamRung({ source }).open(ear.sink, { visible: true, topics });
  const say = async (text, topic = 'jobs') => {
    open.get(topic).enqueue(new TextEncoder().encode(text));
    for (let turns = 0; turns < 5; turns += 1) await settled();
  };
  return { ...ear, asked, open, transport, say };
}

test('a stream is welcomed by its first bytes and speaks the socket’s messages', async () => {
  const { heard, say, transport } = openStream();
  await settled();
  await say(': beat\n\n');
  assert.deepEqual(types(heard), ['welcome']);
  assert.equal(heard[0].at, Date.UTC(2026, 10, 22, 14, 31, 7));
  transport.follow('jobs', null);
  await say(
    'event: snapshot\ndata: {"type":"snapshot","jobs":[],"end":true}\n\nevent: summary\ndata: {"running":1}\n\n',
  );
  assert.deepEqual(types(heard), ['welcome', 'subscribed', 'snapshot', 'summary']);
});

test('comments on a stream are signs of life', async () => {
  const { heard, say } = openStream();
  await settled();
  await say(': beat\n\n');
  assert.equal(heard.at(-1), 'alive');
});

test('a stream that ends is lost', async () => {
  const { open, ends } = openStream();
  await settled();
  open.get('jobs').close();
  await settled();
  await settled();
  assert.equal(ends.length, 1);
});

test('a stream that is refused is lost', async () => {
  const { ends } = openStream(['jobs'], 503);
  await settled();
  await settled();
  assert.equal(ends.length, 1);
});

test('a job that is not there is told, and is no loss', async () => {
  const { heard, ends, transport } = openStream(['job:j1'], 404);
  await settled();
  await settled();
  assert.deepEqual(types(heard), ['welcome', 'error']);
  assert.deepEqual([heard[1].code, heard[1].topic, ends], ['not_found', 'job:j1', []]);
  transport.close();
});

test('a stream closed from here is not lost', async () => {
  const { ends, transport } = openStream();
  await settled();
  transport.close();
  await settled();
  await settled();
  assert.deepEqual(ends, []);
});

test('the feed and the newest job have a stream each, however many jobs are followed', async () => {
  const { ends, heard, open, say, transport } = openStream();
  await settled();
  await say(': beat\n\n');
  for (const topic of ['jobs', 'job:j1', 'job:j2', 'job:j3']) transport.follow(topic, null);
  await settled();
  assert.deepEqual([...open.keys()], ['jobs', 'job:j3']);
  transport.unfollow('job:j3');
  await settled();
  assert.deepEqual([...open.keys()], ['jobs', 'job:j2']);
  assert.equal(types(heard).filter((type) => type === 'welcome').length, 1);
  assert.deepEqual(ends, []);
});

test('one job alone needs no feed, and a second one brings it', async () => {
  const { open, transport } = openStream(['job:j1']);
  transport.follow('job:j1', null);
  await settled();
  assert.deepEqual([...open.keys()], ['job:j1']);
  transport.follow('job:j2', null);
  await settled();
  assert.deepEqual([...open.keys()], ['jobs', 'job:j2']);
});

test('a job without a stream of its own is asked for, and then told of by the feed', async () => {
  const { asked, heard, transport } = openStream();
  for (const topic of ['jobs', 'job:j1', 'job:j2', 'job:j3']) transport.follow(topic, null);
  await settled();
  const told = heard.filter(({ type }) => type === 'snapshot').map(({ jobs }) => jobs[0].id);
  assert.deepEqual(told, ['job:j1', 'job:j2']);
  assert.deepEqual(asked, ['jobs', 'job:j3']);
});

test('a topic that is asked for again is streamed anew', async () => {
  const { asked, transport } = openStream();
  transport.follow('jobs', null);
  await settled();
  assert.deepEqual(asked, ['jobs']);
  transport.follow('jobs', null);
  await settled();
  assert.deepEqual(asked, ['jobs', 'jobs']);
});

function openPolling(answers) {
  const ear = listen();
  const clock = new FakeClock();
  const asked = [];
  const source = {
    poll: async (topic, since) => {
      asked.push([topic, since?.log ?? null]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? [];
    },
  };
  const transport = pollingRung({ source, clock }).open(ear.sink, { visible: true, topics: ['jobs'] });
  return { ...ear, asked, clock, transport };
}

test('polling asks every 5 s, and each answer has an epoch of its own', async () => {
  const snapshot = { type: 'snapshot', jobs: [], end: true };
  const { asked, clock, heard } = openPolling([[snapshot], [snapshot]]);
  await settled();
  clock.advance(4_999);
  assert.equal(asked.length, 1);
  clock.advance(1);
  await settled();
  assert.equal(asked.length, 2);
  const epochs = heard.filter((message) => message.type === 'snapshot').map((message) => message.epoch);
  assert.equal(new Set(epochs).size, 2);
});

test('polling tells the hub’s time, by which the page learns its clock', async () => {
  const ear = listen();
  const source = { poll: async () => [{ type: 'summary' }], answered_at: 5_000 };
  const clock = new FakeClock();
  pollingRung({ source, clock }).open(ear.sink, { visible: true, topics: ['jobs'] });
  await settled();
  source.answered_at = 9_000;
  clock.advance(5_000);
  await settled();
  const told = ear.heard.filter(({ type }) => type === 'welcome' || type === 'beat');
  assert.deepEqual(
    told.map(({ type, at }) => [type, at]),
    [
      ['welcome', 5_000],
      ['beat', 5_000],
      ['beat', 9_000],
    ],
  );
});

test('a poll that fails is a loss', async () => {
  const { ends } = openPolling([new Error('down')]);
  await settled();
  assert.equal(ends.length, 1);
});

test('polling asks for all that is followed, and only for log entries that are new', async () => {
  const log = { type: 'log', job: 'j1', entries: [{ n: 7 }] };
  const { asked, clock, transport } = openPolling([[], [], [log], [], []]);
  await settled();
  transport.follow('job:j1', { epoch: 'e1', seq: 1, log: 3 });
  await settled();
  clock.advance(5_000);
  await settled();
  assert.deepEqual(asked, [
    ['jobs', null],
    ['jobs', null],
    ['job:j1', 3],
    ['jobs', null],
    ['job:j1', 7],
  ]);
});

test('a hidden tab polls less often', async () => {
  const { asked, clock, transport } = openPolling([]);
  transport.send({ type: 'visible', value: false });
  await settled();
  clock.advance(19_999);
  assert.equal(asked.length, 1);
  clock.advance(1);
  assert.equal(asked.length, 2);
  transport.send({ type: 'visible', value: true });
  assert.equal(asked.length, 3);
});

test('an answer that comes after a later question is nobody’s', async () => {
  const ear = listen();
  const answers = [];
  const poll = () => new Promise((resolve) => answers.push(resolve));
  const transport = pollingRung({ source: { poll }, clock: new FakeClock() }).open(ear.sink, {
    visible: true,
    topics: ['jobs'],
  });
  transport.send({ type: 'visible', value: false });
  transport.send({ type: 'visible', value: true });
  answers[1]([{ type: 'snapshot', jobs: ['new'], end: true }]);
  await settled();
  answers[0]([{ type: 'snapshot', jobs: ['old'], end: true }]);
  await settled();
  assert.deepEqual(
    ear.heard.filter(({ type }) => type === 'snapshot').map(({ jobs }) => jobs[0]),
    ['new'],
  );
});

test('polling stops when it is closed', async () => {
  const { asked, clock, transport } = openPolling([]);
  await settled();
  transport.close();
  clock.advance(60_000);
  await settled();
  assert.equal(asked.length, 1);
});
