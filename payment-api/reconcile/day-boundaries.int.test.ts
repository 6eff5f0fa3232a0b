import { kstDay } from './kst-day.rules';
import { openBooks, type Books } from './reconcile.fixture';

// A day is one of Korea's, from midnight to midnight, to the millisecond.

let books: Books;
beforeAll(async () => {
  books = await openBooks();
});
afterAll(() => books.close());

const nextOf = (date: string): string => new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);

/** How many approvals and cancels each side has of a day that agrees. */
async function agreed(date: string): Promise<[number, number]> {
  const { report } = await books.run(date);
  expect(report).toMatchObject({ differenceCount: 0, inFlight: [], notes: [] });
  expect(report.sums.psp).toEqual(report.sums.here);
  return [report.sums.here.approvals.count, report.sums.here.cancels.count];
}

test('When payments are approved on both sides of a Korean midnight, then each belongs to its own day', async () => {
  const date = books.newDay();
  const next = nextOf(date);
  books.turnTo(`${date}T00:00:00.000`);
  await books.paid([1]);
  books.turnTo(`${date}T23:59:59.999`);
  await books.paid([1]);
  books.turnTo(`${next}T00:00:00.000`);
  await books.paid([1]);
  expect(await agreed(date)).toEqual([2, 0]);
  expect(await agreed(next)).toEqual([1, 0]);
});

test('When a payment of the last millisecond is canceled after midnight, then neither day has a difference', async () => {
  const date = books.newDay();
  const next = nextOf(date);
  books.turnTo(`${date}T23:59:59.999`);
  const { orderId, paymentKey } = await books.paid([1]);
  books.turnTo(`${next}T00:00:00.000`);
  await books.cancelAtPsp(paymentKey);
  expect(await books.differences(date)).toEqual([]);
  expect(await books.differences(next)).toEqual(['CANCELED_AT_PSP_NOT_HERE']);
  await books.run(next, { repair: true });
  await books.settle(orderId);
  expect(await agreed(date)).toEqual([1, 0]);
  expect(await agreed(next)).toEqual([0, 1]);
});

test('When both sides have a payment within seconds, but on two days, then that is a note on both days', async () => {
  const date = books.newDay();
  const next = nextOf(date);
  books.turnTo(`${date}T23:59:59.000`);
  const { orderId } = await books.paid([1]);
  await books.change(orderId, 'approved_at = approved_at + INTERVAL 2 SECOND');
  for (const day of [date, next]) {
    const { report } = await books.run(day);
    expect(report).toMatchObject({ differenceCount: 0, notes: [{ code: 'MOMENT_DIFFERS', orderId }] });
  }
});

test('When ours is hours away from the PSP’s, then that is a difference on both days', async () => {
  const date = books.newDay();
  const next = nextOf(date);
  books.turnTo(`${date}T23:00:00`);
  const { orderId } = await books.paid([1]);
  await books.change(orderId, 'approved_at = approved_at + INTERVAL 5 HOUR');
  expect(await books.differences(date)).toEqual(['MOMENT_DIFFERS']);
  expect(await books.differences(next, { repair: true })).toEqual(['MOMENT_DIFFERS']);
});

test('When the PSP lists more than the day that was asked for, then the rest is another day’s', async () => {
  const date = books.newDay();
  await books.paid([1]);
  const { start, end } = kstDay(date) ?? {};
  if (start === undefined || end === undefined) throw new Error('no day');
  const strangers = [new Date(start.getTime() - 1), end].map((at, index) => ({
    at,
    transactionKey: `stranger-${index}`,
    orderId: `order-of-another-day-${index}`,
  }));
  const { report } = await books.run(date, {
    list: (page) => page.flatMap((one) => [one, ...strangers.map((stranger) => ({ ...one, ...stranger }))]),
  });
  expect(report).toMatchObject({ differenceCount: 0, sums: { psp: { approvals: { count: 1 } } } });
});
