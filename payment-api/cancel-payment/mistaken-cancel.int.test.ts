import { startTestApi, type Json, type TestApi } from '../payment-api.fixture';
import type { Psp, PspAnswer } from '../toss/toss-client';

// The PSP's list of cancels has amounts and no lines: what is in it must not be taken for something else.

let api: TestApi;
let real: Psp;
/** What the API hears in place of the PSP's answers to its cancel calls, one after the other; then nothing. */
let heard: PspAnswer[] = [];
const NOTHING: PspAnswer = { kind: 'none', reason: 'the request got lost on its way' };
const error = (http: number, code: string): PspAnswer => ({ kind: 'error', http, code, message: code });

beforeAll(async () => {
  let psp: Psp | undefined;
  const deaf = new Proxy({} as Psp, {
    get: (_target, name: keyof Psp) =>
      name === 'cancel' ? async () => heard.shift() ?? NOTHING : Reflect.get(psp ?? {}, name),
  });
  api = await startTestApi({ psp: deaf });
  real = psp = api.realPsp;
});
afterAll(() => api.close());

const makeDue = (table: 'payment_cancels' | 'payment_events', orderId: string): Promise<unknown> =>
  api.database.administer(`UPDATE ${table} SET next_check_at = NOW(3) WHERE order_id = ?`, [orderId]);
const statuses = async (orderId: string): Promise<string[]> =>
  (await api.lines(orderId)).map((line) => line.payment_order_status);

test('When our lost refund of one line looks like the back office’s refund of another, then it is not taken for ours', async () => {
  heard = [];
  // Two lines of one price.
  const { orderId, paymentKey, lineNos } = await api.paid([1, 1]);
  expect((await api.cancel(orderId, lineNos.slice(0, 1))).status).toBe(202);
  await api.psp('POST', `/simulator/payments/${paymentKey}/cancel`, { cancelAmount: 1000 });
  await makeDue('payment_cancels', orderId);
  await api.recover({ psp: real });
  const cancels = await api.cancels(orderId);
  expect(cancels.map(({ status, failure_code: code }: Json) => [status, code])).toEqual([
    ['FAILURE', 'NOT_MATCHES_REFUNDABLE_AMOUNT'],
    ['UNALLOCATED', null],
  ]);
  // Nobody's line is canceled and no seller is debited before a person has said whose it was.
  expect(await statuses(orderId)).toEqual(['SUCCESS', 'SUCCESS']);
  expect(await api.events(orderId)).toHaveLength(1);
});

test('When a refused refund had an earlier call that nobody heard of, then it is looked at again, and what came late is taken over', async () => {
  const { orderId, paymentKey, amount } = await api.paid([1, 4]);
  // The first call is on its way for longer than anybody waits; the second, under another key, is refused.
  heard = [error(500, 'FAILED_INTERNAL_SYSTEM_PROCESSING'), error(403, 'REFUND_REJECTED')];
  const refused = await api.cancel(orderId);
  expect([refused.status, refused.body.data.psp.code]).toEqual([402, 'REFUND_REJECTED']);
  const [cancel] = await api.cancels(orderId);
  expect(cancel).toMatchObject({ status: 'FAILURE', attempt: 2 });
  const [planned] = await api.database.administer<Json[]>(
    'SELECT TIMESTAMPDIFF(MINUTE, NOW(3), next_check_at) AS minutes FROM payment_events WHERE order_id = ?',
    [orderId],
  );
  expect(Number(planned.minutes)).toBeGreaterThanOrEqual(58);

  const request = { paymentKey, cancelReason: 'changed my mind', cancelAmount: BigInt(amount) };
  const late = await real.cancel({ ...request, refundableAmount: BigInt(amount) }, `cancel:${cancel.id}:1`);
  expect(late.kind).toBe('payment');
  await makeDue('payment_events', orderId);
  await api.recover({ psp: real });
  expect(await statuses(orderId)).toEqual(['CANCELED', 'CANCELED']);
  expect((await api.events(orderId)).map((row) => row.event_type)).toEqual([
    'payment.PaymentConfirmed',
    'payment.PaymentCanceled',
  ]);
});
