import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
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
async function until(check: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 500 && !check(); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  return check();
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('When nothing is wrong, then everything passes', async () => {
  const one = client();
  one.socket.write('hello');
  expect(await until(() => one.received() === 'hello')).toBe(true);
});

test('When the link is cut, then connections are reset, new ones too, until it is healed', async () => {
  const one = client();
  one.socket.write('a');
  expect(await until(() => one.received() === 'a')).toBe(true);
  link.disturb({ mode: 'cut' });
  expect(await until(() => one.ended() !== undefined)).toBe(true);
  const two = client();
  expect(await until(() => two.ended() !== undefined)).toBe(true);
  link.heal();
  expect(link.traffic()).toMatchObject({ connections: 2, cut: 1 });
  const three = client();
  three.socket.write('b');
  expect(await until(() => three.received() === 'b')).toBe(true);
});

test('When the link stalls, then nothing passes and nothing is lost', async () => {
  const one = client();
  one.socket.write('a');
  expect(await until(() => one.received() === 'a')).toBe(true);
  link.disturb({ mode: 'stall' });
  one.socket.write('b');
  const two = client();
  two.socket.write('c');
  await pause(150);
  expect([one.received(), two.received(), one.ended()]).toEqual(['a', '', undefined]);
  // a, its echo, b and c.
  expect(link.traffic()).toEqual({ connections: 2, bytes: 4, cut: 0, refused: 0, dropped: 0 });
  link.heal();
  expect(await until(() => one.received() === 'ab' && two.received() === 'c')).toBe(true);
});

test('When the link is slow, then everything passes late', async () => {
  const one = client();
  link.disturb({ mode: 'slow', delayMs: 100 });
  const startedMs = performance.now();
  one.socket.write('a');
  expect(await until(() => one.received() === 'a')).toBe(true);
  expect(performance.now() - startedMs).toBeGreaterThan(190);
});

test('When a slow link is healed while something is late, then the order stays', async () => {
  const one = client();
  link.disturb({ mode: 'slow', delayMs: 120 });
  one.socket.write('1');
  await pause(20);
  link.heal();
  one.socket.write('2');
  await pause(20);
  one.socket.write('3');
  expect(await until(() => one.received().length === 3)).toBe(true);
  expect(one.received()).toBe('123');
});

test('When the other end is gone, then present connections are not told, and new ones work', async () => {
  const one = client();
  one.socket.write('a');
  expect(await until(() => one.received() === 'a')).toBe(true);
  link.disturb({ mode: 'half-open', isNextToo: false });
  one.socket.write('bb');
  const two = client();
  two.socket.write('c');
  expect(await until(() => two.received() === 'c')).toBe(true);
  link.heal();
  await pause(100);
  expect([one.received(), one.ended()]).toEqual(['a', undefined]);
  expect(link.traffic()).toMatchObject({ connections: 2, dropped: 2 });
});

test('When the other end of the next connection is gone, too, then it is not told either, and the one after it works', async () => {
  link.disturb({ mode: 'half-open', isNextToo: true });
  const one = client();
  one.socket.write('bb');
  expect(await until(() => link.traffic().dropped === 2)).toBe(true);
  const two = client();
  two.socket.write('c');
  expect(await until(() => two.received() === 'c')).toBe(true);
  expect([one.received(), one.ended()]).toEqual(['', undefined]);
  link.disturb({ mode: 'half-open', isNextToo: true });
  link.heal();
  const three = client();
  three.socket.write('d');
  expect(await until(() => three.received() === 'd')).toBe(true);
});

test('When a COMMIT is held, then it arrives and its answer does not, until it is healed', async () => {
  const one = client();
  const held = link.holdCommit();
  one.socket.write('\u0003SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
  expect(await until(() => one.received().endsWith('READ COMMITTED'))).toBe(true);
  const before = one.received();
  one.socket.write('\u0003COMMIT');
  await held;
  expect(one.received()).toBe(before);
  link.heal();
  expect(await until(() => one.received().endsWith('\u0003COMMIT'))).toBe(true);
});

test('When the server is away, then the client is told, and that is counted', async () => {
  await new Promise((resolve) => echo.close(resolve));
  const one = client();
  expect(await until(() => one.ended() !== undefined)).toBe(true);
  expect(link.traffic()).toMatchObject({ connections: 1, refused: 1 });
});
