import { createHash, randomUUID } from 'node:crypto';
import type { DeadLettered } from '#contracts/generated-types';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { openTestDatabase, testCodec, type TestDatabase } from './database.fixture';
import { arrivalOf, deadLettersFor, park, redriveOf, resolveDeadLetter, type Parking } from './dead-letters';
import { readStoredHeaders } from './stored-headers';
import { inTransaction, isDuplicateKey } from './transaction';

const { encode, decode } = testCodec();
const NOW = new Date('2026-11-22T03:00:00.123Z');
const CONSUMER = 'payment-service';
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('paymentApi');
});
afterAll(() => database.close());

let nextOffset = 1n;
function message(over: Partial<ConsumedMessage> = {}): ConsumedMessage {
  nextOffset += 1n;
  const orderId = randomUUID();
  return {
    topic: 'wallet',
    partition: 3,
    offset: nextOffset,
    key: Buffer.from(orderId),
    value: Buffer.from([1, 2, 3]),
    headers: {
      id: randomUUID(),
      eventType: 'wallet.PaymentSettled',
      aggregateSeq: '2',
      traceparent: TRACE,
    },
    publishedAt: NOW,
    ...over,
  };
}

function parking(of: ConsumedMessage, over: Partial<Parking> = {}): Parking {
  return {
    message: of,
    cause: 'undecodable',
    reason: 'not an Avro frame',
    deadLetterId: randomUUID(),
    isReopened: false,
    eventId: randomUUID(),
    ...over,
  };
}

const LOT = { consumer: CONSUMER, deadLetterTopic: 'wallet_payment_dlq', parkedAt: NOW } as const;

async function parked(of: ConsumedMessage, over: Partial<Parking> = {}) {
  const what = parking(of, over);
  await inTransaction(database.db, (tx) => park(tx, encode, LOT, [what]));
  const row = await database.db.deadLetter.findUniqueOrThrow({ where: { id: what.deadLetterId } });
  const outbox = await database.db.outbox.findUniqueOrThrow({ where: { id: what.eventId } });
  const event = (await decode(Buffer.from(outbox.payload))).value as DeadLettered;
  const inbox = await database.db.inbox.findMany({ where: { eventId: row.eventId, consumer: CONSUMER } });
  return { what, row, outbox, event, inbox };
}

describe('arrivalOf', () => {
  it('When a message has our headers, then the inbox knows it by them', () => {
    const of = message();
    expect(arrivalOf(of)).toEqual({
      eventId: of.headers['id'],
      topic: 'wallet',
      partition: 3,
      offset: of.offset,
      aggregateId: of.key?.toString(),
      eventSeq: 2,
      payloadHash: createHash('sha256')
        .update(Buffer.from([1, 2, 3]))
        .digest('hex'),
      publishedAt: NOW,
    });
  });

  it.each([{}, { id: '' }, { id: 'x' }, { id: `${randomUUID()}'` }, { id: '가'.repeat(36) }])(
    'When the id is none of ours (%p), then the message is known by its place',
    (headers) => {
      const of = message({ headers });
      expect(arrivalOf(of).eventId).toBe(`wallet:3:${of.offset}`);
    },
  );

  it.each(['0', '-1', '1.5', '1e3', '99999999999', ' 1', 'x', ''])(
    'When the sequence is %p, then it has none',
    (aggregateSeq) => {
      expect(arrivalOf(message({ headers: { aggregateSeq } })).eventSeq).toBeNull();
    },
  );

  it.each([
    null,
    Buffer.from(''),
    Buffer.from('has space'),
    Buffer.from('한글'),
    Buffer.alloc(301, 'a'),
    Buffer.from([0]),
  ])('When the key cannot be an order id (%p), then it has none', (key) => {
    expect(arrivalOf(message({ key })).aggregateId).toBeNull();
  });

  it('When there is no value, then its hash is that of nothing', () => {
    expect(arrivalOf(message({ value: null })).payloadHash).toBe(createHash('sha256').digest('hex'));
  });
});

describe('park', () => {
  it('When headers are repeated, no text, absent or huge, then the row has them as they came', async () => {
    const long = 'n'.repeat(70_000);
    const binary = Buffer.from([0xff, 0x00]);
    const of = message();
    const { row } = await parked({
      ...of,
      originalHeaders: [
        ['many', Buffer.from('x')],
        ['many', Buffer.from('값')],
        ['bytes', binary],
        ['none', null],
        [long, Buffer.from('v')],
        ['big', Buffer.alloc(900_000, 'b')],
      ],
    });
    expect(readStoredHeaders(row.headers)).toEqual([
      ['many', 'x'],
      ['many', '값'],
      ['bytes', { base64: binary.toString('base64') }],
      ['none', null],
      [long, 'v'],
      ['big', 'b'.repeat(900_000)],
    ]);
  });

  it('When a row was written before headers were a list, then they are read all the same', () => {
    expect(readStoredHeaders({ id: 'a', traceparent: TRACE })).toEqual([
      ['id', 'a'],
      ['traceparent', TRACE],
    ]);
  });

  it('When a message is parked, then the row has the original bytes, the event tells, the inbox knows it', async () => {
    const of = message();
    const { what, row, outbox, event, inbox } = await parked(of);
    expect(row).toMatchObject({
      consumer: CONSUMER,
      topic: 'wallet',
      partition: 3,
      offset: of.offset,
      eventId: of.headers['id'],
      eventType: 'wallet.PaymentSettled',
      aggregateId: of.key?.toString(),
      eventSeq: 2,
      headers: Object.entries(of.headers),
      error: 'not an Avro frame',
      status: 'OPEN',
      redriveCount: 0,
      parkedAt: NOW,
    });
    expect(Buffer.from(row.payload ?? [])).toEqual(of.value);
    expect(Buffer.from(row.messageKey ?? [])).toEqual(of.key);
    expect(outbox).toMatchObject({
      aggregateType: 'wallet_payment_dlq',
      aggregateId: of.key?.toString(),
      aggregateSeq: null,
      eventType: 'deadletter.DeadLettered',
      idempotencyKey: `deadletter.DeadLettered:${what.deadLetterId}`,
      traceparent: TRACE,
    });
    expect(event).toEqual({
      deadLetterId: what.deadLetterId,
      topic: 'wallet',
      partition: 3,
      offset: Number(of.offset),
      eventId: of.headers['id'],
      eventType: 'wallet.PaymentSettled',
      key: of.key?.toString(),
      error: 'not an Avro frame',
      payload: of.value,
      payloadSize: 3,
      parkedAt: NOW,
      cause: 'undecodable',
    });
    expect(inbox).toMatchObject([{ applied: false }]);
  });

  it('When the value is large and a part of a larger buffer, then the row has all of it, the event 64 KiB', async () => {
    const buffer = Buffer.alloc(700_000, 'abcdefg');
    const { row, event } = await parked(message({ value: buffer.subarray(1_000, 601_000) }));
    expect(Buffer.from(row.payload ?? []).equals(buffer.subarray(1_000, 601_000))).toBe(true);
    expect(event.payload.equals(buffer.subarray(1_000, 1_000 + 64 * 1024))).toBe(true);
    expect(event.payloadSize).toBe(600_000);
  });

  // Whatever stands on a topic must be parkable: what cannot be parked blocks its partition for ever.
  it.each<[string, Partial<ConsumedMessage>]>([
    ['nothing at all', { key: null, value: null, headers: {} }],
    ['an empty value', { value: Buffer.alloc(0) }],
    ['a key of bytes', { key: Buffer.from([0, 255, 254, 128]) }],
    ['a key of 2,000 bytes', { key: Buffer.alloc(2_000, 'k') }],
    ['an event type of 5,000 characters', { headers: { eventType: '가'.repeat(5_000) } }],
    ['an event type of emoji', { headers: { eventType: '😀'.repeat(75) } }],
    ['a trace of no ASCII', { headers: { traceparent: '추적' } }],
    ['a trace of 500 characters', { headers: { traceparent: 'x'.repeat(500) } }],
    ['headers of control characters', { headers: { 'a\u0000b': '\u0000\u001f\u2028"\\', '': '' } }],
  ])('When a message has %s, then it is parked all the same', async (_what, over) => {
    const { row, inbox } = await parked(message(over));
    expect(row.status).toBe('OPEN');
    expect(inbox).toHaveLength(1);
  });

  it('When the reason is long and not ASCII, then its beginning is kept', async () => {
    const { row, event } = await parked(message(), { reason: `x${'😀'.repeat(2_000)}` });
    expect(row.error.startsWith('x😀😀')).toBe(true);
    expect(event.error.startsWith('x😀😀')).toBe(true);
    expect(row.error.length).toBeLessThanOrEqual(1_000);
  });

  it('When the same message is parked twice, then the second is refused', async () => {
    const of = message();
    await parked(of);
    const again = inTransaction(database.db, (tx) => park(tx, encode, LOT, [parking(of)]));
    expect(isDuplicateKey(await again.catch((error: unknown) => error))).toBe(true);
  });

  it('When the transaction is rolled back, then nothing is parked and nothing is told', async () => {
    const what = parking(message());
    await inTransaction(database.db, async (tx) => {
      await park(tx, encode, LOT, [what]);
      throw new Error('no');
    }).catch(() => {});
    expect(await database.db.deadLetter.count({ where: { id: what.deadLetterId } })).toBe(0);
    expect(await database.db.outbox.count({ where: { id: what.eventId } })).toBe(0);
  });
});

describe('several messages at once', () => {
  it('When a batch is parked, then each has its row, its event and its inbox row', async () => {
    const batch = Array.from({ length: 20 }, () => parking(message()));
    await inTransaction(database.db, (tx) => park(tx, encode, LOT, batch));
    const ids = batch.map(({ deadLetterId }) => deadLetterId);
    expect(await database.db.deadLetter.count({ where: { id: { in: ids } } })).toBe(20);
    const events = batch.map(({ eventId }) => eventId);
    expect(await database.db.outbox.count({ where: { id: { in: events } } })).toBe(20);
    const arrived = batch.map(({ message: of }) => of.headers['id'] ?? '');
    expect(await database.db.inbox.count({ where: { eventId: { in: arrived }, applied: false } })).toBe(20);
    await inTransaction(database.db, (tx) => park(tx, encode, LOT, []));
  });

  it('When a redriven message fails again, then its dead letter opens again and is announced again', async () => {
    const first = message();
    const { what } = await parked(first);
    const id = what.deadLetterId;
    await database.db.deadLetter.update({ where: { id }, data: { status: 'REDRIVING' } });
    const again = message({ key: first.key, headers: { id: randomUUID(), redriveOf: id } });
    expect(redriveOf(again)).toBe(id);
    const { row, outbox } = await parked(again, {
      deadLetterId: id,
      isReopened: true,
      cause: 'refused',
      reason: 'still bad',
    });
    expect(row).toMatchObject({
      status: 'OPEN',
      cause: 'refused',
      error: 'still bad',
      eventId: first.headers['id'],
    });
    expect(outbox.idempotencyKey).toBe(`deadletter.DeadLettered:${id}:${again.headers['id']}`);
  });
});

describe('the dead letters of orders', () => {
  it('When orders and redriven ones are asked for, then each letter comes once, and no other consumer’s', async () => {
    const [open, redriving, closed, theirs] = [message(), message(), message(), message()];
    const ids = new Map<ConsumedMessage, string>();
    for (const one of [open, redriving, closed]) ids.set(one, (await parked(one)).what.deadLetterId);
    await inTransaction(database.db, (tx) =>
      park(tx, encode, { ...LOT, consumer: 'wallet-service', deadLetterTopic: 'payment_wallet_dlq' }, [
        parking(theirs),
      ]),
    );
    await database.db.deadLetter.update({
      where: { id: ids.get(redriving) ?? '' },
      data: { status: 'REDRIVING' },
    });
    await database.db.deadLetter.update({
      where: { id: ids.get(closed) ?? '' },
      data: { status: 'RESOLVED', closedFromSeq: 2, closedToSeq: 3 },
    });
    const found = await inTransaction(database.db, (tx) =>
      deadLettersFor(tx, CONSUMER, {
        orderIds: [open, redriving, closed, theirs].map(({ key }) => String(key)),
        redriven: [ids.get(redriving) ?? '', randomUUID()],
      }),
    );
    const state = { seq: 2, closed: null };
    expect(found).toEqual([
      { id: ids.get(redriving), orderId: String(redriving.key), ...state, status: 'REDRIVING' },
      { id: ids.get(open), orderId: String(open.key), ...state, status: 'OPEN' },
      {
        id: ids.get(closed),
        orderId: String(closed.key),
        seq: 2,
        status: 'RESOLVED',
        closed: { fromSeq: 2, toSeq: 3 },
      },
    ]);
  });

  it('When a letter is resolved, then it says by which consumer and how; a closed one stays as it is', async () => {
    const id = (await parked(message())).what.deadLetterId;
    const resolve = (resolution: string) =>
      inTransaction(database.db, (tx) => resolveDeadLetter(tx, CONSUMER, { id, resolution, now: NOW }));
    await resolve('settled');
    await resolve('again');
    expect(await database.db.deadLetter.findUnique({ where: { id } })).toMatchObject({
      status: 'RESOLVED',
      resolvedBy: CONSUMER,
      resolvedAt: NOW,
      resolution: 'settled',
    });
  });
});
