import assert from 'node:assert/strict';
import test from 'node:test';
import { pollingRung, socketRung, streamRung } from '../../web/transports.js';
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
    topic: null,
  });
  FakeWebSocket.last.open();
  return { ...ear, transport, socket: FakeWebSocket.last };
}

test('the socket speaks JSON and says hello first', () => {
  const { socket } = openSocket(false);
  assert.equal(socket.protocol, 'barcast.v1.json');
  assert.deepEqual(socket.sent, [{ type: 'hello', client: 'page', visible: false }]);
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

/** A `fetch` whose body the test writes. */
function openStream(topic = 'jobs', status = 200) {
  const ear = listen();
  const asked = [];
  const bodies = [];
  const fetch = async (url, { signal }) => {
    asked.push(url);
    let controller;
    const body = new ReadableStream({
      start: (made) => {
        controller = made;
      },
    });
    signal.addEventListener('abort', () => controller.error(new Error('aborted')));
    bodies.push(controller);
    return { ok: status === 200, status, body, headers: new Headers({ date: 'Sun, 22 Nov 2026 14:31:07 GMT' }) };
  };
  const source = { streamUrl: (name) => `/stream/${name}`, poll: async () => [] };
  const transport = streamRung({ source, fetch }).open(ear.sink, { visible: true, topic });
  const say = async (text) => {
    bodies.at(-1).enqueue(new TextEncoder().encode(text));
    for (let turns = 0; turns < 5; turns += 1) await settled();
  };
  return { ...ear, asked, bodies, transport, say };
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
  const { bodies, ends } = openStream();
  await settled();
  bodies[0].close();
  await settled();
  await settled();
  assert.equal(ends.length, 1);
});

test('a stream that is refused is lost', async () => {
  const { ends } = openStream('jobs', 503);
  await settled();
  await settled();
  assert.equal(ends.length, 1);
});

test('a stream closed from here is not lost', async () => {
  const { ends, transport } = openStream();
  await settled();
  transport.close();
  await settled();
  await settled();
  assert.deepEqual(ends, []);
});

test('a stream serves the topic that was asked for last, and turns back', async () => {
  const { asked, ends, heard, say, transport } = openStream();
  await settled();
  await say(': beat\n\n');
  transport.follow('jobs', null);
  transport.follow('job:j1', null);
  await settled();
  transport.unfollow('job:j1');
  await settled();
  assert.deepEqual(asked, ['/stream/jobs', '/stream/job:j1', '/stream/jobs']);
  assert.equal(types(heard).filter((type) => type === 'welcome').length, 1);
  assert.deepEqual(ends, []);
});

function openPolling(answers) {
  const ear = listen();
  const clock = new FakeClock();
  const asked = [];
  const source = {
    streamUrl: () => '',
    poll: async (topic, since) => {
      asked.push([topic, since?.log ?? null]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? [];
    },
  };
  const transport = pollingRung({ source, clock }).open(ear.sink, { visible: true, topic: 'jobs' });
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

test('a poll that fails is a loss', async () => {
  const { ends } = openPolling([new Error('down')]);
  await settled();
  assert.equal(ends.length, 1);
});

test('polling asks only for log entries that are new', async () => {
  const log = { type: 'log', job: 'j1', entries: [{ n: 7 }] };
  const { asked, clock, transport } = openPolling([[], [log], []]);
  await settled();
  transport.follow('job:j1', { epoch: 'e1', seq: 1, log: 3 });
  await settled();
  clock.advance(5_000);
  await settled();
  assert.deepEqual(asked, [
    ['jobs', null],
    ['job:j1', 3],
    ['job:j1', 7],
  ]);
});

test('polling stops when it is closed', async () => {
  const { asked, clock, transport } = openPolling([]);
  await settled();
  transport.close();
  clock.advance(60_000);
  await settled();
  assert.equal(asked.length, 1);
});
