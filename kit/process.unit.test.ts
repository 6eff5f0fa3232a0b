import { Writable } from 'node:stream';
import { createLog } from './log';
import { runUntilSignal } from './process';
import { Releases } from './releases';

const EVENTS = ['SIGINT', 'SIGTERM', 'disconnect', 'uncaughtException', 'unhandledRejection'] as const;
const foreseen = new Error('the connection broke while it was set up');

/** A service that runs; `happen` is what the process is told, `ended` what comes of it. */
function running(isForeseen?: (error: unknown) => boolean) {
  const lines: { level: string; msg: string }[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as (typeof lines)[number]);
      done();
    },
  });
  const ended: string[] = [];
  let hasEnded = (): void => {};
  const end = new Promise<void>((resolve) => (hasEnded = resolve));
  jest.spyOn(process, 'exit').mockImplementation((exitCode) => {
    ended.push(`exit ${exitCode}`);
    hasEnded();
    return undefined as never;
  });
  const releases = new Releases();
  releases.push('database', () => void ended.push('released'));
  runUntilSignal({
    log: createLog('test', 'warn', sink),
    releases,
    releaseTimeoutMs: 5_000,
    ...(isForeseen === undefined ? {} : { isForeseen }),
  });
  const nobodys = Promise.resolve();
  const reject = (error: unknown): boolean => process.emit('unhandledRejection', error, nobodys);
  return { reject, ended, end, lines };
}

// The process is the tests' own: what is added to it is taken away again.
const before = new Map(EVENTS.map((name) => [name, process.listeners(name as 'SIGINT')]));
afterEach(() => {
  for (const name of EVENTS) {
    for (const listener of process.listeners(name as 'SIGINT'))
      if (!before.get(name)?.includes(listener)) process.removeListener(name, listener);
  }
});

describe('a rejection that nobody waits for', () => {
  const isForeseen = (error: unknown): boolean => error === foreseen;

  test('When it is foreseen, then it is written down and the process goes on', async () => {
    const { reject, ended, lines } = running(isForeseen);
    expect(reject(foreseen)).toBe(true);
    await new Promise(setImmediate);
    expect(ended).toEqual([]);
    expect(lines).toMatchObject([{ level: 'warn', msg: 'a connection broke while it was set up' }]);
  });

  test('When it is another one, then everything is released and the process ends with 1, once', async () => {
    const { reject, ended, end, lines } = running(isForeseen);
    reject(new Error('a defect'));
    reject(new Error('and one that follows'));
    await end;
    expect(ended).toEqual(['released', 'exit 1']);
    expect(lines[0]).toMatchObject({ level: 'fatal', msg: 'unforeseen error, ending the process' });
  });

  test('When a service foresees nothing, then each of them ends the process', async () => {
    const { reject, ended, end } = running();
    reject(foreseen);
    await end;
    expect(ended).toEqual(['released', 'exit 1']);
  });

  test('When a foreseen error is thrown instead of rejected, then the process ends all the same', async () => {
    const { ended, end } = running(isForeseen);
    process.emit('uncaughtException', foreseen);
    await end;
    expect(ended).toEqual(['released', 'exit 1']);
  });
});
