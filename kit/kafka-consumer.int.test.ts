import { randomUUID } from 'node:crypto';
import type { Admin, Kafka, Producer } from 'kafkajs';
import { sleep } from './clock';
import { createKafka } from './kafka';
import {
  startConsumerLoop,
  type ConsumedMessage,
  type ConsumerLoop,
  type ConsumerLoopOptions,
} from './kafka-consumer';
import { createLog } from './log';
import { brokerOfTheRun } from './testing.config';
import { createTopics } from './topics.fixture';
import { until } from './until.fixture';

// The loop on a real broker. Every test has a topic and a group of its own; the producer is the test's.

const log = createLog('test', 'silent');
const SESSION_TIMEOUT_MS = 6_000;
/** The pause after so many failures. Stopping does not wait for it: even a slow machine needs less than half of it. */
const CALLS_BEFORE_LONG_PAUSE = 6;
const LONG_PAUSE_MS = 8_000;
let kafka: Kafka;
let admin: Admin;
let producer: Producer;
const loops: ConsumerLoop[] = [];
const topics: string[] = [];

beforeAll(async () => {
  kafka = createKafka(brokerOfTheRun(), `test-${randomUUID()}`, log);
  admin = kafka.admin();
  producer = kafka.producer({ idempotent: true });
  await Promise.all([admin.connect(), producer.connect()]);
});
afterAll(async () => {
  await Promise.all(loops.map((loop) => loop.stop()));
  await admin.deleteTopics({ topics });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});

async function newTopic(numPartitions = 1): Promise<{ topic: string; groupId: string }> {
  const topic = `test-${randomUUID()}`;
  await createTopics(admin, [{ topic, numPartitions }]);
  topics.push(topic);
  return { topic, groupId: `group-${topic}` };
}

const send = (topic: string, values: string[]): Promise<unknown> =>
  producer.send({ topic, messages: values.map((value) => ({ key: 'order', value })) });
const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `m${from + i}`);
const texts = (messages: ConsumedMessage[]): string[] => messages.map(({ value }) => String(value));

async function start(
  options: Partial<ConsumerLoopOptions> & { topic: string; groupId: string },
): Promise<ConsumerLoop> {
  const loop = await startConsumerLoop({
    kafka,
    batchSizeMax: 10,
    batchSpacingMs: 10,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    handle: async () => {},
    onDeath: (error) => {
      throw error;
    },
    log,
    ...options,
  });
  loops.push(loop);
  return loop;
}

async function committed({ topic, groupId }: { topic: string; groupId: string }): Promise<number> {
  const [of] = await admin.fetchOffsets({ groupId, topics: [topic] });
  return Number(of?.partitions[0]?.offset);
}

describe('the consumer loop', () => {
  it('When messages come, then they are handed over in order, in chunks of the size asked for, and committed', async () => {
    const place = await newTopic();
    await send(place.topic, names(25));
    const chunks: string[][] = [];
    const loop = await start({ ...place, handle: async (messages) => void chunks.push(texts(messages)) });
    await until('all handled', () => chunks.flat().length === 25);
    expect(chunks.flat()).toEqual(names(25));
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(10);
    await until('committed', async () => (await committed(place)) === 25);
    await loop.ready();
    expect(loop.isAlive()).toBe(true);
  });

  it('When a message comes, then it is handed over as it is: bytes, headers as text, place and time', async () => {
    const place = await newTopic();
    const seen: ConsumedMessage[] = [];
    await start({ ...place, handle: async (messages) => void seen.push(...messages) });
    const value = Buffer.from([0, 255, 254]);
    await producer.send({
      topic: place.topic,
      messages: [
        {
          key: Buffer.from([1]),
          value,
          headers: { id: 'a', many: ['x', 'y'], empty: '', 이름: '값', bytes: Buffer.from([255]) },
          timestamp: '1700000000123',
        },
        { key: null, value: null },
      ],
    });
    await until('both', () => seen.length === 2);
    expect(seen[0]).toEqual({
      topic: place.topic,
      partition: 0,
      offset: 0n,
      key: Buffer.from([1]),
      value,
      headers: { id: 'a', many: 'x', empty: '', 이름: '값', bytes: '\ufffd' },
      originalHeaders: [
        ['id', Buffer.from('a')],
        ['many', Buffer.from('x')],
        ['many', Buffer.from('y')],
        ['empty', Buffer.alloc(0)],
        ['이름', Buffer.from('값')],
        ['bytes', Buffer.from([255])],
      ],
      publishedAt: new Date(1_700_000_000_123),
    });
    expect(seen[1]).toMatchObject({ offset: 1n, key: null, value: null, headers: {} });
  });

  it('When the handler throws, then the same chunk comes again, nothing is committed, and it is not ready', async () => {
    const place = await newTopic();
    const calls: string[][] = [];
    let isBroken = true;
    const loop = await start({
      ...place,
      batchSizeMax: 3,
      handle: async (messages) => {
        calls.push(texts(messages));
        if (isBroken && calls.length > 1) throw new Error('no database');
      },
    });
    await send(place.topic, names(3));
    await until('the first chunk', () => calls.length === 1);
    await send(place.topic, names(6, 3));
    await until('repeated', () => calls.length >= 4);
    expect(calls.slice(1, 4)).toEqual([calls[1], calls[1], calls[1]]);
    expect(await committed(place)).toBe(3);
    await expect(loop.ready()).rejects.toThrow('the last batch failed');
    expect(loop.isAlive()).toBe(true);
    isBroken = false;
    await until('all committed', async () => (await committed(place)) === 9);
    await loop.ready();
    expect([...new Set(calls.flat())]).toEqual(names(9));
  });

  it('When it is stopped in the middle of a chunk, then the chunk is finished and committed, and the rest is left', async () => {
    const place = await newTopic();
    await send(place.topic, names(9));
    const first: string[] = [];
    let entered = (): void => {};
    const isIn = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const loop = await start({
      ...place,
      batchSizeMax: 3,
      handle: async (messages) => {
        entered();
        await sleep(300);
        first.push(...texts(messages));
      },
    });
    await isIn;
    await loop.stop();
    expect(first).toEqual(names(3));
    expect(await committed(place)).toBe(3);
    const second: string[] = [];
    await start({ ...place, handle: async (messages) => void second.push(...texts(messages)) });
    await until('the rest', () => second.length >= 6);
    expect(second).toEqual(names(6, 3));
  });

  it('When it is stopped while the handler fails, then it stops at once and the chunk comes to the next', async () => {
    const place = await newTopic();
    await send(place.topic, names(2));
    let calls = 0;
    const loop = await start({
      ...place,
      handle: async () => {
        calls += 1;
        throw new Error('no database');
      },
    });
    await until('failing', () => calls >= CALLS_BEFORE_LONG_PAUSE);
    const startedMs = performance.now();
    await loop.stop();
    expect(performance.now() - startedMs).toBeLessThan(LONG_PAUSE_MS / 2);
    const seen: string[] = [];
    await start({ ...place, handle: async (messages) => void seen.push(...texts(messages)) });
    await until('again', () => seen.length >= 2);
    expect(seen).toEqual(names(2));
  });

  it('When it is stopped during an attempt that fails then, then no pause follows', async () => {
    const place = await newTopic();
    await send(place.topic, names(2));
    let calls = 0;
    const loop = await start({
      ...place,
      handle: async () => {
        calls += 1;
        await sleep(calls < CALLS_BEFORE_LONG_PAUSE ? 0 : 300);
        throw new Error('no database');
      },
    });
    await until('the attempt before a long pause', () => calls >= CALLS_BEFORE_LONG_PAUSE);
    const startedMs = performance.now();
    await loop.stop();
    expect(performance.now() - startedMs).toBeLessThan(LONG_PAUSE_MS / 2);
  });

  it('When a chunk takes longer than the session, then the membership is kept and nothing is delivered twice', async () => {
    const place = await newTopic();
    await send(place.topic, names(2));
    const seen: string[] = [];
    await start({
      ...place,
      batchSizeMax: 1,
      handle: async (messages) => {
        seen.push(...texts(messages));
        if (seen.length === 1) await sleep(SESSION_TIMEOUT_MS + 2_000);
      },
    });
    await until('both', async () => (await committed(place)) === 2);
    expect(seen).toEqual(names(2));
  });

  it('When a transaction is aborted, then its messages are never seen', async () => {
    const place = await newTopic();
    const transactional = kafka.producer({
      transactionalId: place.topic,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await transactional.connect();
    const aborted = await transactional.transaction();
    await aborted.send({ topic: place.topic, messages: [{ value: 'aborted' }] });
    await aborted.abort();
    const held = await transactional.transaction();
    await held.send({ topic: place.topic, messages: [{ value: 'committed' }] });
    await held.commit();
    await transactional.disconnect();
    const seen: string[] = [];
    await start({ ...place, handle: async (messages) => void seen.push(...texts(messages)) });
    await until('the committed one', () => seen.length > 0);
    expect(seen).toEqual(['committed']);
  });

  it('When the consumer can never start again, then its death is told, and it is not ready', async () => {
    const place = await newTopic();
    const deaths: unknown[] = [];
    // Below the broker's minimum: refused for good, whatever is repeated.
    const loop = await start({ ...place, sessionTimeoutMs: 50, onDeath: (error) => deaths.push(error) });
    await until('death', () => deaths.length > 0);
    expect(String(deaths[0])).toMatch(/session timeout/i);
    await expect(loop.ready()).rejects.toThrow('not a member of the group');
    await sleep(400);
    expect(loop.isAlive()).toBe(false);
  });

  // Partitions go to the members in the order of their ids, which begin with the client's.
  const client = (name: string): Kafka =>
    createKafka(brokerOfTheRun(), `${name}-${randomUUID()}`, createLog('test', 'silent'));

  it('When a partition goes to another after its chunk has failed here, then this one is ready again', async () => {
    const place = await newTopic();
    await send(place.topic, names(3));
    const failing = await start({
      ...place,
      kafka: client('z'),
      handle: async () => {
        throw new Error('no database');
      },
    });
    await until('it has failed', () =>
      failing.ready().then(
        () => false,
        (error: Error) => /batch/.test(error.message),
      ),
    );
    const taken: string[] = [];
    await start({
      ...place,
      kafka: client('a'),
      handle: async (messages) => void taken.push(...texts(messages)),
    });
    await until('the other has them', () => taken.length === 3);
    await until('it is ready', () =>
      failing.ready().then(
        () => true,
        () => false,
      ),
    );
    expect(taken).toEqual(names(3));
  });

  it('When another joins in the middle of a chunk, then all is handled, and no offset is taken back', async () => {
    const place = await newTopic();
    await send(place.topic, names(30));
    const done: string[] = [];
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let began = false;
    await start({
      ...place,
      kafka: client('z'),
      handle: async (messages) => {
        began = true;
        await released;
        done.push(...texts(messages));
      },
    });
    await until('it has begun', () => began);
    const taken: string[] = [];
    await start({
      ...place,
      kafka: client('a'),
      handle: async (messages) => void taken.push(...texts(messages)),
    });
    await until('the other has all of them', async () => (await committed(place)) === 30);
    release?.();
    await until('the first one is done', () => done.length > 0);
    await sleep(500);
    // It was handled twice, which the inbox knows; the broker takes no offset from whoever had to give the partition up.
    expect(taken).toEqual(names(30));
    expect(done).toEqual(names(10));
    expect(await committed(place)).toBe(30);
  });

  it('When two share a group, then each message goes to one of them, and a leaver’s part is taken over', async () => {
    const place = await newTopic(4);
    const seen: [string, string][] = [];
    const join = (who: string) =>
      start({
        ...place,
        handle: async (messages) =>
          void seen.push(...texts(messages).map((text): [string, string] => [who, text])),
      });
    const [one] = [await join('one'), await join('two')];
    const spread = (values: string[]) =>
      producer.send({
        topic: place.topic,
        messages: values.map((value, i) => ({ value, partition: i % 4 })),
      });
    await until('both are members', async () => {
      const { groups } = await admin.describeGroups([place.groupId]);
      return groups[0]?.state === 'Stable' && groups[0].members.length === 2;
    });
    await spread(names(40));
    await until('all', () => new Set(seen.map(([, text]) => text)).size === 40);
    expect(new Set(seen.map(([who]) => who))).toEqual(new Set(['one', 'two']));
    await one.stop();
    const before = seen.length;
    await spread(names(8, 40));
    await until('taken over', () => new Set(seen.map(([, text]) => text)).size === 48);
    expect(new Set(seen.slice(before).map(([who]) => who))).toEqual(new Set(['two']));
  });
});
