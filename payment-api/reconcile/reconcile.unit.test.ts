import fc from 'fast-check';
import type { PspAnswer } from '../toss/toss-client';
import type { TossPayment } from '../toss/toss-payment';
import type { TossTransaction } from '../toss/toss-transactions';
import { readArguments } from './arguments.rules';
import { CODES, REPAIRS, type Code, type Judged } from './differences';
import { kstDateOf, kstDay, kstText } from './kst-day.rules';
import {
  judgeLook,
  judgePayment,
  judgeTransaction,
  type Comparison,
  type Listed,
  type OurCancel,
  type OurPayment,
} from './reconcile.rules';

const DAY = kstDay('2026-11-22')!;
const OLD_DAY: Comparison = { day: DAY, youngFrom: new Date('2026-12-01T00:00:00Z') };
const at = (minute: number): Date => new Date(DAY.start.getTime() + minute * 60_000);

/** Both books of a day, and what the PSP knows of each payment. */
interface World {
  transactions: TossTransaction[];
  ours: OurPayment[];
  payments: TossPayment[];
}

/** As the story does it: the whole list, then our payments, then looks. */
function compare({ transactions, ours, payments }: World, comparison: Comparison): Judged[] {
  const listed: Listed = { transactionKeys: new Set(), approvedKeys: new Set() };
  const byOrder = new Map(ours.map((one) => [one.orderId, one]));
  const judged = [
    ...transactions.flatMap((one) => judgeTransaction(comparison, listed, one, byOrder.get(one.orderId))),
    ...ours.flatMap((one) => judgePayment(comparison, listed, one)),
  ];
  return judged.flatMap((one) => {
    if (one.as !== 'look') return [one];
    const payment = payments.find(({ paymentKey }) => paymentKey === one.finding.paymentKey);
    const answer: Exclude<PspAnswer, { kind: 'none' }> =
      payment === undefined
        ? { kind: 'error', http: 404, code: 'NOT_FOUND_PAYMENT', message: '' }
        : { kind: 'payment', payment };
    return judgeLook(comparison, one.finding, byOrder.get(one.finding.orderId), answer);
  });
}

const codes = (world: World, comparison = OLD_DAY): string[] =>
  compare(world, comparison).map(({ as, finding }) =>
    as === 'difference' ? finding.code : `${as} ${finding.code}`,
  );

interface Sale {
  amount: number;
  minute: number;
  /** Shares of what is left, given back one after the other. */
  cancels: number[];
  isWhole: boolean;
  /** Taken late and given back: FAILURE here. */
  isReversed: boolean;
}

const sale: fc.Arbitrary<Sale> = fc.record({
  amount: fc.integer({ min: 1_000, max: 9_999_999 }),
  minute: fc.integer({ min: 0, max: 1_000 }),
  cancels: fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 3 }),
  isWhole: fc.boolean(),
  isReversed: fc.boolean(),
});

/** Books that agree. */
function worldOf(sales: readonly Sale[]): World {
  const world: World = { transactions: [], ours: [], payments: [] };
  for (const [index, { amount, minute, cancels, isWhole, isReversed }] of sales.entries()) {
    const [orderId, paymentKey] = [`order-${index}`, `key-${index}`];
    const totalAmount = BigInt(amount);
    let left = totalAmount;
    const given: bigint[] = [];
    for (const share of cancels) {
      const part = (left * BigInt(share)) / 100n;
      if (part > 0n) given.push(part);
      left -= part;
    }
    if (isWhole || isReversed) {
      if (left > 0n) given.push(left);
      left = 0n;
    }
    const base = { paymentKey, orderId, currency: 'KRW' };
    world.transactions.push({
      ...base,
      transactionKey: `approval-${index}`,
      kind: 'approval',
      status: 'DONE',
      at: at(minute),
      amount: totalAmount,
    });
    const entries = given.map((part, number) => ({
      transactionKey: `cancel-${index}-${number}`,
      amount: part,
      at: at(minute + 1 + number),
    }));
    const status = left === totalAmount ? 'DONE' : left === 0n ? 'CANCELED' : 'PARTIAL_CANCELED';
    for (const entry of entries) world.transactions.push({ ...base, ...entry, kind: 'cancel', status });
    world.payments.push({
      ...base,
      status,
      totalAmount,
      balanceAmount: left,
      approvedAt: at(minute),
      cancels: entries.map(({ transactionKey, amount: cancelAmount, at: canceledAt }) => ({
        transactionKey,
        cancelAmount,
        canceledAt,
        refundableAmount: 0n,
        reason: '',
      })),
      raw: '',
    });
    const ourCancels: OurCancel[] = entries.map(
      ({ transactionKey, amount: cancelAmount, at: canceledAt }) => ({
        cancelId: transactionKey,
        status: 'SUCCESS',
        amount: cancelAmount,
        transactionKey,
        canceledAt,
        createdAt: canceledAt,
      }),
    );
    world.ours.push({
      no: BigInt(index + 1),
      orderId,
      paymentKey,
      status: isReversed ? 'FAILURE' : status === 'DONE' ? 'SUCCESS' : status,
      currency: 'KRW',
      totalAmount,
      approvedAt: isReversed ? null : at(minute),
      claimedAt: at(minute),
      failureCode: isReversed ? 'LATE_APPROVAL_REVERSED' : null,
      cancels: isReversed ? [] : ourCancels,
      credited: isReversed ? 0n : totalAmount,
      debited: isReversed ? 0n : totalAmount - left,
      lastEventAt: isReversed ? null : at(minute),
    });
  }
  return world;
}

const sales = fc.array(sale, { maxLength: 12 });
const PAID: Sale = { amount: 6_000, minute: 720, cancels: [], isWhole: false, isReversed: false };

test('Whatever was sold, canceled and reversed: books that agree have no difference', () => {
  fc.assert(fc.property(sales, (sold) => expect(codes(worldOf(sold))).toEqual([])));
});

/** Replaces the last sale's parts; the sale is paid, and canceled in part where `canceled`. */
interface Mutation {
  code: Code | `in-flight ${Code}` | `note ${Code}`;
  canceled?: true;
  reversed?: true;
  /** The day is compared while it is young. */
  isYoungDay?: true;
  transaction?: (one: TossTransaction) => TossTransaction[];
  ours?: (one: OurPayment) => OurPayment[];
  payment?: (one: TossPayment) => TossPayment[];
}

const YOUNG = new Date(OLD_DAY.youngFrom.getTime() + 1);
const firstCancel = (one: OurPayment, change: Partial<OurCancel>): OurPayment[] => [
  { ...one, cancels: one.cancels.map((cancel) => ({ ...cancel, ...change })) },
];
const ifCancel = (one: TossTransaction, change: Partial<TossTransaction>): TossTransaction[] => [
  one.kind === 'cancel' ? { ...one, ...change } : one,
];

const MUTATIONS: Mutation[] = [
  { code: 'UNKNOWN_ORDER', ours: () => [] },
  { code: 'note UNKNOWN_ORDER', ours: () => [], payment: (one) => [{ ...one, balanceAmount: 0n }] },
  { code: 'TRANSACTION_KEY_DOUBLED', transaction: (one) => [one, one] },
  { code: 'APPROVED_TWICE', transaction: (one) => [one, { ...one, transactionKey: 'second' }] },
  {
    code: 'UNFORESEEN_TRANSACTION',
    transaction: (one) => [one, { ...one, transactionKey: 'second', kind: 'other' }],
  },
  {
    code: 'FOREIGN_CURRENCY',
    transaction: (one) => [one, { ...one, transactionKey: 'second', paymentKey: 'other', currency: 'USD' }],
  },
  {
    code: 'OTHER_PAYMENT_KEY',
    transaction: (one) => [one, { ...one, transactionKey: 'second', paymentKey: 'other' }],
  },
  { code: 'AMOUNT_DIFFERS', transaction: (one) => [{ ...one, amount: (one.amount ?? 0n) + 1n }] },
  ...(['NOT_STARTED', 'EXECUTING', 'UNKNOWN'] as const).map((status): Mutation => ({
    code: 'PAID_AT_PSP_OPEN_HERE',
    ours: (one) => [{ ...one, status, approvedAt: null, credited: 0n, lastEventAt: null }],
  })),
  {
    code: 'in-flight PAID_AT_PSP_OPEN_HERE',
    ours: (one) => [
      { ...one, status: 'EXECUTING', claimedAt: YOUNG, approvedAt: null, credited: 0n, lastEventAt: null },
    ],
  },
  {
    code: 'PAID_AT_PSP_FAILED_HERE',
    ours: (one) => [{ ...one, status: 'FAILURE', approvedAt: null, credited: 0n }],
  },
  { code: 'CANCELED_AT_PSP_NOT_HERE', canceled: true, ours: (one) => [{ ...one, cancels: [], debited: 0n }] },
  {
    code: 'CANCEL_UNALLOCATED',
    canceled: true,
    ours: (one) => firstCancel({ ...one, debited: 0n }, { status: 'UNALLOCATED' }),
  },
  { code: 'CANCEL_AMOUNT_DIFFERS', canceled: true, transaction: (one) => ifCancel(one, { amount: 1n }) },
  {
    code: 'PAID_HERE_NOT_AT_PSP',
    transaction: () => [],
    payment: () => [],
  },
  {
    code: 'PAID_HERE_NOT_AT_PSP',
    transaction: () => [],
    payment: (one) => [{ ...one, status: 'ABORTED', approvedAt: null }],
  },
  {
    code: 'in-flight PAID_HERE_NOT_AT_PSP',
    isYoungDay: true,
    transaction: () => [],
  },
  { code: 'NOT_IN_PSP_LIST', transaction: () => [] },
  {
    code: 'CANCELED_HERE_NOT_AT_PSP',
    canceled: true,
    transaction: (one) => (one.kind === 'cancel' ? [] : [one]),
    payment: (one) => [{ ...one, cancels: [] }],
  },
  { code: 'MOMENT_DIFFERS', transaction: (one) => [{ ...one, at: at(700) }] },
  {
    code: 'MOMENT_DIFFERS',
    transaction: () => [],
    payment: (one) => [{ ...one, approvedAt: at(-60) }],
  },
  {
    code: 'note MOMENT_DIFFERS',
    transaction: () => [],
    ours: (one) => [{ ...one, approvedAt: at(0) }],
    payment: (one) => [{ ...one, approvedAt: at(-1) }],
  },
  {
    code: 'OUTCOME_OPEN',
    transaction: () => [],
    ours: (one) => [{ ...one, status: 'UNKNOWN', approvedAt: null, credited: 0n }],
  },
  {
    code: 'CANCEL_OPEN',
    canceled: true,
    transaction: (one) => (one.kind === 'cancel' ? [] : [one]),
    ours: (one) =>
      firstCancel({ ...one, status: 'SUCCESS', debited: 0n }, { status: 'UNKNOWN', transactionKey: null }),
  },
  { code: 'NOT_CREDITED', ours: (one) => [{ ...one, credited: one.credited - 1n }] },
  { code: 'in-flight NOT_CREDITED', ours: (one) => [{ ...one, credited: 0n, lastEventAt: YOUNG }] },
  { code: 'OVERCREDITED', ours: (one) => [{ ...one, credited: one.credited + 1n }] },
  // Nothing that is on its way ends in too much.
  { code: 'OVERCREDITED', ours: (one) => [{ ...one, credited: one.credited + 1n, lastEventAt: YOUNG }] },
  { code: 'NOT_DEBITED', canceled: true, ours: (one) => [{ ...one, debited: 0n }] },
  { code: 'OVERDEBITED', ours: (one) => [{ ...one, debited: 1n }] },
  {
    code: 'in-flight PAID_AT_PSP_FAILED_HERE',
    ours: (one) => [{ ...one, status: 'FAILURE', approvedAt: null, credited: 0n }],
    payment: (one) => [{ ...one, approvedAt: YOUNG }],
  },
  {
    code: 'in-flight REVERSAL_NOT_NOTED',
    reversed: true,
    transaction: (one) => (one.kind === 'cancel' ? [] : [one]),
    ours: (one) => [{ ...one, failureCode: 'ABORTED' }],
    payment: (one) => [{ ...one, cancels: one.cancels.map((back) => ({ ...back, canceledAt: YOUNG })) }],
  },
  {
    code: 'REVERSAL_NOT_NOTED',
    reversed: true,
    // One of its two transactions: the story looks once for both.
    transaction: (one) => (one.kind === 'cancel' ? [] : [one]),
    ours: (one) => [{ ...one, failureCode: 'ABORTED' }],
  },
];

test.each(MUTATIONS.map((mutation) => [mutation.code, mutation] as const))(
  'When one thing is changed in books that agree, then exactly %s is found',
  (
    code,
    {
      canceled,
      reversed,
      isYoungDay,
      transaction = (one) => [one],
      ours = (one) => [one],
      payment = (one) => [one],
    },
  ) => {
    const comparison = isYoungDay === true ? { ...OLD_DAY, youngFrom: at(-1) } : OLD_DAY;
    fc.assert(
      fc.property(sales, fc.integer({ min: 2_000, max: 1_000_000 }), (sold, amount) => {
        const changed: Sale = {
          ...PAID,
          amount,
          cancels: canceled === true ? [50] : [],
          isReversed: reversed === true,
        };
        const world = worldOf([...sold, changed]);
        const isChanged = ({ orderId }: { orderId: string }): boolean => orderId === `order-${sold.length}`;
        const mutated: World = {
          transactions: world.transactions.flatMap((one) => (isChanged(one) ? transaction(one) : [one])),
          ours: world.ours.flatMap((one) => (isChanged(one) ? ours(one) : [one])),
          payments: world.payments.flatMap((one) => (isChanged(one) ? payment(one) : [one])),
        };
        expect(codes(mutated, comparison)).toEqual([code]);
      }),
      { numRuns: 30 },
    );
  },
);

test('Every difference has a name that a mutation above has produced, and says what to do', () => {
  const produced = new Set(MUTATIONS.map(({ code }) => code.replace(/^.* /, '')));
  expect([...produced].toSorted()).toEqual(Object.keys(CODES).toSorted());
  for (const { isSafe, words } of Object.values(REPAIRS))
    expect(words).toMatch(isSafe ? /^--repair: ./ : /^by hand: ./);
});

describe('a Korean day', () => {
  test('begins at 15:00 UTC of the day before and ends 24 hours later', () => {
    expect(kstDay('2026-11-22')).toEqual({
      date: '2026-11-22',
      start: new Date('2026-11-21T15:00:00Z'),
      end: new Date('2026-11-22T15:00:00Z'),
    });
    expect(kstDateOf(new Date('2026-11-22T14:59:59.999Z'))).toBe('2026-11-22');
    expect(kstDateOf(new Date('2026-11-22T15:00:00Z'))).toBe('2026-11-23');
    expect(kstText(new Date('2026-11-22T15:00:00.001Z'))).toBe('2026-11-23 00:00:00.001');
  });

  test.each(['', 'today', '2026-2-3', '2026-02-30', '2026-13-01', '20261122', '2026-11-22T00:00:00'])(
    'is not %j',
    (text) => expect(kstDay(text)).toBeUndefined(),
  );
});

describe('the command’s arguments', () => {
  const now = new Date('2026-11-22T15:00:00Z');

  test('When a day of the past or today is named, then it is compared', () => {
    expect(readArguments(['--date', '2026-11-22', '--repair'], now)).toMatchObject({
      day: { date: '2026-11-22' },
      repair: true,
      json: false,
    });
    expect(readArguments(['--json', '--date=2026-11-23'], now)).toMatchObject({ json: true, repair: false });
  });

  test.each([
    [[], 'which day?'],
    [['--date', '2026-02-30'], '"2026-02-30" is no date'],
    [['--date', '2026-11-24'], '2026-11-24 has not begun: in Korea it is 2026-11-23'],
    [['--date'], '--date'],
    [['--date', '2026-11-22', '--force'], '--force'],
    [['2026-11-22'], '2026-11-22'],
  ])('When it is called with %j, then it says how it is called', (args, words) => {
    expect(() => readArguments(args, now)).toThrow(words);
    expect(() => readArguments(args, now)).toThrow('npm run reconcile -- --date YYYY-MM-DD');
  });
});
