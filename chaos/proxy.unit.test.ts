import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { until } from '#kit/until.fixture';
import { openLink, type Link } from './proxy';

let echo: Server;
let link: Link;
const sockets: Socket[] = [];
beforeEach(async () => {
  echo = createServer((socket) => void socket.pipe(socket).on('error', () => {}));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  link = await openLink((echo.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await link.close();
  echo.close();
});

function client() {
  const socket = connect(link.port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  let ended: string | undefined;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('error', (error: NodeJS.ErrnoException) => (ended = error.code));
  socket.on('close', () => (ended ??= 'closed'));
  return { socket, received: () => received, ended: () => ended };
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('When nothing is wrong, then everything passes', async () => {
  const one = client();
  one.socket.write('hello');
  await until('it has passed', () => one.received().length === 5);
  expect(one.received()).toBe('hello');
});

test('When the link is cut, then connections are reset, new ones too, until it is healed', async () => {
  const one = client();
  one.socket.write('a');
  await until('it has passed', () => one.received() === 'a');
  link.disturb({ mode: 'cut' });
  await until('it has ended', () => one.ended() !== undefined);
  const two = client();
  await until('it has ended', () => two.ended() !== undefined);
  link.heal();
  expect(link.traffic()).toMatchObject({ connections: 2, cut: 1 });
  const three = client();
  three.socket.write('b');
  await until('it has passed', () => three.received() === 'b');
});

test('When the link stalls, then nothing passes and nothing is lost', async () => {
  const one = client();
  one.socket.write('a');
  await until('it has passed', () => one.received() === 'a');
  link.disturb({ mode: 'stall' });
  one.socket.write('b');
  const two = client();
  two.socket.write('c');
  // a, its echo, b and c.
  await until('b and c have come', () => link.traffic().bytes === 4);
  await pause(150);
  expect([one.received(), two.received(), one.ended()]).toEqual(['a', '', undefined]);
  expect(link.traffic()).toEqual({ connections: 2, bytes: 4, cut: 0, refused: 0, dropped: 0 });
  link.heal();
  await until('all of it has passed', () => one.received() === 'ab' && two.received() === 'c');
});

test('When the link is slow, then everything passes late', async () => {
  const one = client();
  link.disturb({ mode: 'slow', delayMs: 100 });
  const startedMs = performance.now();
  one.socket.write('a');
  await until('it has passed', () => one.received() === 'a');
  expect(performance.now() - startedMs).toBeGreaterThan(190);
});

test('When a slow link is healed while something is late, then the order stays', async () => {
  const one = client();
  link.disturb({ mode: 'slow', delayMs: 120 });
  one.socket.write('1');
  await until('1 has come', () => link.traffic().bytes === 1);
  link.heal();
  one.socket.write('2');
  await pause(20);
  one.socket.write('3');
  await until('all of it has passed', () => one.received().length === 3);
  expect(one.received()).toBe('123');
});

test('When the other end is gone, then present connections are not told, and new ones work', async () => {
  const one = client();
  one.socket.write('a');
  await until('it has passed', () => one.received() === 'a');
  link.disturb({ mode: 'half-open', isNextToo: false });
  one.socket.write('bb');
  const two = client();
  two.socket.write('c');
  await until('it has passed', () => two.received() === 'c');
  await until('bb is dropped', () => link.traffic().dropped === 2);
  link.heal();
  await pause(100);
  expect([one.received(), one.ended()]).toEqual(['a', undefined]);
  expect(link.traffic()).toMatchObject({ connections: 2, dropped: 2 });
});

test('When the other end of the next connection is gone, too, then it is not told either, and the one after it works', async () => {
  link.disturb({ mode: 'half-open', isNextToo: true });
  const one = client();
  one.socket.write('bb');
  await until('both are dropped', () => link.traffic().dropped === 2);
  const two = client();
  two.socket.write('c');
  await until('it has passed', () => two.received() === 'c');
  expect([one.received(), one.ended()]).toEqual(['', undefined]);
  link.disturb({ mode: 'half-open', isNextToo: true });
  link.heal();
  const three = client();
  three.socket.write('d');
  await until('it has passed', () => three.received() === 'd');
});

test.each([
  ['a COMMIT', '\u0003COMMIT'],
  ['a packet that ends with COMMIT', '\u0003INSERT INTO t VALUES (1);\nCOMMIT'],
])('When %s is held, then it arrives and its answer does not, until it is healed', async (_what, commit) => {
  const one = client();
  const held = link.holdCommit();
  one.socket.write('\u0003SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
  await until('it has passed', () => one.received().endsWith('READ COMMITTED'));
  const before = one.received();
  one.socket.write(commit);
  await held;
  expect(one.received()).toBe(before);
  link.heal();
  await until('it has passed', () => one.received().endsWith(commit));
});

test('When the server is away, then the client is told, and that is counted', async () => {
  await new Promise((resolve) => echo.close(resolve));
  const one = client();
  await until('it has ended', () => one.ended() !== undefined);
  expect(link.traffic()).toMatchObject({ connections: 1, refused: 1 });
});
