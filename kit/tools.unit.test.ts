import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { sleep } from './clock';
import { ConfigError, flag, list, port, positiveInt, readConfig } from './config';
import { cursorParameter, encodeCursor, limitParameter } from './cursor';
import { systemIds } from './ids';
import { brokersOf, kafkaShape } from './kafka.config';
import { Releases } from './releases';
import { isTraceparent, traceparentOf } from './trace-context';

describe('readConfig', () => {
  const shape = z.object({
    PORT: port(8080),
    SECRET: z.string(),
    COUNT: positiveInt(3),
    IS_ON: flag(false),
    NAMES: list('a, b'),
  });

  it('When several variables are bad, then all of them are named at once, and no value is repeated', () => {
    const env = { PORT: '70000', COUNT: 'hidden-1', IS_ON: 'hidden-2' };
    expect(() => readConfig(shape, env)).toThrow(ConfigError);
    const message = (() => {
      try {
        readConfig(shape, env);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    for (const name of ['PORT', 'SECRET', 'COUNT', 'IS_ON'])
      expect(message).toMatch(new RegExp(`^ {2}${name}: `, 'm'));
    expect(message).not.toMatch(/hidden|70000/);
  });

  it('When a variable is blank, then it is absent', () => {
    expect(readConfig(shape, { PORT: '', SECRET: 's', COUNT: '' })).toEqual({
      PORT: 8080,
      SECRET: 's',
      COUNT: 3,
      IS_ON: false,
      NAMES: ['a', 'b'],
    });
    expect(() => readConfig(shape, { SECRET: '' })).toThrow(/SECRET/);
  });

  it.each([
    [{ IS_ON: 'true' }, { IS_ON: true }],
    [{ IS_ON: '1' }, { IS_ON: true }],
    [{ IS_ON: '0' }, { IS_ON: false }],
    [{ PORT: '0' }, { PORT: 0 }],
    [{ NAMES: ' x ,, y,' }, { NAMES: ['x', 'y'] }],
  ])('%j is read as %j', (env, expected) => {
    expect(readConfig(shape, { SECRET: 's', ...env })).toMatchObject(expected);
  });

  it.each([
    { PORT: '-1' },
    { PORT: '80.5' },
    { PORT: 'x' },
    { COUNT: '0' },
    { COUNT: '-3' },
    { IS_ON: 'yes' },
  ])('%j is refused', (env) => {
    expect(() => readConfig(shape, { SECRET: 's', ...env })).toThrow(ConfigError);
  });

  it('When no broker is named, then it is the development broker', () => {
    const kafka = (env: NodeJS.ProcessEnv) => brokersOf(readConfig(z.object(kafkaShape), env));
    expect(kafka({ KAFKA_PORT: '9999' })).toEqual(['127.0.0.1:9999']);
    expect(kafka({ KAFKA_BROKERS: 'a:1, b:2' })).toEqual(['a:1', 'b:2']);
  });
});

describe('cursor and limit', () => {
  const cursor = (text: string | undefined) =>
    z.object({ cursor: cursorParameter }).safeParse({ cursor: text });
  const limit = (text: string | undefined) => z.object({ limit: limitParameter }).safeParse({ limit: text });

  it('When a cursor of ours comes back, then it is the row it was made of', () => {
    for (const no of [0n, 1n, 9_223_372_036_854_775_807n]) {
      expect(cursor(encodeCursor(no))).toMatchObject({ success: true, data: { cursor: no } });
    }
    expect(cursor(undefined)).toMatchObject({ success: true });
  });

  it.each([
    '',
    'x',
    '12',
    `${encodeCursor(12n)}=`,
    `${encodeCursor(12n)} `,
    Buffer.from('-1').toString('base64url'),
    Buffer.from('1.5').toString('base64url'),
    Buffer.from('012').toString('base64url'),
    'A'.repeat(41),
  ])('When the cursor is %p, then it is refused', (text) => {
    expect(cursor(text).success).toBe(false);
  });

  it.each([
    ['1', 1],
    ['200', 200],
    [undefined, 50],
  ])('limit %p is %p', (text, expected) => {
    expect(limit(text)).toMatchObject({ success: true, data: { limit: expected } });
  });

  it.each(['0', '201', '-1', '1.5', '1e2', '', ' 1', '0x1'])('limit %p is refused', (text) => {
    expect(limit(text).success).toBe(false);
  });
});

describe('Releases', () => {
  const recorder = () => {
    const done: string[] = [];
    const failed: unknown[] = [];
    const log = { error: (what: unknown) => failed.push(what) } as never;
    return { done, failed, log, releases: new Releases() };
  };

  it('When things are released, then the last opened goes first, each after the other', async () => {
    const { releases, done, log } = recorder();
    releases.push('database', () => void done.push('database'));
    releases.push('consumer', async () => {
      await sleep(20);
      done.push('consumer');
    });
    releases.push('server', () => void done.push('server'));
    await releases.releaseAll(log);
    expect(done).toEqual(['server', 'consumer', 'database']);
  });

  it('When one fails, then the others are released all the same and the failure is named', async () => {
    const { releases, done, failed, log } = recorder();
    releases.push('a', () => void done.push('a'));
    releases.push('b', async () => {
      throw new Error('no');
    });
    releases.push('c', () => {
      throw new Error('neither');
    });
    await releases.releaseAll(log);
    expect(done).toEqual(['a']);
    expect(failed).toMatchObject([{ resource: 'c' }, { resource: 'b' }]);
  });

  it('When it is asked twice, then each is released once and both wait', async () => {
    const { releases, done, log } = recorder();
    releases.push('a', async () => {
      await sleep(20);
      done.push('a');
    });
    const first = releases.releaseAll(log);
    await releases.releaseAll(log);
    expect(done).toEqual(['a']);
    await first;
  });
});

describe('the trace context', () => {
  const GOOD = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('When the caller has one, then it goes on', () => {
    expect(traceparentOf(GOOD)).toBe(GOOD);
    expect(isTraceparent(GOOD)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'x',
    GOOD.toUpperCase(),
    `${GOOD}\n`,
    `${GOOD}-x`,
    GOOD.replace('00-', 'ff-'),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  ])('When the caller’s is %p, then a new one is made', (header) => {
    const made = traceparentOf(header);
    expect(made).not.toBe(header);
    expect(isTraceparent(made)).toBe(true);
    expect(traceparentOf(header)).not.toBe(made);
  });

  it('When there are several headers, then none is trusted', () => {
    expect(traceparentOf([GOOD, GOOD])).not.toBe(GOOD);
  });
});

describe('ids', () => {
  it('Event ids sort by time of creation; order ids tell nothing', () => {
    const ids = Array.from({ length: 50 }, () => systemIds.eventId());
    expect(ids.toSorted()).toEqual(ids);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(systemIds.orderId()).toMatch(/^[\w-]{36}$/);
    expect(systemIds.orderId()[14]).toBe('4');
    expect(new Set(Array.from({ length: 1_000 }, () => systemIds.orderId())).size).toBe(1_000);
  });
});

describe('sleep', () => {
  const HOUR_MS = 3_600_000;

  it('When the signal aborts, then it ends at once, also when it had aborted before', async () => {
    const controller = new AbortController();
    const startedMs = performance.now();
    const asleep = sleep(HOUR_MS, controller.signal);
    controller.abort();
    await asleep;
    await sleep(HOUR_MS, controller.signal);
    expect(performance.now() - startedMs).toBeLessThan(HOUR_MS);
  });
});

describe('the log', () => {
  const lines = (script: string): Record<string, unknown>[] => {
    const { stdout } = spawnSync(
      process.execPath,
      [
        '-e',
        `const log = require(${JSON.stringify(join(__dirname, '..', 'dist', 'kit', 'log.js'))}).createLog('shop', 'info'); ${script}`,
      ],
      { encoding: 'utf8', env: {} },
    );
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('When credentials stand in what is logged, then they do not stand in the line', () => {
    const [line, ...rest] = lines(`log.info({
      password: 'hidden', secretKey: 'hidden', authorization: 'hidden', headers: { authorization: 'hidden' },
      req: { headers: { authorization: 'hidden', cookie: 'hidden' } },
      config: { password: 'hidden', secretKey: 'hidden', authorization: 'hidden' }, orderId: 'order-1',
    }, 'paid'); log.debug('not said')`);
    expect(rest).toEqual([]);
    expect(JSON.stringify(line)).not.toMatch(/hidden/);
    expect(line).toMatchObject({
      level: 'info',
      service: 'shop',
      msg: 'paid',
      orderId: 'order-1',
      password: '[redacted]',
    });
    expect(line?.['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});
