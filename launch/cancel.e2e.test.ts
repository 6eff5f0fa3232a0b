import { randomUUID } from 'node:crypto';
import { audit } from '#ops/audit';
import { until } from '#kit/until.fixture';
import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

async function asAdmin(path: string, body: object): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${river.service('api').url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${river.config.adminKey}`,
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

const cancel = (orderId: string, paymentOrderNos?: number[]) =>
  asAdmin(`/api/payments/${orderId}/cancel`, {
    cancelReason: 'changed my mind',
    ...(paymentOrderNos === undefined ? {} : { paymentOrderNos }),
  });
const show = async (orderId: string): Promise<Json> =>
  (await river.call('GET', `/api/payments/${orderId}`)).body.data;

test('A line canceled while the settlement is still on its way: both arrive in order, and the sums are right', async () => {
  const before = await river.balances();
  const orderId = await river.buy([1, 4, 6]);
  const { paymentOrderList } = await show(orderId);
  const { status, body } = await cancel(orderId, [paymentOrderList[1].paymentOrderNo]);
  expect([status, body.data.status]).toEqual([200, 'PARTIAL_CANCELED']);
  await river.untilSettled([orderId]);
  const after = await river.balances();
  const gained = (seller: number): bigint => (after.get(seller) ?? 0n) - (before.get(seller) ?? 0n);
  expect([gained(1), gained(2), gained(3)]).toEqual([1000n, 0n, 500n]);
  const lines = await river.ops.walletTransaction.findMany({ where: { orderId }, orderBy: { no: 'asc' } });
  expect(lines.map((line) => line.type)).toEqual(['CREDIT', 'CREDIT', 'CREDIT', 'DEBIT']);
  expect((await cancel(orderId)).body.data).toMatchObject({ status: 'CANCELED', cancelAmount: 1500 });
  await river.untilSettled([orderId]);
  expect(await river.balances()).toEqual(before);
  await river.expectAudit();
});

test('A part canceled in the PSP’s back office: its webhook brings it, the audit shows it until it is allocated', async () => {
  const made = await river.order([1, 4]);
  const { paymentKey } = await river.pay(made);
  const { orderId } = made;
  await river.psp('POST', `/simulator/payments/${paymentKey}/cancel`, { cancelAmount: 1500 });
  await until('the webhook has led to a look', async () => (await show(orderId)).cancels.length === 1);
  const [{ cancelId, status }] = (await show(orderId)).cancels;
  expect(status).toBe('UNALLOCATED');
  const { findings } = await audit(river.ops);
  expect(findings.filter(({ holds }) => !holds).map(({ check }) => check)).toEqual(['cancels-are-allocated']);
  const { paymentOrderList } = await show(orderId);
  const paymentOrderNos = [paymentOrderList[1].paymentOrderNo];
  const path = `/api/payments/${orderId}/cancels/${cancelId}/allocate`;
  expect((await asAdmin(path, { paymentOrderNos })).status).toBe(200);
  await river.untilSettled([orderId]);
  expect((await show(orderId)).status).toBe('PARTIAL_CANCELED');
  await river.expectAudit();
});

test('An answer that is lost for good: the webhook and the worker bring the payment to its end', async () => {
  const made = await river.order([1, 6]);
  await river.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId: made.orderId });
  const paid = await river.pay(made);
  expect([paid.status, paid.body.errorCode]).toEqual([202, 'PEC0007']);
  await river.psp('PUT', '/simulator/faults', {});
  await river.untilSettled([made.orderId]);
  expect(await show(made.orderId)).toMatchObject({ status: 'SUCCESS', isWalletDone: true });
  const { calls } = await river.psp('GET', `/simulator/calls?orderId=${made.orderId}`);
  expect(calls.filter((call: Json) => call.method === 'POST' && call.replayed !== true)).toHaveLength(1);
  await river.expectAudit();
});
