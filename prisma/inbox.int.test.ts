import { randomUUID } from 'node:crypto';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { arrive, knownEvents, knownSequences, type Arrival } from './inbox';
import { inTransaction, isDuplicateKey } from './transaction';

const WALLET = 'wallet-service';
const PAYMENT = 'payment-service';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('wallet');
});
afterAll(() => database.close());

const arrival = (over: Partial<Arrival> = {}): Arrival => ({
  eventId: randomUUID(),
  topic: 'payment',
  partition: 2,
  offset: 9_007_199_254_740_993n,
  aggregateId: randomUUID(),
  eventSeq: 1,
  payloadHash: 'a'.repeat(64),
  publishedAt: new Date('2026-11-22T03:00:00.123Z'),
  ...over,
});
const settle = (consumer: string, ...arrivals: Arrival[]): Promise<void> =>
  inTransaction(database.db, (tx) => arrive(tx, consumer, arrivals));

describe('arrive', () => {
  it('When events are dealt with, then their rows say where they stood, to the last digit', async () => {
    const [first, second] = [
      arrival(),
      arrival({ eventId: 'payment:2:7', aggregateId: null, eventSeq: null, publishedAt: null }),
    ];
    await settle(WALLET, first, second);
    const rows = await database.db.inbox.findMany({
      where: { eventId: { in: [first.eventId, second.eventId] } },
    });
    const { processedAt, ...row } = rows.find(({ eventId }) => eventId === first.eventId) ?? {};
    expect(row).toEqual({ consumer: WALLET, ...first, applied: true });
    expect(Math.abs((processedAt?.getTime() ?? 0) - Date.now())).toBeLessThan(30_000);
    expect(rows.find(({ eventId }) => eventId === second.eventId)).toMatchObject({
      aggregateId: null,
      eventSeq: null,
      publishedAt: null,
    });
  });

  it('When an event comes again, then the unique key says so and its whole batch is undone', async () => {
    const known = arrival();
    await settle(WALLET, known);
    const fresh = arrival();
    const again = settle(WALLET, fresh, known).then(() => undefined);
    await expect(again).rejects.toThrow();
    expect(isDuplicateKey(await settle(WALLET, known).catch((error: unknown) => error))).toBe(true);
    expect(await knownEvents(database.db, WALLET, [fresh.eventId])).toEqual(new Map());
  });

  it('When two consumers race for one event, then one holds and the other is told', async () => {
    const event = arrival();
    const results = await Promise.allSettled([settle(WALLET, event), settle(WALLET, event)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [lost] = results.filter((result) => result.status === 'rejected');
    expect(isDuplicateKey(lost?.reason)).toBe(true);
  });

  it('When another consumer deals with the same event, then that is its own matter', async () => {
    const event = arrival();
    await settle(WALLET, event);
    await settle(PAYMENT, event);
    expect(await knownEvents(database.db, PAYMENT, [event.eventId])).toEqual(
      new Map([[event.eventId, event.payloadHash]]),
    );
  });

  it('When the effect is rolled back, then the event has not arrived', async () => {
    const event = arrival();
    await inTransaction(database.db, async (tx) => {
      await arrive(tx, WALLET, [event]);
      throw new Error('no');
    }).catch(() => {});
    expect(await knownEvents(database.db, WALLET, [event.eventId])).toEqual(new Map());
  });

  it('When nothing was asked or nothing came, then nothing is said to MySQL', async () => {
    await settle(WALLET);
    expect(await knownEvents(database.db, WALLET, [])).toEqual(new Map());
    expect(await knownSequences(database.db, WALLET, [])).toEqual(new Map());
  });
});

describe('what is known', () => {
  it('When ids are asked for, then only those dealt with by this consumer are told; case counts', async () => {
    const [ours, theirs] = [arrival({ eventId: 'abc' }), arrival()];
    await settle(WALLET, ours);
    await settle(PAYMENT, theirs);
    expect(await knownEvents(database.db, WALLET, ['abc', 'ABC', theirs.eventId, 'never'])).toEqual(
      new Map([['abc', ours.payloadHash]]),
    );
  });

  it('When sequences are asked for, then every content that took a number is told, and none that was parked', async () => {
    const orderId = randomUUID();
    const of = (eventSeq: number | null, payloadHash: string) =>
      arrival({ aggregateId: orderId, eventSeq, payloadHash });
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
    await settle(WALLET, of(1, a), of(1, b), of(2, c), of(null, c), arrival());
    await settle(PAYMENT, of(3, c));
    await inTransaction(database.db, (tx) => arrive(tx, WALLET, [of(2, b)], { applied: false }));
    expect(await knownSequences(database.db, WALLET, [orderId, 'another'])).toEqual(
      new Map([
        [`${orderId}#1`, new Set([a, b])],
        [`${orderId}#2`, new Set([c])],
      ]),
    );
  });
});
