import { RegistryUnavailableError } from '#contracts/codec';
import { HEADER } from '#contracts/topics';
import { Prisma } from '#prisma/database';
import {
  NOW,
  decode,
  line,
  confirmed,
  canceled,
  confirmedMessage,
  canceledMessage,
  eventIdOf,
  useSettlements,
} from './settlement.fixture';

const {
  administer,
  database,
  consumer,
  seller,
  balance,
  linesOf,
  departuresOf,
  lettersOf,
  inboxRow,
  counts,
} = useSettlements();

describe('crediting', () => {
  it('When an order pays several sellers, then each gets its lines, and one answer tells all', async () => {
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
    expect(await inboxRow(eventIdOf(message))).toMatchObject({
      aggregateId: value.orderId,
      eventSeq: 1,
      topic: 'payment',
    });
    expect(await database().settlement.findUnique({ where: { orderId: value.orderId } })).toMatchObject({
      lastSeqIn: 1,
      lastSeqOut: 1,
    });
  });

  it('When a wallet has another number than its seller, then the right wallet is credited', async () => {
    const [a, b] = [await seller(), await seller()];
    // Wallet number of `b` is the seller number of `a`: a map keyed the wrong way would pay `b`.
    await administer('INSERT INTO wallets (no, seller_no) VALUES (?, ?)', [a, b]);
    await consumer()([confirmedMessage(confirmed([line(a, 700n)]))]);
    expect([await balance(a), await balance(b)]).toEqual(['700.00', '0.00']);
  });

  it('When three settlements run at once on one wallet, then 6000 + 1000 + 3000 make 10000', async () => {
    const a = await seller();
    // The wallet is there before: creating it would lock it, and hide that settling does not.
    await administer('INSERT INTO wallets (seller_no) VALUES (?)', [a]);
    const messages = [6_000n, 1_000n, 3_000n].map((amount) => confirmedMessage(confirmed([line(a, amount)])));
    await Promise.all(messages.map((message) => consumer()([message])));
    expect(await balance(a)).toBe('10000.00');
  });

  it('When batches lock the same wallets in opposite orders at once, then they do not deadlock', async () => {
    const sellers = [await seller(), await seller(), await seller()];
    for (const no of sellers) await administer('INSERT INTO wallets (seller_no) VALUES (?)', [no]);
    const batches = Array.from({ length: 8 }, (_, batch) =>
      Array.from({ length: 10 }, () => {
        const order = batch % 2 === 0 ? sellers : sellers.toReversed();
        return confirmedMessage(confirmed(order.map((no) => line(no, 10n))));
      }),
    );
    const handle = consumer();
    await Promise.all(batches.map((batch) => handle(batch)));
    expect(await handle.registry.getSingleMetricAsString('wallet_transaction_retries_total')).toMatch(/ 0$/);
    expect(await Promise.all(sellers.map((no) => balance(no)))).toEqual(['800.00', '800.00', '800.00']);
  });

  it('When 500 orders of 3 lines come at once, then all are booked in one transaction', async () => {
    const sellers = await Promise.all(Array.from({ length: 20 }, () => seller()));
    const messages = Array.from({ length: 500 }, (_, n) =>
      confirmedMessage(confirmed([0, 1, 2].map((k) => line(sellers[(n + k) % 20] ?? 0, 100n)))),
    );
    await consumer()(messages);
    expect(await Promise.all(sellers.map((no) => balance(no)))).toEqual(sellers.map(() => '7500.00'));
    const versions = await database().wallet.findMany({ where: { sellerNo: { in: sellers } } });
    expect(new Set(versions.map((wallet) => wallet.version))).toEqual(new Set([1n]));
  });
});

describe('canceling', () => {
  it('When lines are canceled, then exactly these are debited', async () => {
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

  it('When the registry does not answer, then nothing is parked and it is to be repeated', async () => {
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

  it('When somebody holds a wallet too long, then the batch is not parked and settles later', async () => {
    const a = await seller();
    const message = confirmedMessage(confirmed([line(a, 5n)]));
    await administer('INSERT INTO wallets (seller_no) VALUES (?)', [a]);
    await administer('SET SESSION autocommit = 0');
    await administer('SELECT no FROM wallets WHERE seller_no = ? FOR UPDATE', [a]);
    const impatient = consumer({ transactionTimeoutMs: 300 });
    const first = impatient([message]).then(
      () => 'settled',
      () => 'to be repeated',
    );
    // The wallet is held until the consumer has lost its patience, however late it began.
    const outcome = await first;
    await administer('COMMIT');
    await administer('SET SESSION autocommit = 1');
    expect(outcome).toBe('to be repeated');
    await consumer()([message]);
    expect(await balance(a)).toBe('5.00');
    expect(await lettersOf(message.key?.toString() ?? '')).toEqual([]);
  });

  it('The wallet service can neither change nor remove a ledger line', async () => {
    const a = await seller();
    await consumer()([confirmedMessage(confirmed([line(a, 5n)]))]);
    await expect(database().execute`UPDATE wallet_transactions SET amount = 6`).rejects.toThrow(/denied/);
    await expect(database().execute(Prisma.sql`DELETE FROM wallet_transactions`)).rejects.toThrow(/denied/);
  });
});
