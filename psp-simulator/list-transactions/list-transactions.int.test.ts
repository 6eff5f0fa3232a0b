import { closeFixtures, fixture, type Fixture } from '../simulator.fixture';

afterEach(closeFixtures);

const kst = (text: string) => Date.parse(`${text}+09:00`);

async function pay({ time, shopper, confirm }: Fixture, orderId: string, at: string): Promise<string> {
  time.nowMs = kst(at);
  const paymentKey = await shopper(orderId, 6000);
  await confirm({ paymentKey, orderId, amount: 6000 });
  return paymentKey;
}

const list = async ({ toss }: Fixture, query: string) =>
  (await toss('GET', `/v1/transactions?${query}`)).body;

describe('transactions', () => {
  it('When a Korean day is asked for, then it is that day from midnight to midnight in Korea', async () => {
    const made = await fixture();
    await pay(made, 'order-before', '2026-11-21T23:59:59.999');
    await pay(made, 'order-first', '2026-11-22T00:00:00.000');
    await pay(made, 'order-last', '2026-11-22T23:59:59.999');
    await pay(made, 'order-after', '2026-11-23T00:00:00.000');
    const day = await list(made, 'startDate=2026-11-22T00:00:00&endDate=2026-11-22T23:59:59');
    expect(day.map((one: { orderId: string }) => one.orderId)).toEqual(['order-first', 'order-last']);
    expect(day[0]).toMatchObject({
      status: 'DONE',
      amount: 6000,
      currency: 'KRW',
      method: '카드',
      transactionAt: '2026-11-22T00:00:00+09:00',
    });
  });

  it('When a payment was canceled in parts, then each cancel is a transaction of its own', async () => {
    const made = await fixture({ cancelIntervalMs: 0 });
    const paymentKey = await pay(made, 'order-parts', '2026-11-22T10:00:00');
    const path = `/v1/payments/${paymentKey}/cancel`;
    await made.toss('POST', path, { cancelReason: 'a', cancelAmount: 1000 });
    const canceled = await made.toss('POST', path, { cancelReason: 'b' });
    const all = await list(made, 'startDate=2026-11-22&endDate=2026-11-22');
    expect(all.map((one: { status: string; amount: number }) => [one.status, one.amount])).toEqual([
      ['DONE', 6000],
      ['PARTIAL_CANCELED', -1000],
      ['CANCELED', -5000],
    ]);
    expect(all[2].transactionKey).toBe(canceled.body.lastTransactionKey);
  });

  it('When the list is paged, then startingAfter goes on after the last one seen', async () => {
    const made = await fixture();
    for (const n of [1, 2, 3]) await pay(made, `order-page-${n}`, `2026-11-22T10:00:0${n}`);
    const span = 'startDate=2026-11-22&endDate=2026-11-22&limit=2';
    const first = await list(made, span);
    expect(first).toHaveLength(2);
    const second = await list(made, `${span}&startingAfter=${first[1].transactionKey}`);
    expect(second.map((one: { orderId: string }) => one.orderId)).toEqual(['order-page-3']);
    expect(await list(made, `${span}&startingAfter=${second[0].transactionKey}`)).toEqual([]);
  });

  it.each([
    ['', 'INVALID_REQUEST'],
    ['startDate=2026-11-22', 'INVALID_REQUEST'],
    ['startDate=2026-02-30&endDate=2026-03-01', 'INVALID_REQUEST'],
    ['startDate=2026-11-22&endDate=tomorrow', 'INVALID_REQUEST'],
    ['startDate=2026-11-22&endDate=2026-11-22&limit=5001', 'INVALID_REQUEST'],
    ['startDate=2026-11-22&endDate=2026-11-22&startingAfter=unknown', 'INVALID_TRANSACTION_KEY'],
  ])('When the query is "%s", then it is refused with %s', async (query, code) => {
    const { toss } = await fixture();
    expect(await toss('GET', `/v1/transactions?${query}`)).toMatchObject({ status: 400, body: { code } });
  });
});
