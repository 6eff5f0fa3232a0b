import { randomBytes, randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { RegistryUnavailableError } from '#contracts/codec';
import type { CancellationSettled, PaymentSettled } from '#contracts/generated-types';
import { HEADER } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { createConsumerMetrics } from '#messaging/consumer.metrics';
import { createBatchProcessor, type BatchDependencies } from '#messaging/process-batch';
import { databaseClock } from '#prisma/clock';
import { testCodec } from '#prisma/database.fixture';
import { startTestApi, type Json, type TestApi } from '../payment-api.fixture';
import { acknowledgementService } from './acknowledge-settlement';

const { encode, decode } = testCodec();
let api: TestApi;
let deps: BatchDependencies;
const outcomes: string[] = [];
const registry = new Registry();
const metrics = createConsumerMetrics(registry, { prefix: 'payment', applied: 'acknowledged' });
/** What `/metrics` says now, of everything that has been counted. */
const counted = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    [...(await registry.metrics()).matchAll(/^payment_(\w+?)_total(\{\S+\})? (\d+)$/gm)].map(
      ([, name, labels = '', value]) => [`${name}${labels}`, Number(value)],
    ),
  );
beforeAll(async () => {
  api = await startTestApi();
  deps = {
    db: api.world.db,
    decode,
    encode,
    clock: databaseClock,
    ids: systemIds,
    log: createLog('worker', 'silent'),
    transactionTimeoutMs: 60_000,
    metrics,
  };
});
afterAll(() => api.close());
beforeEach(() => {
  outcomes.splice(0);
  registry.resetMetrics();
});

const KINDS = ['acknowledged', 'repeated', 'parked'] as const;
const totals = async (): Promise<number[]> => {
  const counters = Object.entries(await counted());
  return KINDS.map((kind) =>
    counters.reduce((sum, [name, value]) => (name.startsWith(`${kind}_events`) ? sum + value : sum), 0),
  );
};

/** Has one message processed, and notes in `outcomes` what it was counted as. */
async function acknowledge(consumed: ConsumedMessage, over: Partial<BatchDependencies> = {}): Promise<void> {
  const before = await totals();
  await createBatchProcessor(acknowledgementService, { ...deps, ...over })([consumed]);
  (await totals()).forEach((count, index) => {
    if (count > (before[index] ?? 0)) outcomes.push(KINDS[index] ?? '');
  });
}

/** A paid order and the settlement that a correct wallet would report. */
async function paid(): Promise<PaymentSettled> {
  const { orderId, amount } = await api.order([1, 4]);
  await api.confirm(await api.authenticate(orderId, amount), orderId, amount);
  const lines = await api.database.administer<Json[]>(
    'SELECT no, seller_no, amount FROM payment_orders WHERE order_id = ? ORDER BY no',
    [orderId],
  );
  return {
    orderId,
    currency: 'KRW',
    settledAt: new Date(),
    entries: lines.map((line, index) => ({
      sellerNo: Number(line.seller_no),
      walletNo: Number(line.seller_no),
      paymentOrderNo: Number(line.no),
      amount: BigInt(line.amount.split('.')[0]),
      walletSeq: index + 1,
      lineHash: 'a'.repeat(64),
    })),
  };
}

let offset = 0n;
function message(value: PaymentSettled, seq = 1, over: Partial<ConsumedMessage> = {}): ConsumedMessage {
  offset += 1n;
  return {
    topic: 'wallet',
    partition: 0,
    offset,
    key: Buffer.from(value.orderId),
    value: encode('wallet.PaymentSettled', value),
    headers: {
      [HEADER.eventId]: randomUUID(),
      [HEADER.eventType]: 'wallet.PaymentSettled',
      [HEADER.aggregateSeq]: String(seq),
    },
    ...over,
  };
}

const deadLetters = (orderId: string): Promise<Json[]> =>
  api.database.administer('SELECT * FROM dead_letters WHERE aggregate_id = ?', [orderId]);
const isWalletDone = async (orderId: string): Promise<boolean> =>
  (await api.payment(orderId)).is_wallet_done === 1;

test('When a settlement arrives, then the order’s wallet is done; the same message again changes nothing', async () => {
  const settled = await paid();
  const arrived = message(settled);
  expect(await isWalletDone(settled.orderId)).toBe(false);
  await acknowledge(arrived);
  await acknowledge(arrived);
  expect(outcomes).toEqual(['acknowledged', 'repeated']);
  expect(await api.payment(settled.orderId)).toMatchObject({ is_wallet_done: 1, acknowledged_events: 1 });
});

test('When the same bytes come under a new event id, then they are acknowledged once', async () => {
  const settled = await paid();
  await acknowledge(message(settled));
  await acknowledge(message(settled));
  expect(outcomes).toEqual(['acknowledged', 'repeated']);
  expect(await deadLetters(settled.orderId)).toEqual([]);
});

test('When ten consumers take the same message at once, then it is acknowledged once', async () => {
  const settled = await paid();
  const arrived = message(settled);
  await Promise.all(
    Array.from({ length: 10 }, () => createBatchProcessor(acknowledgementService, deps)([arrived])),
  );
  expect(await counted()).toMatchObject({ 'acknowledged_events{type="CREDIT"}': 1, repeated_events: 9 });
  expect(await api.payment(settled.orderId)).toMatchObject({ acknowledged_events: 1 });
});

test.each<[string, (settled: PaymentSettled) => ConsumedMessage, RegExp]>([
  ['not Avro', (s) => message(s, 1, { value: randomBytes(40).fill(7, 0, 1) }), /not an Avro frame/],
  ['a tombstone', (s) => message(s, 1, { value: null }), /tombstone/],
  [
    'an unknown schema id',
    (s) => message(s, 1, { value: Buffer.from('00000003e7', 'hex') }),
    /no schema 999/,
  ],
  [
    'another amount than the order’s',
    (s) => message({ ...s, entries: s.entries.map((entry) => ({ ...entry, amount: entry.amount + 1n })) }),
    /is no line of the order/,
  ],
  ['a line less', (s) => message({ ...s, entries: s.entries.slice(1) }), /1 of 2 lines/],
  ['a gap in the sequence', (s) => message(s, 2), /1 is missing/],
  [
    'a key that is not the order',
    (s) => message(s, 1, { key: Buffer.from('other-order') }),
    /the key is not the value's order id/,
  ],
])(
  'When the message is %s, then it is parked with its bytes and the order is not done',
  async (_what, make, error) => {
    const settled = await paid();
    const bad = make(settled);
    await acknowledge(bad);
    await acknowledge(bad);
    expect(outcomes).toEqual(['parked', 'repeated']);
    expect(await isWalletDone(settled.orderId)).toBe(false);
    const [row, ...others] = await api.database.administer<Json[]>(
      'SELECT * FROM dead_letters WHERE `offset` = ?',
      [bad.offset],
    );
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      consumer: 'payment-service',
      topic: 'wallet',
      status: 'OPEN',
      error: expect.stringMatching(error),
    });
    expect(row.payload).toEqual(bad.value);
    const [event] = await api.database.administer<Json[]>('SELECT * FROM outbox WHERE idempotency_key = ?', [
      `deadletter.DeadLettered:${row.id}`,
    ]);
    expect(event).toMatchObject({
      aggregate_type: 'wallet_payment_dlq',
      event_type: 'deadletter.DeadLettered',
      aggregate_seq: null,
    });
    expect((await decode(event.payload)).value).toMatchObject({
      deadLetterId: row.id,
      topic: 'wallet',
      offset: Number(bad.offset),
    });
  },
);

test('When a message of an order is parked, then later ones of the order wait behind it, others do not', async () => {
  const [settled, other] = [await paid(), await paid()];
  await acknowledge(message(settled, 1, { value: Buffer.from('junk'), headers: {} }));
  await acknowledge(message(settled));
  await acknowledge(message(other));
  expect(outcomes).toEqual(['parked', 'parked', 'acknowledged']);
  expect((await deadLetters(settled.orderId)).at(-1)?.error).toMatch(/waits behind the dead letter/);
});

test('When another content takes an acknowledged number, then it is parked; what was parked under a number does not count', async () => {
  const settled = await paid();
  const other = { ...settled, settledAt: new Date(settled.settledAt.getTime() + 1) };
  await acknowledge(message(settled));
  await acknowledge(message(other));
  await acknowledge(message(other));
  await acknowledge(message(settled));
  expect(outcomes).toEqual(['acknowledged', 'parked', 'parked', 'repeated']);
  expect((await deadLetters(settled.orderId)).map(({ error }) => error)).toEqual([
    'sequence 1 was applied before with other content (last is 1)',
    'sequence 1 was applied before with other content (last is 1)',
  ]);
});

test('When another content comes under a known event id, then it is parked whichever comes first, and nothing is lost', async () => {
  const [settled, late] = [await paid(), await paid()];
  const first = message(settled);
  await acknowledge(first);
  const forged = { ...message(settled, 1, { value: Buffer.from('junk') }), headers: first.headers };
  await acknowledge(forged);
  await acknowledge(forged);
  const real = message(late);
  await acknowledge({
    ...message(late, 1, { value: Buffer.from('junk') }),
    headers: real.headers,
  });
  await acknowledge(real);
  expect(outcomes).toEqual(['acknowledged', 'parked', 'repeated', 'parked', 'parked']);
  const [letter] = await deadLetters(settled.orderId);
  expect(letter).toMatchObject({
    error: `another content has come as event ${first.headers[HEADER.eventId]} before`,
    event_id: `wallet:${forged.partition}:${forged.offset}`,
  });
  expect((await deadLetters(late.orderId)).map(({ payload }) => payload)).toEqual([
    Buffer.from('junk'),
    real.value,
  ]);
});

test('When the value’s order id is none of ours, then it is parked, whatever stands in it', async () => {
  const settled = await paid();
  for (const orderId of ['주문-1', "o'rder", 'x'.repeat(300)]) {
    const value = encode('wallet.PaymentSettled', { ...settled, orderId });
    await acknowledge(message(settled, 1, { value, key: Buffer.from(orderId) }));
  }
  expect(outcomes).toEqual(['parked', 'parked', 'parked']);
});

describe('redriving', () => {
  const redriven = (value: PaymentSettled, id: string, over: Partial<ConsumedMessage> = {}) => {
    const of = message(value, 1, over);
    return { ...of, headers: { ...of.headers, [HEADER.redriveOf]: id } };
  };
  const statuses = async (orderId: string) =>
    (await deadLetters(orderId)).map(({ status, resolved_by }) => [status, resolved_by]);
  const close = (id: string) =>
    api.database.administer("UPDATE dead_letters SET status = 'RESOLVED' WHERE id = ?", [id]);

  test('When the reason is gone, then the redriven message is acknowledged and resolves its dead letter', async () => {
    const settled = await paid();
    const { orderId } = settled;
    // The reason: nobody knows the order yet.
    await api.database.administer('UPDATE payment_events SET order_id = ? WHERE order_id = ?', [
      `away-${orderId.slice(0, 36)}`,
      orderId,
    ]);
    await acknowledge(message(settled));
    const [letter] = await deadLetters(orderId);
    await acknowledge(redriven(settled, letter.id));
    expect(await statuses(orderId)).toEqual([['OPEN', null]]);
    await api.database.administer('UPDATE payment_events SET order_id = ? WHERE order_id = ?', [
      orderId,
      `away-${orderId.slice(0, 36)}`,
    ]);
    await acknowledge(redriven(settled, letter.id));
    await acknowledge(redriven(settled, letter.id));
    expect(outcomes).toEqual(['parked', 'parked', 'acknowledged', 'repeated']);
    expect(await statuses(orderId)).toEqual([['RESOLVED', 'payment-service']]);
    expect(await isWalletDone(orderId)).toBe(true);
  });

  test('When one without a number stands before it, then the redriven message waits until that is closed', async () => {
    const settled = await paid();
    await acknowledge(message(settled, 1, { value: Buffer.from('junk'), headers: {} }));
    await acknowledge(message(settled));
    const [junk, held] = await deadLetters(settled.orderId);
    await acknowledge(redriven(settled, held.id));
    expect((await deadLetters(settled.orderId)).map(({ error }) => error)).toEqual([
      'a value of 4 bytes is no Avro frame',
      `waits behind the dead letter ${junk.id} of its order`,
    ]);
    await close(junk.id);
    await acknowledge(redriven(settled, held.id));
    expect(outcomes).toEqual(['parked', 'parked', 'parked', 'acknowledged']);
  });

  test('When a number was given up by closing its message, then the next one is taken', async () => {
    const settled = await paid();
    const wrong = { ...settled, entries: settled.entries.slice(1) };
    await acknowledge(message(wrong));
    const [letter] = await deadLetters(settled.orderId);
    const { status, body } = await api.cancel(settled.orderId, [settled.entries[0]?.paymentOrderNo ?? 0]);
    expect(status).toBe(200);
    const debit = (): ConsumedMessage => {
      const value = { ...settled, cancelId: body.data.cancelId, entries: settled.entries.slice(0, 1) };
      const of = message(settled, 2, { value: encode('wallet.CancellationSettled', value) });
      return { ...of, headers: { ...of.headers, [HEADER.eventType]: 'wallet.CancellationSettled' } };
    };
    await acknowledge(debit());
    await close(letter.id);
    const [, waiting] = await deadLetters(settled.orderId);
    const again = (): ConsumedMessage => {
      const of = debit();
      return { ...of, headers: { ...of.headers, [HEADER.redriveOf]: waiting.id } };
    };
    // Closed, but its number was not given up: it is still missing.
    await acknowledge(again());
    await api.database.administer(
      'UPDATE dead_letters SET closed_from_seq = 1, closed_to_seq = 1 WHERE id = ?',
      [letter.id],
    );
    await acknowledge(again());
    expect(outcomes).toEqual(['parked', 'parked', 'parked', 'acknowledged']);
    expect(await api.payment(settled.orderId)).toMatchObject({ is_wallet_done: 1, acknowledged_events: 2 });
  });

  test('When its dead letter was closed meanwhile, then a late copy is not taken', async () => {
    const settled = await paid();
    await acknowledge(message(settled, 1, { value: Buffer.from('junk') }));
    const [junk] = await deadLetters(settled.orderId);
    await close(junk.id);
    await acknowledge(redriven(settled, junk.id));
    await acknowledge(redriven(settled, junk.id, { value: Buffer.from('junk') }));
    expect(outcomes).toEqual(['parked', 'repeated', 'repeated']);
    expect(await isWalletDone(settled.orderId)).toBe(false);
  });
});

test('When the registry does not answer, then nothing is parked and nothing holds', async () => {
  const settled = await paid();
  const unavailable = async (): Promise<never> => {
    throw new RegistryUnavailableError('down');
  };
  await expect(acknowledge(message(settled), { decode: unavailable })).rejects.toThrow('down');
  expect(await deadLetters(settled.orderId)).toEqual([]);
  expect(await isWalletDone(settled.orderId)).toBe(false);
});

describe('a cancel’s debit', () => {
  /** A paid and acknowledged order, a cancel of its first line, and what a correct wallet reports of it. */
  async function canceled(): Promise<CancellationSettled> {
    const settled = await paid();
    await acknowledge(message(settled));
    const { orderId, entries } = settled;
    expect(await isWalletDone(orderId)).toBe(true);
    const { status, body } = await api.cancel(orderId, [entries[0]?.paymentOrderNo ?? 0]);
    expect(status).toBe(200);
    outcomes.splice(0);
    const { cancelId } = body.data;
    return { orderId, currency: 'KRW', cancelId, settledAt: new Date(), entries: entries.slice(0, 1) };
  }
  const debit = (value: CancellationSettled, seq = 2): ConsumedMessage => ({
    ...message({ ...value, entries: [] }, seq),
    value: encode('wallet.CancellationSettled', value),
    headers: {
      [HEADER.eventId]: randomUUID(),
      [HEADER.eventType]: 'wallet.CancellationSettled',
      [HEADER.aggregateSeq]: String(seq),
    },
  });

  test('When a cancel is on its way, then the wallet is not done until its debit is acknowledged', async () => {
    const value = await canceled();
    expect(await isWalletDone(value.orderId)).toBe(false);
    await acknowledge(debit(value));
    expect(outcomes).toEqual(['acknowledged']);
    expect(await isWalletDone(value.orderId)).toBe(true);
  });

  test.each<[string, (value: CancellationSettled) => CancellationSettled, RegExp]>([
    ['of another cancel', (value) => ({ ...value, cancelId: randomUUID() }), /unknown cancel/],
    ['without its line', (value) => ({ ...value, entries: [] }), /no entries/],
  ])('When the debit is %s, then it is parked', async (_what, change, error) => {
    const value = await canceled();
    await acknowledge(debit(change(value)));
    expect(outcomes).toEqual(['parked']);
    expect(await isWalletDone(value.orderId)).toBe(false);
    expect((await deadLetters(value.orderId)).at(-1)?.error).toMatch(error);
  });

  test('When the debit comes before the credit, then a gap is counted, and that the credit came late', async () => {
    const settled = await paid();
    const { orderId, entries } = settled;
    const { body } = await api.cancel(orderId, [entries[0]?.paymentOrderNo ?? 0]);
    const { cancelId } = body.data;
    const value = { orderId, currency: 'KRW', cancelId, settledAt: new Date(), entries: entries.slice(0, 1) };
    await acknowledge(debit(value));
    expect(await counted()).toMatchObject({
      sequence_gaps: 1,
      'parked_events{cause="gap"}': 1,
      reordered_events: 0,
    });
    await acknowledge(message(settled));
    expect(await counted()).toMatchObject({
      sequence_gaps: 1,
      reordered_events: 1,
      'acknowledged_events{type="CREDIT"}': 1,
    });
    // The redriven one was held: that it is the last is no reordering.
    const [held] = await deadLetters(orderId);
    const again = debit(value);
    await acknowledge({
      ...again,
      headers: { ...again.headers, [HEADER.redriveOf]: held.id },
    });
    expect(await counted()).toMatchObject({
      reordered_events: 1,
      'acknowledged_events{type="DEBIT"}': 1,
      repeated_events: 0,
    });
  });
});

test('When a settlement comes twice, then the second is counted as repeated, and neither as a gap or late', async () => {
  const settled = await paid();
  const arrived = message(settled);
  for (const one of [arrived, arrived, message(settled)]) await acknowledge(one);
  expect(await counted()).toEqual({
    'acknowledged_events{type="CREDIT"}': 1,
    repeated_events: 2,
    sequence_gaps: 0,
    reordered_events: 0,
    transaction_retries: 0,
  });
});

test('When a message is parked, then it is counted by its cause, and only a missing one is a gap', async () => {
  const settled = await paid();
  await acknowledge(message(settled, 1, { value: Buffer.from('junk') }));
  await acknowledge(message(settled, 2));
  await acknowledge(message({ ...settled, orderId: randomUUID() }));
  const { sequence_gaps: gaps, ...causes } = await counted();
  expect(gaps).toBe(0);
  expect(causes).toMatchObject({
    'parked_events{cause="undecodable"}': 1,
    'parked_events{cause="behind"}': 1,
    'parked_events{cause="unknown_order"}': 1,
  });
});
