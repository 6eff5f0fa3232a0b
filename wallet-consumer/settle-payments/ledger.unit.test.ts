import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { sumWon, WON_MAX } from '#kit/money';
import { UnprocessableError } from '#messaging/message-service';
import { book, lineHash, type WalletHead } from './ledger.rules';
import type { Booking } from './payment-event.rules';

const NOW = new Date('2026-03-01T09:30:00.007Z');

const wallet = (sellerNo: number, over: Partial<WalletHead> = {}): WalletHead => ({
  walletNo: 100 + sellerNo,
  sellerNo,
  balance: 0n,
  lastSeq: 0,
  lastHash: '',
  lastAt: null,
  ...over,
});

const booking = fc
  .record({
    type: fc.constantFrom('CREDIT' as const, 'DEBIT' as const),
    orderId: fc.uuid(),
    shares: fc.array(
      fc.record({
        paymentOrderNo: fc.integer({ min: 1 }),
        sellerNo: fc.integer({ min: 1, max: 5 }),
        amount: fc.bigInt({ min: 1n, max: 1_000_000_000n }),
        idempotencyKey: fc.uuid(),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  })
  .map((drawn): Booking => ({ ...drawn, currency: 'KRW', cancelId: 'c' }));
const bookings = fc.array(fc.record({ eventId: fc.uuid(), booking }), { maxLength: 20 });
const heads = fc
  .array(fc.bigInt({ min: -1_000_000_000n, max: 1_000_000_000n }), { minLength: 5, maxLength: 5 })
  .map((balances) => new Map(balances.map((balance, n) => [n + 1, wallet(n + 1, { balance, lastSeq: n })])));

describe('booking a batch', () => {
  it('When any batch is booked, then every wallet moves by exactly its credits less its debits', () => {
    fc.assert(
      fc.property(bookings, heads, (batch, wallets) => {
        const moved = new Map(book(batch, wallets, NOW).heads.map((head) => [head.sellerNo, head]));
        for (const [sellerNo, before] of wallets) {
          const deltas = batch.flatMap(({ booking: { type, shares } }) =>
            shares
              .filter((share) => share.sellerNo === sellerNo)
              .map(({ amount }) => (type === 'CREDIT' ? amount : -amount)),
          );
          const after = moved.get(sellerNo) ?? before;
          expect(after.balance).toBe(before.balance + sumWon(deltas));
          expect(after.lastSeq).toBe(before.lastSeq + deltas.length);
        }
      }),
    );
  });

  it('When any batch is booked, then each wallet’s lines continue its chain without a hole', () => {
    fc.assert(
      fc.property(bookings, heads, (batch, wallets) => {
        const { lines, heads: moved } = book(batch, wallets, NOW);
        const chain = new Map(wallets);
        for (const line of lines.flat()) {
          const head = chain.get(line.sellerNo) ?? wallet(line.sellerNo);
          expect(line.walletNo).toBe(head.walletNo);
          expect(line.walletSeq).toBe(head.lastSeq + 1);
          expect(line.lineHash).toBe(lineHash(head.lastHash, line));
          const { balanceAfter: balance, walletSeq: lastSeq, lineHash: lastHash } = line;
          chain.set(line.sellerNo, { ...head, balance, lastSeq, lastHash, lastAt: line.createdAt });
        }
        for (const head of moved) expect(chain.get(head.sellerNo)).toEqual(head);
      }),
    );
  });

  it('When the clock was set back, then no line is older than the one before it', () => {
    const share = (paymentOrderNo: number, sellerNo: number) => ({
      paymentOrderNo,
      sellerNo,
      amount: 1n,
      idempotencyKey: `CREDIT:${paymentOrderNo}`,
    });
    const ahead = new Date(NOW.getTime() + 5_000);
    const wallets = new Map([
      [1, wallet(1, { lastSeq: 1, lastAt: ahead })],
      [2, wallet(2, { lastSeq: 1, lastAt: new Date(NOW.getTime() - 5_000) })],
    ]);
    const shares = [share(1, 1), share(2, 2)];
    const both: Booking = { type: 'CREDIT', orderId: 'order', currency: 'KRW', shares };
    const { lines, heads: moved } = book([{ eventId: 'e', booking: both }], wallets, NOW);
    expect(lines.flat().map(({ createdAt }) => createdAt)).toEqual([ahead, NOW]);
    expect(moved.map(({ lastAt }) => lastAt)).toEqual([ahead, NOW]);
  });

  it('When a batch is split anywhere, then the chain is the same', () => {
    fc.assert(
      fc.property(bookings, heads, fc.nat(20), (batch, wallets, at) => {
        const whole = book(batch, wallets, NOW);
        const first = book(batch.slice(0, at), wallets, NOW);
        const between = new Map([...wallets, ...first.heads.map((head) => [head.sellerNo, head] as const)]);
        const second = book(batch.slice(at), between, NOW);
        expect([...first.lines, ...second.lines]).toEqual(whole.lines);
      }),
    );
  });

  it('When a balance would leave DECIMAL(15,2), then nothing is booked', () => {
    const share = { paymentOrderNo: 1, sellerNo: 1, amount: 1n, idempotencyKey: 'k' };
    const credit: Booking = { type: 'CREDIT', orderId: 'o', currency: 'KRW', shares: [share] };
    const full = new Map([[1, wallet(1, { balance: WON_MAX })]]);
    expect(() => book([{ eventId: 'e', booking: credit }], full, NOW)).toThrow(UnprocessableError);
  });

  it('When a wallet was not locked, then booking stops instead of guessing one', () => {
    const share = { paymentOrderNo: 1, sellerNo: 101, amount: 1n, idempotencyKey: 'k' };
    const credit: Booking = { type: 'CREDIT', orderId: 'o', currency: 'KRW', shares: [share] };
    expect(() => book([{ eventId: 'e', booking: credit }], new Map([[1, wallet(1)]]), NOW)).toThrow(
      /seller 101/,
    );
  });
});

describe('the hash of a line', () => {
  const line = {
    walletNo: 7,
    walletSeq: 3,
    type: 'DEBIT' as const,
    amount: 1_000n,
    balanceAfter: -5n,
    paymentOrderNo: 42,
    orderId: 'order-1',
    eventId: 'event-1',
    idempotencyKey: 'DEBIT:c:42',
    createdAt: NOW,
  };

  it('When anybody recomputes it from the columns, then it is the documented form', () => {
    const text =
      'abc|7|3|DEBIT|1000.00|-5.00|PAYMENT_ORDER|42|order-1|event-1|DEBIT:c:42|2026-03-01 09:30:00.007';
    expect(lineHash('abc', line)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it.each([
    { walletNo: 8 },
    { walletSeq: 4 },
    { type: 'CREDIT' as const },
    { amount: 1_001n },
    { balanceAfter: 5n },
    { paymentOrderNo: 43 },
    { orderId: 'order-2' },
    { eventId: 'event-2' },
    { idempotencyKey: 'DEBIT:d:42' },
    { createdAt: new Date(NOW.getTime() + 1) },
  ])('When %o of a line changes, then so does its hash', (change) => {
    expect(lineHash('abc', { ...line, ...change })).not.toBe(lineHash('abc', line));
    expect(lineHash('abd', line)).not.toBe(lineHash('abc', line));
  });
});
