import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

test('One purchase flows from the checkout to every seller’s wallet and back', async () => {
  const before = await river.balances();
  const orderId = await river.buy([1, 2, 4, 6]);
  await river.untilSettled([orderId]);
  const after = await river.balances();
  const gained = (seller: number): bigint => (after.get(seller) ?? 0n) - (before.get(seller) ?? 0n);
  expect([gained(1), gained(2), gained(3)]).toEqual([3000n, 1500n, 500n]);
  const { body } = await river.call('GET', `/api/payments/${orderId}`);
  expect(body.data).toMatchObject({ status: 'SUCCESS', isPaymentDone: true, isWalletDone: true });
  const lines = await river.ops.walletTransaction.findMany({ where: { orderId }, orderBy: { no: 'asc' } });
  const orders = await river.ops.paymentOrder.findMany({ where: { orderId }, orderBy: { no: 'asc' } });
  // The original put the seller's number where the payment order's belongs, and left the key empty.
  expect(lines.map((line) => line.referenceId).sort()).toEqual(orders.map((order) => order.no).sort());
  expect(lines.map((line) => line.idempotencyKey).sort()).toEqual(
    orders.map((order) => `CREDIT:${order.no}`).sort(),
  );
  await river.expectAudit();
});

test('The wallet API shows balances and ledger lines, to administrators only', async () => {
  const orderId = await river.buy([4, 5]);
  await river.untilSettled([orderId]);
  const { status, body } = await river.wallet('/api/wallets/2/transactions?limit=2');
  expect(status).toBe(200);
  expect(JSON.stringify(body.data)).toContain(orderId);
  const unauthorized = await fetch(`${river.service('wallet').url}/api/wallets`);
  expect(unauthorized.status).toBe(401);
});

test('50 purchases at once with several sellers: all settled, all acknowledged, sums exact', async () => {
  const before = await river.balances();
  const baskets = [[1, 2, 3], [1, 4], [4, 5, 6], [6], [1, 2, 3, 4, 5, 6]];
  const share = new Map([
    [1, 0n],
    [2, 0n],
    [3, 0n],
  ]);
  const price = new Map<number, [number, bigint]>([
    [1, [1, 1000n]],
    [2, [1, 2000n]],
    [3, [1, 3000n]],
    [4, [2, 1500n]],
    [5, [2, 2500n]],
    [6, [3, 500n]],
  ]);
  const chosen = Array.from({ length: 50 }, (_, index) => baskets[index % baskets.length] ?? []);
  for (const productNo of chosen.flat()) {
    const [seller, amount] = price.get(productNo) ?? [0, 0n];
    share.set(seller, (share.get(seller) ?? 0n) + amount);
  }
  const orderIds = await Promise.all(chosen.map((productNos) => river.buyInCrowd(productNos)));
  await river.untilSettled(orderIds);
  const after = await river.balances();
  for (const [seller, amount] of share)
    expect((after.get(seller) ?? 0n) - (before.get(seller) ?? 0n)).toBe(amount);
  await river.expectAudit();
  // Orders spread over the partitions: the original sent everything under one key.
  const used = await river.ops.inbox.findMany({
    where: { consumer: 'wallet-service', aggregateId: { in: orderIds } },
    distinct: ['partition'],
  });
  expect(used.length).toBeGreaterThan(3);
});

test('The same confirm 20 times at once makes one PSP call and one credit', async () => {
  const order = await river.order([1, 4]);
  const { paymentKey } = await river.psp('POST', '/simulator/payments', order);
  const body = { paymentKey, orderId: order.orderId, amount: order.amount };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => river.call('POST', '/api/payments/confirm', body)),
  );
  expect(answers.some(({ status }) => status === 200)).toBe(true);
  expect(answers.filter(({ status }) => status !== 200 && status !== 409)).toEqual([]);
  const { calls } = await river.psp('GET', `/simulator/calls?orderId=${order.orderId}`);
  expect(calls.filter((entry: Json) => entry.path.endsWith('/confirm'))).toHaveLength(1);
  await river.untilSettled([order.orderId]);
  expect(await river.ops.walletTransaction.count({ where: { orderId: order.orderId } })).toBe(2);
});

test('A refused payment credits nobody', async () => {
  const before = await river.balances();
  const order = await river.order([1]);
  await river.psp('PUT', '/simulator/faults', {
    errorCode: 'REJECT_CARD_PAYMENT',
    times: 1,
    orderId: order.orderId,
  });
  const { status, body } = await river.pay(order);
  await river.psp('PUT', '/simulator/faults', {});
  expect([status, body.errorCode]).toEqual([402, 'PEC0004']);
  const settledAfterIt = await river.buy([6]);
  await river.untilSettled([settledAfterIt]);
  expect((await river.balances()).get(1)).toBe(before.get(1));
  await river.expectAudit();
});
