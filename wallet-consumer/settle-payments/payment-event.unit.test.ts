import * as fc from 'fast-check';
import { sumWon } from '#kit/money';
import { headedOf } from '#messaging/read-message';
import { readBooking } from './payment-event.rules';

const ID = '00000000-0000-7000-8000-000000000001';

const arriving = (orderId: string) =>
  headedOf({
    topic: 'payment',
    partition: 3,
    offset: 9n,
    key: Buffer.from(orderId),
    value: Buffer.alloc(0),
    headers: { id: ID, eventType: 'payment.PaymentConfirmed', aggregateSeq: '1' },
  });

function confirmed(amounts: bigint[], totalAmount: bigint) {
  const lines = amounts.map((amount, n) => ({ paymentOrderNo: n + 1, sellerNo: 1, productNo: 1, amount }));
  const value = {
    orderId: 'order-1',
    paymentKey: 'pk',
    currency: 'KRW',
    totalAmount,
    approvedAt: new Date(),
    lines,
  };
  return { record: 'payment.PaymentConfirmed' as const, value };
}

const amounts = fc.array(fc.bigInt({ min: 1n, max: 1_000_000_000n }), { minLength: 1, maxLength: 100 });

describe('reading a payment event', () => {
  it('When positive lines sum to the total, then it is a booking of exactly these shares', () => {
    fc.assert(
      fc.property(amounts, (drawn) => {
        const content = readBooking(arriving('order-1'), confirmed(drawn, sumWon(drawn)));
        expect('shares' in content && content.shares.map((share) => share.amount)).toEqual(drawn);
      }),
    );
  });

  it('When the total differs by any amount, then it is not booked', () => {
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 1n, max: 1_000n }), fc.boolean(), (drawn, by, isMore) => {
        const total = isMore ? sumWon(drawn) + by : sumWon(drawn) - by;
        expect(readBooking(arriving('order-1'), confirmed(drawn, total))).toHaveProperty('reason');
      }),
    );
  });

  it('When several things are wrong, then all of them are said', () => {
    const content = readBooking(arriving('order-2'), confirmed([0n, 5n], 7n));
    expect('reason' in content && content.reason.split('; ')).toEqual([
      "the key is not the value's order id",
      'payment order 1 has the amount 0',
      'the lines sum to 5, the event says 7',
    ]);
  });

  it.each([
    ['no lines', confirmed([], 0n)],
    ['too many lines', confirmed(Array<bigint>(1_001).fill(1n), 1_001n)],
  ])('When there are %s, then it is not booked', (_title, event) => {
    expect(readBooking(arriving('order-1'), event)).toHaveProperty('reason');
  });

  it('When a payment order stands in two lines, then it is not booked', () => {
    const event = confirmed([1n, 1n], 2n);
    for (const line of event.value.lines) line.paymentOrderNo = 1;
    expect(readBooking(arriving('order-1'), event)).toMatchObject({
      reason: expect.stringContaining('two lines') as unknown,
    });
  });
});

describe('reading headers', () => {
  it('When headers hold anything at all, then reading them yields only storable ids', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    fc.assert(
      fc.property(fc.dictionary(text, text), text, text, text, (others, id, aggregateSeq, key) => {
        const read = headedOf({
          topic: 'payment',
          partition: 3,
          offset: 9n,
          key: Buffer.from(key),
          value: null,
          headers: { ...others, id, aggregateSeq },
        });
        expect(read.arrival.eventId).toMatch(/^(payment:3:9|[0-9a-f-]{36})$/);
        expect(read.arrival.aggregateId ?? '').toMatch(/^[\x21-\x7e]{0,300}$/);
      }),
    );
  });
});
