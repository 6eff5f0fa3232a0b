import fc from 'fast-check';
import { judge, unfinished, type Evidence, type OurOrder, type PspPayment } from './judge.rules';
import type { Told } from './shoppers';

// A judge that acquits everybody proves nothing: each test breaks one thing and sees it named.

const paid: OurOrder = {
  orderId: 'order-paid',
  status: 'PARTIAL_CANCELED',
  paymentKey: 'key-1',
  total: 3000n,
  canceled: 1000n,
  isWalletDone: true,
  credited: 3000n,
  debited: 1000n,
  creditLines: 2,
  lines: 2,
};
const failed: OurOrder = {
  ...paid,
  orderId: 'order-failed',
  status: 'FAILURE',
  paymentKey: 'key-2',
  canceled: 0n,
  credited: 0n,
  debited: 0n,
  creditLines: 0,
};
const taken: PspPayment = {
  orderId: 'order-paid',
  paymentKey: 'key-1',
  status: 'PARTIAL_CANCELED',
  total: 3000n,
  balance: 2000n,
};
const promise: Told = {
  orderId: 'order-paid',
  amount: 3000,
  payment: 'confirmed',
  paymentKey: 'key-1',
  canceled: new Map([['cancel-1', 1000]]),
};
const sound: Evidence = {
  ours: [paid, failed],
  psp: [taken, { ...taken, orderId: 'order-failed', paymentKey: 'key-2', status: 'ABORTED', balance: 3000n }],
  told: [promise, { ...promise, orderId: 'order-failed', payment: 'refused', canceled: new Map() }],
  cancels: new Map([['cancel-1', { amount: 1000n, status: 'SUCCESS' }]]),
  approvals: new Map([['order-paid', 1]]),
};
const withPaid = (over: Partial<OurOrder>): Evidence => ({ ...sound, ours: [{ ...paid, ...over }, failed] });

test('When all agree, then there is nothing to say', () => {
  expect(judge(sound)).toEqual([]);
  expect(unfinished(sound)).toEqual([]);
});

test.each<[string, Evidence, RegExp]>([
  [
    'the PSP keeps more than we know of',
    { ...sound, psp: [{ ...taken, balance: 3000n }] },
    /the PSP keeps 3000 won, we say 2000/,
  ],
  ['the PSP has nothing of a paid order', { ...sound, psp: [] }, /the PSP keeps 0 won/],
  [
    'an order was charged twice, under two keys',
    { ...sound, psp: [taken, { ...taken, paymentKey: 'key-9' }] },
    /the PSP keeps 4000 won/,
  ],
  [
    'a failed order was charged',
    { ...sound, psp: [taken, { ...taken, orderId: 'order-failed' }] },
    /order-failed is FAILURE: the PSP keeps/,
  ],
  [
    'the PSP has a payment of an order that is gone',
    { ...sound, psp: [taken, { ...taken, orderId: 'order-gone' }] },
    /not ours/,
  ],
  [
    'a seller was not credited',
    withPaid({ credited: 2000n, creditLines: 1 }),
    /2000 of 3000 won credited by 1 of 2 lines/,
  ],
  ['a seller was credited twice', withPaid({ credited: 4000n, creditLines: 3 }), /4000 of 3000/],
  ['credits are right in sum and doubled in number', withPaid({ creditLines: 3 }), /by 3 of 2 lines/],
  ['a refund was not debited', withPaid({ debited: 0n }), /0 won debited, 1000 canceled/],
  [
    'a failed order was credited',
    { ...sound, ours: [paid, { ...failed, credited: 3000n }] },
    /order-failed is FAILURE: 3000 won credited/,
  ],
  [
    'a confirmed order is open again',
    withPaid({ status: 'NOT_STARTED' }),
    /was confirmed to the shopper and is NOT_STARTED/,
  ],
  [
    'a shopper was told that nothing was charged, and it was',
    { ...sound, told: [{ ...promise, payment: 'not-charged' }] },
    /was said not to be charged and is PARTIAL_CANCELED/,
  ],
  [
    'an order was refused and charged all the same',
    { ...sound, told: [{ ...promise, payment: 'refused' }] },
    /was refused to the shopper and is PARTIAL_CANCELED/,
  ],
  ['a confirmed order has another key', withPaid({ paymentKey: 'key-8' }), /another payment key/],
  ['an order was forgotten', { ...sound, ours: [failed] }, /is gone/],
  [
    'a promised cancel did not happen',
    { ...sound, cancels: new Map([['cancel-1', { amount: 1000n, status: 'FAILURE' }]]) },
    /was promised and is FAILURE/,
  ],
  [
    'a promised cancel was of another amount',
    { ...sound, cancels: new Map([['cancel-1', { amount: 1n, status: 'SUCCESS' }]]) },
    /of 1000 won was promised/,
  ],
  [
    'the PSP approved an order twice',
    { ...sound, approvals: new Map([['order-paid', 2]]) },
    /approved 2 times/,
  ],
  ['a payment is still unknown', withPaid({ status: 'UNKNOWN' }), /stuck: order-paid is UNKNOWN/],
  ['a settlement is not acknowledged', withPaid({ isWalletDone: false }), /stuck: order-paid/],
])('When %s, then it is said', (_what, evidence, sentence) => {
  expect(judge(evidence).join('\n')).toMatch(sentence);
});

test('Whatever amount is off by whatever, it is said', () => {
  const fields = ['canceled', 'credited', 'debited', 'total'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.bigInt({ min: 1n, max: 10_000n }), (field, off) => {
      expect(judge(withPaid({ [field]: paid[field] + off }))).not.toEqual([]);
    }),
  );
});
