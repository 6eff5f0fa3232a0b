import type { TossTransaction } from '../toss/toss-transactions';
import { openBooks, type Books } from './reconcile.fixture';

// What no program may decide: named with what to do, not touched by `--repair`, and found again by the next run.

let books: Books;
beforeAll(async () => {
  books = await openBooks();
});
afterAll(() => books.close());

/** Named by a comparison, left by two repairs. */
async function expectLeft(date: string, code: string, list?: (page: TossTransaction[]) => TossTransaction[]) {
  const options = list === undefined ? {} : { list };
  const { report } = await books.run(date, options);
  expect(report.differences.map((finding) => finding.code)).toEqual([code]);
  for (const _time of [1, 2]) {
    const { report: left, repairs } = await books.run(date, { ...options, repair: true });
    expect(repairs).toEqual([]);
    expect(left.differences).toEqual(report.differences);
  }
  const [difference] = report.differences;
  if (difference === undefined) throw new Error('no difference');
  return difference;
}

/** What the PSP lists about every transaction, changed. */
const each =
  (change: Partial<TossTransaction>) =>
  (page: TossTransaction[]): TossTransaction[] =>
    page.map((transaction) => ({ ...transaction, ...change }));

/** An order that is paid here, whatever the PSP says. */
async function paidHere(date: string, paymentKey: string): Promise<string> {
  const { orderId } = await books.api.order([1]);
  await books.claimed(orderId, paymentKey, 'SUCCESS');
  await books.change(orderId, 'is_payment_done = TRUE, approved_at = ?', [`${date} 03:00:00`]);
  await books.settle(orderId);
  return orderId;
}

describe('at the PSP', () => {
  test('When it has money for an order that is not ours, then that is named, until all of it was given back', async () => {
    const date = books.newDay();
    const paymentKey = await books.authenticate('order-of-another-shop', 3000);
    await books.approveAtPsp(paymentKey, 'order-of-another-shop', 3000);
    expect(await expectLeft(date, 'UNKNOWN_ORDER')).toMatchObject({
      orderId: 'order-of-another-shop',
      paymentKey,
      psp: { amount: 3000n },
      here: null,
    });
    await books.cancelAtPsp(paymentKey);
    const { report } = await books.run(date);
    expect(report).toMatchObject({ differenceCount: 0, notes: [{ code: 'UNKNOWN_ORDER' }] });
  });

  test('When an order was paid a second time under another key, then that is named, until it was given back', async () => {
    const date = books.newDay();
    const { orderId, amount } = await books.paid();
    const second = await books.authenticate(orderId, amount);
    await books.approveAtPsp(second, orderId, amount);
    expect(await expectLeft(date, 'OTHER_PAYMENT_KEY')).toMatchObject({ orderId, paymentKey: second });
    await books.cancelAtPsp(second);
    const { report } = await books.run(date);
    expect(report).toMatchObject({ differenceCount: 0, notes: [{ code: 'OTHER_PAYMENT_KEY' }] });
  });

  test('When it has taken another amount, then that is named with both amounts', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid([1]);
    const difference = await expectLeft(date, 'AMOUNT_DIFFERS', each({ amount: 7n }));
    expect(difference).toMatchObject({ orderId, psp: { amount: 7n }, here: { amount: expect.any(BigInt) } });
  });

  test('When it has taken another amount and the order is open here, then it is not recorded as paid', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp([1]);
    await books.claimed(orderId, paymentKey, 'UNKNOWN');
    await expectLeft(date, 'AMOUNT_DIFFERS', each({ amount: 7n }));
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'UNKNOWN' });
  });

  test('When another amount was taken and given back for an order without a claim, then it is not claimed', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp([1]);
    await books.cancelAtPsp(paymentKey);
    const list = (page: TossTransaction[]): TossTransaction[] =>
      page.map((one) => (one.kind === 'approval' ? { ...one, amount: 7n } : one));
    const found = ['AMOUNT_DIFFERS', 'CANCELED_AT_PSP_NOT_HERE'];
    const { report, repairs } = await books.run(date, { list, repair: true });
    expect(report.differences.map(({ code }) => code)).toEqual(found);
    expect(repairs).toEqual([{ orderId, outcome: 'nothing to take over' }]);
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', payment_key: null });
  });

  test.each<[string, string, Partial<TossTransaction>]>([
    ['is in another currency', 'FOREIGN_CURRENCY', { currency: 'USD', amount: null }],
    [
      'is a deposit that is waited for',
      'UNFORESEEN_TRANSACTION',
      { kind: 'other', status: 'WAITING_FOR_DEPOSIT' },
    ],
    ['has a fraction of a won', 'UNFORESEEN_TRANSACTION', { amount: null }],
  ])('When a transaction %s, then it is %s', async (_what, code, change) => {
    const date = books.newDay();
    const { orderId } = await books.paid([1]);
    // What is not an approval does not count as one.
    const list = (page: TossTransaction[]): TossTransaction[] => [
      ...page,
      ...page.map((transaction) => ({ ...transaction, transactionKey: 'another', ...change })),
    ];
    expect(await expectLeft(date, code, list)).toMatchObject({ orderId });
  });

  test('When it lists one transaction twice, then that is named', async () => {
    const date = books.newDay();
    await books.paid([1]);
    await expectLeft(date, 'TRANSACTION_KEY_DOUBLED', (page) => [...page, ...page]);
  });

  test('When it has approved one payment twice, then that is named', async () => {
    const date = books.newDay();
    await books.paid([1]);
    await expectLeft(date, 'APPROVED_TWICE', (page) => [
      ...page,
      ...page.map((transaction) => ({ ...transaction, transactionKey: 'a-second-approval' })),
    ]);
  });

  test('When it has given back another amount than the one here, then that is named', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid([1]);
    await books.api.cancel(orderId);
    await books.settle(orderId);
    await expectLeft(date, 'CANCEL_AMOUNT_DIFFERS', (page) =>
      page.map((transaction) =>
        transaction.kind === 'cancel' ? { ...transaction, amount: 1n } : transaction,
      ),
    );
  });
});

describe('not at the PSP', () => {
  test('When an order is paid here and the PSP does not know it, then that is named', async () => {
    const date = books.newDay();
    const orderId = await paidHere(date, `made-up-${date}`);
    const difference = await expectLeft(date, 'PAID_HERE_NOT_AT_PSP');
    expect(difference).toMatchObject({ orderId, psp: null, here: { status: 'SUCCESS' } });
  });

  test('When it is paid here and the PSP has not approved it, then that is named with what the PSP says', async () => {
    const date = books.newDay();
    const { orderId, amount } = await books.api.order([1]);
    const paymentKey = await books.authenticate(orderId, amount);
    await books.claimed(orderId, paymentKey, 'SUCCESS');
    await books.change(orderId, 'is_payment_done = TRUE, approved_at = ?', [`${date} 03:00:00`]);
    await books.settle(orderId);
    expect(await expectLeft(date, 'PAID_HERE_NOT_AT_PSP')).toMatchObject({ psp: { status: 'IN_PROGRESS' } });
  });

  test('When the PSP knows it but does not list it, then that is another thing', async () => {
    const date = books.newDay();
    await books.paid([1]);
    await expectLeft(date, 'NOT_IN_PSP_LIST', () => []);
  });

  test('When it was approved a moment ago, then the list may lag', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid([1]);
    const list = (): TossTransaction[] => [];
    // By the database's clock this day is long over, or not yet: only the age counts.
    const { report } = await books.run(date, { list, graceS: 10 * 366 * 86_400 });
    expect(report).toMatchObject({
      differenceCount: 0,
      inFlight: [{ code: 'PAID_HERE_NOT_AT_PSP', orderId }],
    });
  });

  test('When a cancel is here and the PSP does not know it, then that is named', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid([1]);
    const { administer } = books.api.database;
    const [payment] = await administer('SELECT no, total_amount FROM payment_events WHERE order_id = ?', [
      orderId,
    ]);
    await administer("UPDATE payment_orders SET payment_order_status = 'CANCELED' WHERE order_id = ?", [
      orderId,
    ]);
    await books.change(orderId, "status = 'CANCELED'");
    await administer(
      `INSERT INTO payment_cancels (id, payment_event_no, order_id, status, cancel_amount, refundable_amount,
         cancel_reason, transaction_key, canceled_at) VALUES (UUID(), ?, ?, 'SUCCESS', ?, ?, 'made up', ?, ?)`,
      [
        payment?.['no'],
        orderId,
        payment?.['total_amount'],
        payment?.['total_amount'],
        `made-up-${date}`,
        `${date} 04:00`,
      ],
    );
    await books.settle(orderId);
    const difference = await expectLeft(date, 'CANCELED_HERE_NOT_AT_PSP');
    expect(difference).toMatchObject({ orderId, transactionKey: `made-up-${date}` });
  });
});
