import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { RegistryUnavailableError } from '#contracts/codec';
import type { PaymentCanceled, PaymentConfirmed, PaymentLine } from '#contracts/generated-types';
import { HEADER } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { sumWon } from '#kit/money';
import { Prisma } from '#prisma/database';
import { openTestDatabase, testCodec, testMessage, type TestDatabase } from '../testing.config';
import { createSettlementConsumer } from './settle-payments.consumer';
import { createSettlementMetrics } from './settle-payments.metrics';

const NOW = new Date('2026-03-01T09:30:00.123Z');
const { encode, decode } = testCodec();

let test: TestDatabase;
let nextNo = 1_000;
beforeAll(async () => {
  test = await openTestDatabase();
}, 30_000);
afterAll(() => test.close());

function consumer(over: Partial<Parameters<typeof createSettlementConsumer>[0]> = {}) {
  const registry = new Registry();
  const metrics = createSettlementMetrics(registry);
  const handle = createSettlementConsumer({
    db: test.db,
    encode,
    decode,
    clock: () => NOW,
    ids: systemIds,
    transactionTimeoutMs: 10_000,
    metrics,
    log: createLog('test', 'silent'),
    ...over,
  });
  return Object.assign(handle, { registry });
}

/** A seller of this test alone, so that balances can be read as absolute numbers. */
async function seller(): Promise<number> {
  nextNo += 1;
  const sellerNo = nextNo;
  await test.administer('INSERT INTO sellers (no, seller_id) VALUES (?, ?)', [sellerNo, `S${sellerNo}`]);
  return sellerNo;
}

const line = (sellerNo: number, amount: bigint): PaymentLine => {
  nextNo += 1;
  return { paymentOrderNo: nextNo, sellerNo, productNo: 1, amount };
};

function confirmed(lines: PaymentLine[], over: Partial<PaymentConfirmed> = {}): PaymentConfirmed {
  return {
    orderId: randomUUID(),
    paymentKey: 'pk',
    currency: 'KRW',
    totalAmount: sumWon(lines.map(({ amount }) => amount)),
    approvedAt: NOW,
    lines,
    ...over,
  };
}

function canceled(of: PaymentConfirmed, lines: PaymentLine[]): PaymentCanceled {
  const cancelAmount = sumWon(lines.map(({ amount }) => amount));
  const { orderId, paymentKey, currency } = of;
  return { orderId, paymentKey, currency, cancelId: randomUUID(), cancelAmount, canceledAt: NOW, lines };
}

const confirmedMessage = (
  value: PaymentConfirmed,
  over: Partial<ConsumedMessage> & { eventId?: string; seq?: number; redriveOf?: string } = {},
): ConsumedMessage =>
  testMessage(encode, 'payment.PaymentConfirmed', value, { eventId: randomUUID(), seq: 1, ...over });

const canceledMessage = (value: PaymentCanceled, seq: number): ConsumedMessage =>
  testMessage(encode, 'payment.PaymentCanceled', value, { eventId: randomUUID(), seq });

const eventIdOf = (message: ConsumedMessage): string => message.headers[HEADER.eventId] ?? '';

async function balance(sellerNo: number): Promise<string | undefined> {
  const wallet = await test.db.wallet.findUnique({ where: { sellerNo } });
  return wallet?.balance.toFixed(2);
}

const linesOf = (orderId: string) =>
  test.db.walletTransaction.findMany({ where: { orderId }, orderBy: { no: 'asc' } });
const departuresOf = (aggregateId: string) =>
  test.db.outbox.findMany({ where: { aggregateId }, orderBy: { no: 'asc' } });
const lettersOf = (aggregateId: string) =>
  test.db.deadLetter.findMany({ where: { aggregateId }, orderBy: { no: 'asc' } });
const inboxOf = (message: ConsumedMessage) =>
  test.db.inbox.findUnique({
    where: { consumer_eventId: { consumer: 'wallet-service', eventId: eventIdOf(message) } },
  });

/** The chain as SQL computes it: the documented form of the hash, and balances that follow from the amounts. */
async function brokenLines(): Promise<unknown> {
  return await test.administer(`
    SELECT no FROM (
      SELECT line.*,
        LAG(line_hash, 1, '') OVER w AS previous_hash,
        LAG(balance_after, 1, 0) OVER w AS balance_before,
        LAG(wallet_seq, 1, 0) OVER w AS previous_seq
      FROM wallet_transactions AS line WINDOW w AS (PARTITION BY wallet_no ORDER BY wallet_seq)) AS chain
    WHERE wallet_seq <> previous_seq + 1
      OR balance_after <> balance_before + IF(type = 'CREDIT', amount, -amount)
      OR line_hash <> SHA2(CONCAT_WS('|', previous_hash, wallet_no, wallet_seq, type, amount, balance_after,
        reference_type, reference_id, order_id, event_id, idempotency_key, created_at), 256)`);
}

afterEach(async () => {
  expect(await brokenLines()).toEqual([]);
  const heads = await test.administer(`
    SELECT wallets.no FROM wallets JOIN wallet_transactions AS line
      ON line.wallet_no = wallets.no AND line.wallet_seq = wallets.last_seq
    WHERE line.line_hash <> wallets.last_hash OR line.balance_after <> wallets.balance`);
  expect(heads).toEqual([]);
});

describe('crediting', () => {
  it('When an order pays several sellers, then each gets its lines, and one answer tells all of them', async () => {
    const [a, b] = [await seller(), await seller()];
    const value = confirmed([line(a, 1_000n), line(b, 2_000n), line(a, 3_000n)]);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const message = confirmedMessage(value);
    message.headers[HEADER.traceparent] = traceparent;
    await consumer()([message]);

    expect([await balance(a), await balance(b)]).toEqual(['4000.00', '2000.00']);
    const lines = await linesOf(value.orderId);
    expect(lines.map((l) => [l.type, l.referenceType, Number(l.referenceId), l.idempotencyKey])).toEqual(
      value.lines.map((l) => ['CREDIT', 'PAYMENT_ORDER', l.paymentOrderNo, `CREDIT:${l.paymentOrderNo}`]),
    );
    expect(lines.map((l) => l.createdAt)).toEqual([NOW, NOW, NOW]);
    const [departure, ...more] = await departuresOf(value.orderId);
    expect(more).toEqual([]);
    expect(departure).toMatchObject({
      aggregateType: 'wallet',
      aggregateSeq: 1,
      eventSeq: 1,
      eventType: 'wallet.PaymentSettled',
      traceparent,
    });
    const settled = await decode(Buffer.from(departure?.payload ?? []));
    expect(settled).toEqual({
      record: 'wallet.PaymentSettled',
      value: {
        orderId: value.orderId,
        currency: 'KRW',
        settledAt: NOW,
        entries: lines.map((l, index) => ({
          sellerNo: value.lines[index]?.sellerNo,
          walletNo: Number(l.walletNo),
          paymentOrderNo: Number(l.referenceId),
          amount: BigInt(l.amount.toFixed(0)),
          walletSeq: Number(l.walletSeq),
          lineHash: l.lineHash,
        })),
      },
    });
    expect(await inboxOf(message)).toMatchObject({
      aggregateId: value.orderId,
      eventSeq: 1,
      topic: 'payment',
    });
    expect(await test.db.settlement.findUnique({ where: { orderId: value.orderId } })).toMatchObject({
      lastSeqIn: 1,
      lastSeqOut: 1,
    });
  });

  it('When a wallet has another number than its seller, then the right wallet is credited', async () => {
    const [a, b] = [await seller(), await seller()];
    // Wallet number of `b` is the seller number of `a`: a map keyed the wrong way would pay `b`.
    await test.administer('INSERT INTO wallets (no, seller_no) VALUES (?, ?)', [a, b]);
    await consumer()([confirmedMessage(confirmed([line(a, 700n)]))]);
    expect([await balance(a), await balance(b)]).toEqual(['700.00', '0.00']);
  });

  it('When three settlements run at once on one wallet, then 6000 + 1000 + 3000 make 10000', async () => {
    const a = await seller();
    const messages = [6_000n, 1_000n, 3_000n].map((amount) => confirmedMessage(confirmed([line(a, amount)])));
    await Promise.all(messages.map((message) => consumer()([message])));
    expect(await balance(a)).toBe('10000.00');
  });

  it('When batches lock the same wallets in opposite orders at once, then none is lost', async () => {
    const sellers = [await seller(), await seller(), await seller()];
    const batches = Array.from({ length: 8 }, (_, batch) =>
      Array.from({ length: 10 }, () => {
        const order = batch % 2 === 0 ? sellers : sellers.toReversed();
        return confirmedMessage(confirmed(order.map((no) => line(no, 10n))));
      }),
    );
    await Promise.all(batches.map((batch) => consumer()(batch)));
    expect(await Promise.all(sellers.map(balance))).toEqual(['800.00', '800.00', '800.00']);
  });

  it('When 500 orders of 3 lines come at once, then all are booked in one transaction', async () => {
    const sellers = await Promise.all(Array.from({ length: 20 }, () => seller()));
    const messages = Array.from({ length: 500 }, (_, n) =>
      confirmedMessage(confirmed([0, 1, 2].map((k) => line(sellers[(n + k) % 20] ?? 0, 100n)))),
    );
    await consumer()(messages);
    expect(await Promise.all(sellers.map(balance))).toEqual(sellers.map(() => '7500.00'));
    const versions = await test.db.wallet.findMany({ where: { sellerNo: { in: sellers } } });
    expect(new Set(versions.map((wallet) => wallet.version))).toEqual(new Set([1n]));
  });
});

describe('what comes twice', () => {
  it('When the same record comes again, then there is no second credit', async () => {
    const a = await seller();
    const message = confirmedMessage(confirmed([line(a, 500n)]));
    const handle = consumer();
    await handle([message, message]);
    await handle([message]);
    expect(await balance(a)).toBe('500.00');
  });

  it('When the same bytes come under a new event id, then only the inbox learns of it', async () => {
    const a = await seller();
    const value = confirmed([line(a, 500n)]);
    const again = confirmedMessage(value);
    const handle = consumer();
    await handle([confirmedMessage(value)]);
    await handle([again]);
    expect(await balance(a)).toBe('500.00');
    expect(await inboxOf(again)).toMatchObject({ aggregateId: value.orderId, eventSeq: 1 });
    expect(await lettersOf(value.orderId)).toEqual([]);
    expect(await departuresOf(value.orderId)).toHaveLength(1);
  });

  it('When another content takes the same place in the sequence, then it is parked, however often', async () => {
    const a = await seller();
    const value = confirmed([line(a, 500n)]);
    const other = confirmed([line(a, 900n)], { orderId: value.orderId });
    const handle = consumer();
    await handle([confirmedMessage(value), confirmedMessage(other)]);
    await handle([confirmedMessage(other)]);
    expect(await balance(a)).toBe('500.00');
    const letters = await lettersOf(value.orderId);
    expect(letters.map((letter) => letter.error)).toEqual([
      expect.stringContaining('another content'),
      expect.stringContaining('another content'),
    ]);
  });

  it('When two consumers get the same batch at once, then it is settled once', async () => {
    const a = await seller();
    const batch = Array.from({ length: 5 }, () => confirmedMessage(confirmed([line(a, 10n)])));
    await Promise.all([consumer()(batch), consumer()(batch), consumer()(batch)]);
    expect(await balance(a)).toBe('50.00');
    for (const message of batch) expect(await lettersOf(message.key?.toString() ?? '')).toEqual([]);
  });

  it('When a share was credited under another order before, then the ledger refuses and it alone is parked', async () => {
    const a = await seller();
    const first = line(a, 500n);
    const handle = consumer();
    await handle([confirmedMessage(confirmed([first]))]);
    const twice = confirmed([first]);
    const neighbour = confirmed([line(a, 30n)]);
    await handle([confirmedMessage(twice), confirmedMessage(neighbour)]);
    expect(await balance(a)).toBe('530.00');
    const [letter] = await lettersOf(twice.orderId);
    expect(letter?.error).toMatch(/1062.*CREDIT:/);
  });
});

describe('parking', () => {
  const poison: Record<string, (a: number) => { message: ConsumedMessage; error: RegExp }> = {
    'is not Avro': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)]), { value: Buffer.from('hello, world') }),
      error: /not an Avro frame/,
    }),
    'is a tombstone': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)]), { value: null }),
      error: /no value/,
    }),
    'has an unknown schema id': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)]), { value: Buffer.from('00000003e800', 'hex') }),
      error: /no schema 1000/,
    }),
    'ends in the middle': (a) => {
      const message = confirmedMessage(confirmed([line(a, 1n)]));
      return {
        message: { ...message, value: message.value?.subarray(0, -3) ?? null },
        error: /not a payment/,
      };
    },
    'has lines that do not sum to the total': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)], { totalAmount: 2n })),
      error: /sum to 1, the event says 2/,
    }),
    'has a line of zero': (a) => ({
      message: confirmedMessage(confirmed([line(a, 0n), line(a, 5n)])),
      error: /amount 0/,
    }),
    'has a negative line': (a) => ({
      message: confirmedMessage(confirmed([line(a, -5n), line(a, 10n)])),
      error: /amount -5/,
    }),
    'names a seller that does not exist': () => ({
      message: confirmedMessage(confirmed([line(987_654_321, 5n)])),
      error: /no seller 987654321/,
    }),
    'is in another currency': (a) => ({
      message: confirmedMessage(confirmed([line(a, 5n)], { currency: 'USD' })),
      error: /USD/,
    }),
    'has an amount that no wallet can hold twice': (a) => ({
      message: confirmedMessage(confirmed([line(a, 9_999_999_999_999n)])),
      error: /balance of seller/,
    }),
    'has lost its event id': (a) => {
      const message = confirmedMessage(confirmed([line(a, 5n)]));
      const { [HEADER.eventId]: _id, ...headers } = message.headers;
      return { message: { ...message, headers }, error: /no usable header id/ };
    },
    'says another type in its header': (a) => {
      const message = confirmedMessage(confirmed([line(a, 5n)]));
      message.headers[HEADER.eventType] = 'payment.PaymentRefunded';
      return { message, error: /PaymentRefunded/ };
    },
    'has no place in the sequence': (a) => {
      const message = confirmedMessage(confirmed([line(a, 5n)]));
      message.headers[HEADER.aggregateSeq] = '0';
      return { message, error: /aggregateSeq/ };
    },
    'is of a type that nobody settles': () => {
      const orderId = randomUUID();
      const value = { orderId, currency: 'KRW', settledAt: NOW, entries: [] };
      const message = testMessage(encode, 'wallet.PaymentSettled', value, { eventId: randomUUID(), seq: 1 });
      return { message, error: /unknown event type wallet.PaymentSettled/ };
    },
  };

  it.each(Object.entries(poison))(
    'When an event %s, then it alone is parked, whole',
    async (_title, make) => {
      const a = await seller();
      const { message, error } = make(a);
      const [before, behind] = [confirmed([line(a, 1_000n)]), confirmed([line(a, 2_000n)])];
      const handle = consumer();
      await handle([confirmedMessage(before), message, confirmedMessage(behind)]);
      await handle([message]);

      expect(await balance(a)).toBe('3000.00');
      const orderId = message.key?.toString() ?? '';
      const eventId = eventIdOf(message) || `payment:0:${message.offset}`;
      const [letter, ...more] = await lettersOf(orderId);
      expect(more).toEqual([]);
      expect(letter).toMatchObject({
        consumer: 'wallet-service',
        topic: 'payment',
        partition: 0,
        offset: message.offset,
        eventId,
        status: 'OPEN',
        headers: message.headers,
        error: expect.stringMatching(error) as unknown,
      });
      expect(letter?.payload && Buffer.from(letter.payload)).toEqual(message.value);
      const [departure] = await departuresOf(orderId);
      expect(departure).toMatchObject({ aggregateType: 'payment_wallet_dlq', aggregateSeq: null });
      const told = await decode(Buffer.from(departure?.payload ?? []));
      expect(told.value).toMatchObject({
        deadLetterId: letter?.id,
        eventId,
        payloadSize: message.value?.length ?? 0,
      });
      const known = await test.db.inbox.findUnique({
        where: { consumer_eventId: { consumer: 'wallet-service', eventId } },
      });
      expect(known).not.toBeNull();
      expect(await linesOf(orderId)).toEqual([]);
    },
  );

  it('When a message is large, then the table keeps all of it and the topic its first 64 KiB', async () => {
    const orderId = randomUUID();
    const value = Buffer.alloc(900_000, 0x41);
    const message = confirmedMessage(confirmed([], { orderId }), { value });
    await consumer()([message]);
    const [letter] = await lettersOf(orderId);
    expect(letter?.payload?.length).toBe(900_000);
    const [departure] = await departuresOf(orderId);
    const told = await decode(Buffer.from(departure?.payload ?? []));
    expect(
      told.record === 'deadletter.DeadLettered' && [told.value.payload.length, told.value.payloadSize],
    ).toEqual([65_536, 900_000]);
  });

  it('When key and headers hold anything at all, then the message is parked nonetheless', async () => {
    const message = confirmedMessage(confirmed([]), {
      key: Buffer.alloc(5_000, 0xff),
      value: Buffer.alloc(0),
      headers: { id: "x' OR 1=1 --", eventType: '결'.repeat(500), aggregateSeq: '-1', traceparent: 'no' },
    });
    await consumer()([message]);
    const letter = await test.db.deadLetter.findFirst({ where: { offset: message.offset } });
    expect(letter).toMatchObject({ eventId: `payment:0:${message.offset}`, aggregateId: null });
  });

  it('When an event is parked, then later events of its order wait behind it, and other orders do not', async () => {
    const a = await seller();
    const bad = confirmed([line(a, 1_000n)], { totalAmount: 5n });
    const other = confirmed([line(a, 7n)]);
    const handle = consumer();
    await handle([confirmedMessage(bad), canceledMessage(canceled(bad, bad.lines), 2)]);
    await handle([confirmedMessage(other), canceledMessage(canceled(bad, bad.lines), 3)]);
    expect(await balance(a)).toBe('7.00');
    const letters = await lettersOf(bad.orderId);
    expect(letters.map(({ eventSeq, error }) => [eventSeq, /behind/.test(error)])).toEqual([
      [1, false],
      [2, true],
      [3, true],
    ]);
  });

  it('When an event of the sequence is missing, then the next one is held and counted, and waits for a redrive', async () => {
    const a = await seller();
    const value = confirmed([line(a, 1_000n)]);
    const handle = consumer();
    const cancel = canceled(value, value.lines);
    await handle([canceledMessage(cancel, 2)]);
    const [letter] = await lettersOf(value.orderId);
    expect(letter?.error).toMatch(/^held: sequence 2 arrived, but 1 is missing/);
    expect(await handle.registry.getSingleMetricAsString('wallet_sequence_gaps_total')).toMatch(/ 1$/);

    await handle([confirmedMessage(value)]);
    expect(await balance(a)).toBe('1000.00');
    await redriving(letter?.id);
    await handle([
      testMessage(encode, 'payment.PaymentCanceled', cancel, {
        eventId: randomUUID(),
        seq: 2,
        redriveOf: letter?.id ?? '',
      }),
    ]);
    expect(await balance(a)).toBe('0.00');
    expect((await lettersOf(value.orderId)).map(({ status }) => status)).toEqual(['RESOLVED']);
  });
});

const redriving = (id: string | undefined) =>
  test.administer("UPDATE dead_letters SET status = 'REDRIVING' WHERE id = ?", [id]);

describe('redriving', () => {
  it('When the reason is gone, then the redriven events settle in order and resolve their dead letters', async () => {
    nextNo += 1;
    const missing = nextNo;
    const value = confirmed([line(missing, 1_000n)]);
    const cancel = canceled(value, value.lines);
    const handle = consumer();
    await handle([confirmedMessage(value), canceledMessage(cancel, 2)]);
    const [first, second] = await lettersOf(value.orderId);
    await test.administer('INSERT INTO sellers (no, seller_id) VALUES (?, ?)', [missing, `S${missing}`]);
    await redriving(first?.id);
    await redriving(second?.id);
    await handle([
      confirmedMessage(value, { redriveOf: first?.id ?? '' }),
      testMessage(encode, 'payment.PaymentCanceled', cancel, {
        eventId: randomUUID(),
        seq: 2,
        redriveOf: second?.id ?? '',
      }),
    ]);
    expect(await balance(missing)).toBe('0.00');
    expect((await lettersOf(value.orderId)).map((l) => [l.status, l.resolvedBy])).toEqual([
      ['RESOLVED', 'wallet-service'],
      ['RESOLVED', 'wallet-service'],
    ]);
    const settled = (await departuresOf(value.orderId)).filter((row) => row.aggregateType === 'wallet');
    expect(settled.map((row) => [row.eventType, row.aggregateSeq])).toEqual([
      ['wallet.PaymentSettled', 1],
      ['wallet.CancellationSettled', 2],
    ]);
  });

  it('When a redriven event fails again, then its own dead letter opens again, and no second one', async () => {
    const value = confirmed([line(987_654_321, 5n)]);
    const handle = consumer();
    await handle([confirmedMessage(value)]);
    const [letter] = await lettersOf(value.orderId);
    await redriving(letter?.id);
    const again = confirmedMessage(value, { redriveOf: letter?.id ?? '' });
    await handle([again]);
    const letters = await lettersOf(value.orderId);
    expect(letters.map(({ id, status }) => [id, status])).toEqual([[letter?.id, 'OPEN']]);
    expect(await inboxOf(again)).not.toBeNull();
    expect(await departuresOf(value.orderId)).toHaveLength(2);
  });

  it('When a dead letter was closed by hand, then a late copy books nothing, and the order goes on', async () => {
    const a = await seller();
    const bad = confirmed([line(a, 1_000n)], { totalAmount: 5n });
    const handle = consumer();
    await handle([confirmedMessage(bad)]);
    const [letter] = await lettersOf(bad.orderId);
    await test.administer("UPDATE dead_letters SET status = 'RESOLVED' WHERE id = ?", [letter?.id]);
    const next = confirmed([line(a, 40n)], { orderId: bad.orderId });
    await handle([
      confirmedMessage(confirmed([line(a, 99n)], { orderId: bad.orderId }), { redriveOf: letter?.id ?? '' }),
      confirmedMessage(next, { seq: 2 }),
    ]);
    expect(await balance(a)).toBe('40.00');
  });

  it('When a dead letter belongs to another order, then an event cannot resolve it', async () => {
    const a = await seller();
    const bad = confirmed([line(a, 1_000n)], { totalAmount: 5n });
    const handle = consumer();
    await handle([confirmedMessage(bad)]);
    const [letter] = await lettersOf(bad.orderId);
    await handle([confirmedMessage(confirmed([line(a, 3n)]), { redriveOf: letter?.id ?? '' })]);
    expect((await lettersOf(bad.orderId)).map(({ status }) => status)).toEqual(['OPEN']);
  });
});

describe('canceling', () => {
  it('When lines are canceled, then exactly these are debited and the answer names the cancellation', async () => {
    const [a, b] = [await seller(), await seller()];
    const value = confirmed([line(a, 1_000n), line(b, 2_000n)]);
    const cancel = canceled(value, value.lines.slice(1));
    await consumer()([confirmedMessage(value), canceledMessage(cancel, 2)]);
    expect([await balance(a), await balance(b)]).toEqual(['1000.00', '0.00']);
    const lines = await linesOf(value.orderId);
    expect(lines.map((l) => [l.type, l.idempotencyKey])).toEqual([
      ['CREDIT', `CREDIT:${value.lines[0]?.paymentOrderNo}`],
      ['CREDIT', `CREDIT:${value.lines[1]?.paymentOrderNo}`],
      ['DEBIT', `DEBIT:${cancel.cancelId}:${value.lines[1]?.paymentOrderNo}`],
    ]);
    const departures = await departuresOf(value.orderId);
    expect(departures.map((row) => [row.eventType, row.aggregateSeq])).toEqual([
      ['wallet.PaymentSettled', 1],
      ['wallet.CancellationSettled', 2],
    ]);
    const told = await decode(Buffer.from(departures[1]?.payload ?? []));
    expect(told.value).toMatchObject({
      cancelId: cancel.cancelId,
      entries: [{ sellerNo: b, amount: 2_000n }],
    });
  });

  it('When a line was not credited, or was debited before, then its cancellation is parked', async () => {
    const a = await seller();
    const value = confirmed([line(a, 1_000n)]);
    const handle = consumer();
    await handle([confirmedMessage(value), canceledMessage(canceled(value, value.lines), 2)]);
    await handle([canceledMessage(canceled(value, value.lines), 3)]);
    await handle([canceledMessage(canceled(value, [line(a, 10n)]), 4)]);
    expect(await balance(a)).toBe('0.00');
    expect((await lettersOf(value.orderId)).map(({ error }) => error)).toEqual([
      expect.stringContaining('was not credited'),
      expect.stringContaining('behind'),
    ]);
  });
});

describe('what must not be half done', () => {
  async function counts(): Promise<unknown> {
    return await test.administer(`SELECT (SELECT COUNT(*) FROM inbox) AS inbox, (SELECT COUNT(*) FROM outbox) AS outbox,
      (SELECT COUNT(*) FROM wallet_transactions) AS line_count, (SELECT COUNT(*) FROM dead_letters) AS letters,
      (SELECT COUNT(*) FROM settlements) AS settlements, (SELECT SUM(balance) FROM wallets) AS balances`);
  }

  it('When the last statement fails, then nothing of the batch is left', async () => {
    const a = await seller();
    const before = await counts();
    const broken = consumer({
      encode: () => {
        throw new Error('no schema id');
      },
    });
    await expect(broken([confirmedMessage(confirmed([line(a, 5n)]))])).rejects.toThrow('no schema id');
    expect(await counts()).toEqual(before);
    expect(await balance(a)).toBeUndefined();
  });

  it('When the registry does not answer, then nothing is parked and the batch is to be repeated', async () => {
    const a = await seller();
    const before = await counts();
    const waiting = consumer({
      decode: async () => {
        throw new RegistryUnavailableError('down');
      },
    });
    await expect(waiting([confirmedMessage(confirmed([line(a, 5n)]))])).rejects.toThrow('down');
    expect(await counts()).toEqual(before);
  });

  it('When somebody holds a wallet for too long, then the batch waits, is not parked, and settles later', async () => {
    const a = await seller();
    const message = confirmedMessage(confirmed([line(a, 5n)]));
    await test.administer('INSERT INTO wallets (seller_no) VALUES (?)', [a]);
    await test.administer('SET SESSION autocommit = 0');
    await test.administer('SELECT no FROM wallets WHERE seller_no = ? FOR UPDATE', [a]);
    const impatient = consumer({ transactionTimeoutMs: 300 });
    const first = impatient([message]).then(
      () => 'settled',
      () => 'to be repeated',
    );
    await new Promise((resolve) => setTimeout(resolve, 800));
    await test.administer('COMMIT');
    await test.administer('SET SESSION autocommit = 1');
    expect(await first).toBe('to be repeated');
    await consumer()([message]);
    expect(await balance(a)).toBe('5.00');
    expect(await lettersOf(message.key?.toString() ?? '')).toEqual([]);
  });

  it('The wallet service can neither change nor remove a ledger line', async () => {
    const a = await seller();
    await consumer()([confirmedMessage(confirmed([line(a, 5n)]))]);
    await expect(test.db.$executeRaw`UPDATE wallet_transactions SET amount = 6`).rejects.toThrow(/denied/);
    await expect(test.db.$executeRaw(Prisma.sql`DELETE FROM wallet_transactions`)).rejects.toThrow(/denied/);
  });
});
