import { Writable } from 'node:stream';
import { createLog } from '#kit/log';
import { startTestApi, type Json, type TestApi } from '../payment-api.fixture';
import type { Psp, PspAnswer } from '../toss/toss-client';

// The PSP's list of cancels has amounts and no lines: what is in it must not be taken for something else.

let api: TestApi;
let real: Psp;
/** What the API hears in place of the PSP's answers to its cancel calls, one after the other; then nothing. */
let heard: PspAnswer[] = [];
/** What happens between a cancel call and its answer. */
let answered: Psp['cancel'] | undefined;
const written: string[] = [];
const NOTHING: PspAnswer = { kind: 'none', reason: 'the request got lost on its way' };
const error = (http: number, code: string): PspAnswer => ({ kind: 'error', http, code, message: code });

beforeAll(async () => {
  let psp: Psp | undefined;
  const deaf = new Proxy({} as Psp, {
    get: (_target, name: keyof Psp) =>
      name === 'cancel'
        ? async (...called: Parameters<Psp['cancel']>) => heard.shift() ?? answered?.(...called) ?? NOTHING
        : Reflect.get(psp ?? {}, name),
  });
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  api = await startTestApi({ psp: deaf }, { log: createLog('payment-api', 'error', sink) });
  real = psp = api.realPsp;
});
afterAll(() => api.close());

const makeDue = (table: 'payment_cancels' | 'payment_events', orderId: string): Promise<unknown> =>
  api.database.administer(`UPDATE ${table} SET next_check_at = NOW(3) WHERE order_id = ?`, [orderId]);
const minutesUntilLook = async (orderId: string): Promise<number> => {
  const [planned] = await api.database.administer<Json[]>(
    'SELECT TIMESTAMPDIFF(MINUTE, NOW(3), next_check_at) AS minutes FROM payment_events WHERE order_id = ?',
    [orderId],
  );
  return Number(planned.minutes ?? Number.NaN);
};
/** An hour later. */
const aged = async (orderId: string): Promise<void> => {
  for (const [table, column] of [
    ['payment_events', 'next_check_at'],
    ['payment_cancels', 'updated_at'],
  ])
    await api.database.administer(
      `UPDATE ${table} SET ${column} = ${column} - INTERVAL 1 HOUR WHERE order_id = ?`,
      [orderId],
    );
};
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
  expect(await minutesUntilLook(orderId)).toBeGreaterThanOrEqual(58);
  // A look that comes before that, whyever, does not take its place.
  await makeDue('payment_events', orderId);
  expect(await api.recover({ psp: real })).toEqual(['settled: nothing']);
  expect(await minutesUntilLook(orderId)).toBeGreaterThanOrEqual(58);

  const request = { paymentKey, cancelReason: 'changed my mind', cancelAmount: BigInt(amount) };
  const late = await real.cancel({ ...request, refundableAmount: BigInt(amount) }, `cancel:${cancel.id}:1`);
  expect(late.kind).toBe('payment');
  await aged(orderId);
  await api.recover({ psp: real });
  expect(await statuses(orderId)).toEqual(['CANCELED', 'CANCELED']);
  expect((await api.events(orderId)).map((row) => row.event_type)).toEqual([
    'payment.PaymentConfirmed',
    'payment.PaymentCanceled',
  ]);
});

test('When the late look has found nothing, then no further one is planned', async () => {
  const { orderId } = await api.paid([1]);
  heard = [error(500, 'FAILED_INTERNAL_SYSTEM_PROCESSING'), error(403, 'REFUND_REJECTED')];
  expect((await api.cancel(orderId)).status).toBe(402);
  await aged(orderId);
  expect(await api.recover({ psp: real })).toEqual(['settled: nothing']);
  expect(await api.payment(orderId)).toMatchObject({ next_check_at: null, claim_token: null });
});

test('When the PSP gives money back for a cancel that was closed meanwhile, then it is an alarm, and taken over', async () => {
  const { orderId } = await api.paid([1, 4]);
  heard = [];
  answered = async (...called) => {
    const answer = await real.cancel(...called);
    // Stopped for so long that somebody else has looked before the request came, and closed the cancel.
    await api.database.administer(
      `UPDATE payment_cancels SET status = 'FAILURE', claim_token = NULL, next_check_at = NULL,
         failure_code = 'REFUND_REJECTED', failure_message = 'x' WHERE order_id = ?`,
      [orderId],
    );
    return answer;
  };
  written.splice(0);
  const { status } = await api.cancel(orderId);
  answered = undefined;
  expect(status).toBe(402);
  const alarms = written.map((line): Json => JSON.parse(line)).filter(({ msg }) => msg.startsWith('ALARM'));
  expect(alarms).toMatchObject([
    { orderId, status: 'FAILURE', msg: expect.stringMatching(/closed meanwhile/) },
  ]);
  expect(await api.recover({ psp: real })).toEqual(['settled: canceled whole']);
  expect(await statuses(orderId)).toEqual(['CANCELED', 'CANCELED']);
});

test('When whoever has taken the cancel over is still at it, then it is no alarm: that one finds the money', async () => {
  const { orderId } = await api.paid([1]);
  heard = [];
  answered = async (...called) => {
    const answer = await real.cancel(...called);
    await api.database.administer('UPDATE payment_cancels SET claim_token = UUID() WHERE order_id = ?', [
      orderId,
    ]);
    return answer;
  };
  written.splice(0);
  expect((await api.cancel(orderId)).body.errorCode).toBe('PEC0005');
  answered = undefined;
  expect(written.filter((line) => /ALARM/.test(line))).toEqual([]);
  expect(await api.payment(orderId)).toMatchObject({ next_check_at: null });
  await makeDue('payment_cancels', orderId);
  expect(await api.recover({ psp: real })).toEqual(['cancel: SUCCESS']);
});
