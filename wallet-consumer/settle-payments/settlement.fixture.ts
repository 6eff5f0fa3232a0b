import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import type {
  EventRecords,
  PaymentCanceled,
  PaymentConfirmed,
  PaymentLine,
} from '#contracts/generated-types';
import { HEADER, type RecordName } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { sumWon } from '#kit/money';
import { openTestDatabase, testCodec, type TestDatabase } from '#prisma/database.fixture';
import { lineHash } from './ledger.rules';
import { createSettlementConsumer } from './settle-payments.consumer';
import { insertLines } from './settle-payments.store';
import { inTransaction } from '#prisma/transaction';

// What the settlement's int tests share: a database per file, consumers fed by hand, events, and rows read
// back.

export const NOW = new Date('2026-03-01T09:30:00.123Z');
export const { encode, decode } = testCodec();

let nextNo = 1_000;
/** A number that no other row of this file has. */
export const newNo = (): number => (nextNo += 1);

export const line = (sellerNo: number, amount: bigint): PaymentLine => ({
  paymentOrderNo: newNo(),
  sellerNo,
  productNo: 1,
  amount,
});

export function confirmed(lines: PaymentLine[], over: Partial<PaymentConfirmed> = {}): PaymentConfirmed {
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

export function canceled(of: PaymentConfirmed, lines: PaymentLine[]): PaymentCanceled {
  const cancelAmount = sumWon(lines.map(({ amount }) => amount));
  const { orderId, paymentKey, currency } = of;
  return { orderId, paymentKey, currency, cancelId: randomUUID(), cancelAmount, canceledAt: NOW, lines };
}

let nextOffset = 0n;

/** A message as the outbox router makes it; `over` replaces parts of it. */
export function testMessage<R extends RecordName>(
  record: R,
  value: EventRecords[R] & { orderId: string },
  {
    eventId,
    seq,
    redriveOf,
    ...over
  }: { eventId: string; seq: number; redriveOf?: string | undefined } & Partial<ConsumedMessage>,
): ConsumedMessage {
  nextOffset += 1n;
  return {
    topic: 'payment',
    partition: 0,
    offset: nextOffset,
    key: Buffer.from(value.orderId),
    value: encode(record, value),
    headers: {
      [HEADER.eventId]: eventId,
      [HEADER.eventType]: record,
      [HEADER.aggregateSeq]: String(seq),
      ...(redriveOf === undefined ? {} : { [HEADER.redriveOf]: redriveOf }),
    },
    ...over,
  };
}

export const confirmedMessage = (
  value: PaymentConfirmed,
  over: Partial<ConsumedMessage> & { seq?: number; redriveOf?: string | undefined } = {},
): ConsumedMessage =>
  testMessage('payment.PaymentConfirmed', value, { eventId: randomUUID(), seq: 1, ...over });

export const canceledMessage = (value: PaymentCanceled, seq: number, redriveOf?: string): ConsumedMessage =>
  testMessage('payment.PaymentCanceled', value, { eventId: randomUUID(), seq, redriveOf });

export const eventIdOf = (message: ConsumedMessage): string => message.headers[HEADER.eventId] ?? '';

/** Lines whose number, balance or hash does not follow from their predecessor, by the documented SQL. */
const BROKEN_LINES = `
  SELECT no FROM (
    SELECT line.*,
      LAG(line_hash, 1, '') OVER w AS previous_hash,
      LAG(balance_after, 1, 0) OVER w AS balance_before,
      LAG(wallet_seq, 1, 0) OVER w AS previous_seq
    FROM wallet_transactions AS line WINDOW w AS (PARTITION BY wallet_no ORDER BY wallet_seq)) AS chain
  WHERE wallet_seq <> previous_seq + 1
    OR balance_after <> balance_before + IF(type = 'CREDIT', amount, -amount)
    OR line_hash <> SHA2(CONCAT_WS('|', previous_hash, wallet_no, wallet_seq, type, amount, balance_after,
      reference_type, reference_id, order_id, event_id, idempotency_key, created_at), 256)`;
/** Wallets whose head is not their newest line. */
const BROKEN_HEADS = `
  SELECT wallets.no FROM wallets LEFT JOIN wallet_transactions AS line
    ON line.wallet_no = wallets.no AND line.wallet_seq = wallets.last_seq
  WHERE IFNULL(line.line_hash, '') <> wallets.last_hash OR IFNULL(line.balance_after, 0) <> wallets.balance
    OR wallets.last_seq <> (SELECT COUNT(*) FROM wallet_transactions WHERE wallet_no = wallets.no)`;

/** Opens a database for the file, and proves after each test that every wallet's chain holds. */
export function useSettlements() {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase('wallet');
  });
  afterAll(() => test.close());
  afterEach(async () => {
    const broken = [await test.administer(BROKEN_LINES), await test.administer(BROKEN_HEADS)].flat();
    if (broken.length > 0) throw new Error(`the ledger is broken: ${JSON.stringify(broken.map(String))}`);
  });
  const administer: TestDatabase['administer'] = (sql, values) => test.administer(sql, values);

  return {
    administer,
    database: () => test.db,

    /** The consumer's handler as `wallet.main.ts` makes it; `over` replaces parts of its world. */
    consumer: (over: Partial<Parameters<typeof createSettlementConsumer>[0]> = {}) => {
      const registry = new Registry();
      const handle = createSettlementConsumer(
        {
          db: test.db,
          encode,
          decode,
          clock: async () => NOW,
          ids: systemIds,
          transactionTimeoutMs: 60_000,
          log: createLog('test', 'silent'),
          ...over,
        },
        registry,
      );
      return Object.assign(handle, { registry });
    },

    /** A seller of one test alone, so that balances can be read as absolute numbers. */
    seller: async (sellerNo = newNo()): Promise<number> => {
      await administer('INSERT INTO sellers (no, seller_id) VALUES (?, ?)', [sellerNo, `S${sellerNo}`]);
      return sellerNo;
    },

    /** Money leaves a wallet by a line that no cancel caused, as a pay-out would: only so can a refund find too little. */
    payOut: async (sellerNo: number, amount: bigint): Promise<void> => {
      const wallet = await test.db.wallet.findUniqueOrThrow({ where: { sellerNo } });
      const columns = {
        walletNo: Number(wallet.no),
        walletSeq: Number(wallet.lastSeq) + 1,
        type: 'DEBIT' as const,
        amount,
        balanceAfter: BigInt(wallet.balance.toFixed(0)) - amount,
        paymentOrderNo: newNo(),
        orderId: `payout-${sellerNo}`,
        eventId: randomUUID(),
        idempotencyKey: `PAYOUT:${randomUUID()}`,
        createdAt: NOW,
      };
      const hash = lineHash(wallet.lastHash, columns);
      await inTransaction(test.db, (tx) => insertLines(tx, [{ ...columns, sellerNo, lineHash: hash }]));
      await administer('UPDATE wallets SET balance = ?, last_seq = ?, last_hash = ? WHERE seller_no = ?', [
        columns.balanceAfter,
        columns.walletSeq,
        hash,
        sellerNo,
      ]);
    },

    redriving: (id: string | undefined) =>
      administer("UPDATE dead_letters SET status = 'REDRIVING' WHERE id = ?", [id]),

    balance: async (sellerNo: number): Promise<string | undefined> => {
      const wallet = await test.db.wallet.findUnique({ where: { sellerNo } });
      return wallet?.balance.toFixed(2);
    },
    linesOf: (orderId: string) =>
      test.db.walletTransaction.findMany({ where: { orderId }, orderBy: { no: 'asc' } }),
    departuresOf: (aggregateId: string) =>
      test.db.outbox.findMany({ where: { aggregateId }, orderBy: { no: 'asc' } }),
    lettersOf: (aggregateId: string) =>
      test.db.deadLetter.findMany({ where: { aggregateId }, orderBy: { no: 'asc' } }),
    inboxRow: (eventId: string) =>
      test.db.inbox.findUnique({ where: { consumer_eventId: { consumer: 'wallet-service', eventId } } }),
    counts: () =>
      administer(`SELECT (SELECT COUNT(*) FROM inbox) AS inbox, (SELECT COUNT(*) FROM outbox) AS outbox,
        (SELECT COUNT(*) FROM wallet_transactions) AS line_count,
        (SELECT COUNT(*) FROM dead_letters) AS letters,
        (SELECT COUNT(*) FROM settlements) AS settlements, (SELECT SUM(balance) FROM wallets) AS balances`),
  };
}
