import { randomUUID } from 'node:crypto';
import { PAYLOAD_BYTES_MAX } from '#contracts/topics';
import { openTestDatabase, testCodec, type TestDatabase } from './database.fixture';
import { depart, type Departure } from './outbox';
import { inTransaction, mysqlErrorNumber } from './transaction';

const { encode, decode } = testCodec();
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('paymentApi');
});
afterAll(() => database.close());

function departure(
  over: Partial<Departure<'payment.PaymentConfirmed'>> = {},
): Departure<'payment.PaymentConfirmed'> {
  const orderId = over.aggregateId ?? randomUUID();
  return {
    eventId: randomUUID(),
    topic: 'payment',
    aggregateId: orderId,
    seq: 1,
    record: 'payment.PaymentConfirmed',
    value: {
      orderId,
      paymentKey: '결제-key',
      currency: 'KRW',
      totalAmount: 6000n,
      approvedAt: new Date('2026-11-22T03:00:00.123Z'),
      lines: [{ paymentOrderNo: 1, sellerNo: 1, productNo: 1, amount: 6000n }],
    },
    idempotencyKey: randomUUID(),
    ...over,
  };
}

const leave = (...departures: Departure[]): Promise<void> =>
  inTransaction(database.db, (tx) => depart(tx, encode, departures));
const rowsOf = (orderId: string) => database.db.outbox.findMany({ where: { aggregateId: orderId } });
const errorNumberOf = (work: Promise<unknown>): Promise<number | undefined> =>
  work.then(() => 0).catch((error: unknown) => mysqlErrorNumber(error));

describe('depart', () => {
  it('When an event leaves, then its row holds what the connector routes by, and the very frame', async () => {
    const event = departure({ seq: 3, traceparent: TRACE });
    await leave(event);
    const [row] = await rowsOf(event.aggregateId);
    expect(row).toMatchObject({
      id: event.eventId,
      aggregateType: 'payment',
      aggregateId: event.aggregateId,
      aggregateSeq: 3,
      eventSeq: 3,
      eventType: 'payment.PaymentConfirmed',
      idempotencyKey: event.idempotencyKey,
      traceparent: TRACE,
      redriveOf: null,
    });
    const frame = Buffer.from(row?.payload ?? []);
    expect(frame).toEqual(encode('payment.PaymentConfirmed', event.value));
    expect((await decode(frame)).value).toEqual(event.value);
    expect(Math.abs((row?.createdAt.getTime() ?? 0) - Date.now())).toBeLessThan(30_000);
  });

  it('When several leave together, then each has its row, in their order', async () => {
    const events = [departure(), departure(), departure()];
    await leave(...events);
    const rows = await database.db.outbox.findMany({
      where: { id: { in: events.map(({ eventId }) => eventId) } },
      orderBy: { no: 'asc' },
    });
    expect(rows.map(({ id }) => id)).toEqual(events.map(({ eventId }) => eventId));
  });

  it('When none leave, then nothing is said to MySQL', async () => {
    await expect(leave()).resolves.toBeUndefined();
  });

  it('When the transaction is rolled back, then the event has not left', async () => {
    const event = departure();
    const failing = inTransaction(database.db, async (tx) => {
      await depart(tx, encode, [event]);
      throw new Error('the state could not be written');
    });
    await expect(failing).rejects.toThrow('the state could not be written');
    expect(await rowsOf(event.aggregateId)).toEqual([]);
  });

  it('When a number of an order’s sequence is taken, then the second event is refused', async () => {
    const event = departure({ seq: 1 });
    await leave(event);
    expect(await errorNumberOf(leave(departure({ aggregateId: event.aggregateId, seq: 1 })))).toBe(1062);
    await leave(departure({ aggregateId: event.aggregateId, seq: 2 }));
    await leave(departure({ aggregateId: event.aggregateId, seq: 1, topic: 'wallet' }));
    expect(await rowsOf(event.aggregateId)).toHaveLength(3);
  });

  it('When events are not part of a sequence, then any number of them leave', async () => {
    const event = departure({ seq: null });
    await leave(event, departure({ aggregateId: event.aggregateId, seq: null }));
    expect((await rowsOf(event.aggregateId)).map(({ aggregateSeq }) => aggregateSeq)).toEqual([null, null]);
  });

  it('When the same fact leaves again under another id, then it is refused', async () => {
    const event = departure();
    await leave(event);
    expect(await errorNumberOf(leave(departure({ idempotencyKey: event.idempotencyKey })))).toBe(1062);
    // A key that differs in case is another key.
    await leave(departure({ idempotencyKey: event.idempotencyKey.toUpperCase() }));
  });

  it('When one event of several is refused, then none has left', async () => {
    const [taken, fresh] = [departure(), departure()];
    await leave(taken);
    expect(await errorNumberOf(leave(fresh, departure({ eventId: taken.eventId })))).toBe(1062);
    expect(await rowsOf(fresh.aggregateId)).toEqual([]);
  });

  it('When an event is larger than the broker takes, then it is refused before it can stop the connector', async () => {
    const frameBytes = (event: Departure<'payment.PaymentConfirmed'>) =>
      encode(event.record, event.value).length;
    const base = departure();
    const ofBytes = (bytes: number) => {
      // Two bytes more: the length of a long string takes three bytes instead of one.
      const paymentKey = 'k'.repeat(
        bytes - frameBytes({ ...base, value: { ...base.value, paymentKey: '' } }) - 2,
      );
      return { ...departure(), value: { ...base.value, paymentKey } };
    };
    const largest = ofBytes(PAYLOAD_BYTES_MAX);
    expect(frameBytes(largest)).toBe(512 * 1024);
    await leave(largest);
    expect((await rowsOf(largest.aggregateId))[0]?.payload).toHaveLength(PAYLOAD_BYTES_MAX);
    await expect(leave(ofBytes(PAYLOAD_BYTES_MAX + 1))).rejects.toThrow(
      'payment.PaymentConfirmed of 524289 bytes exceeds 524288',
    );
  });

  it('When a row too large is written past `depart`, then the table refuses it', async () => {
    const insert = (bytes: number) =>
      database.administer(
        `INSERT INTO outbox (id, aggregate_type, aggregate_id, event_type, idempotency_key, payload)
         VALUES (?, 'payment', 'large', 't', ?, ?)`,
        [randomUUID(), randomUUID(), Buffer.alloc(bytes)],
      );
    await insert(PAYLOAD_BYTES_MAX);
    await expect(insert(PAYLOAD_BYTES_MAX + 1)).rejects.toMatchObject({ errno: 3819 });
  });

  it('When a value does not match its record, then nothing leaves', async () => {
    const event = departure();
    const bad = { ...event, value: { ...event.value, totalAmount: 6000 as unknown as bigint } };
    await expect(leave(bad)).rejects.toThrow(/bigint/);
    expect(await rowsOf(event.aggregateId)).toEqual([]);
  });
});
