import { closeFixtures, fixture, type Fixture } from '../simulator.fixture';

afterEach(closeFixtures);

const orderId = 'order-cancel';

async function paid(options = {}): Promise<Fixture & { paymentKey: string; cancel: Cancel }> {
  const made = await fixture({ cancelIntervalMs: 0, ...options });
  const paymentKey = await made.shopper(orderId, 6000);
  await made.confirm({ paymentKey, orderId, amount: 6000 });
  const cancel: Cancel = (body, headers) =>
    made.toss('POST', `/v1/payments/${paymentKey}/cancel`, body, headers);
  return { ...made, paymentKey, cancel };
}

type Cancel = (body: unknown, headers?: Record<string, string>) => ReturnType<Fixture['toss']>;

describe('cancel', () => {
  it('When the whole payment is canceled, then it is CANCELED with one line', async () => {
    const { cancel } = await paid();
    const { status, body } = await cancel({ cancelReason: '고객 변심' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'CANCELED',
      totalAmount: 6000,
      balanceAmount: 0,
      suppliedAmount: 0,
      vat: 0,
      cancels: [
        {
          cancelAmount: 6000,
          cancelReason: '고객 변심',
          canceledAt: '2026-11-22T12:00:00+09:00',
          refundableAmount: 0,
          cancelStatus: 'DONE',
        },
      ],
    });
    expect(body.lastTransactionKey).toBe(body.cancels[0].transactionKey);
  });

  it('When parts are canceled until nothing is left, then PARTIAL_CANCELED becomes CANCELED', async () => {
    const { cancel } = await paid();
    const first = await cancel({ cancelReason: 'a', cancelAmount: 1000, refundableAmount: 6000 });
    expect(first.body).toMatchObject({ status: 'PARTIAL_CANCELED', balanceAmount: 5000 });
    const second = await cancel({ cancelReason: 'b', cancelAmount: 5000, refundableAmount: 5000 });
    expect(second.body).toMatchObject({ status: 'CANCELED', balanceAmount: 0 });
    expect(second.body.cancels.map((one: { refundableAmount: number }) => one.refundableAmount)).toEqual([
      5000, 0,
    ]);
    const third = await cancel({ cancelReason: 'c' });
    expect(third).toMatchObject({ status: 400, body: { code: 'ALREADY_CANCELED_PAYMENT' } });
  });

  it('When refundableAmount is not what is left, then nothing is canceled', async () => {
    const { cancel } = await paid();
    await cancel({ cancelReason: 'a', cancelAmount: 1000 });
    const stale = await cancel({ cancelReason: 'b', cancelAmount: 1000, refundableAmount: 6000 });
    expect(stale).toMatchObject({ status: 400, body: { code: 'NOT_MATCHES_REFUNDABLE_AMOUNT' } });
  });

  it('When more than what is left is asked for, then it is refused', async () => {
    const { cancel } = await paid();
    const answer = await cancel({ cancelReason: 'a', cancelAmount: 6001 });
    expect(answer).toMatchObject({ status: 403, body: { code: 'NOT_CANCELABLE_AMOUNT' } });
  });

  it.each([
    [{}],
    [{ cancelReason: '' }],
    [{ cancelReason: 'a'.repeat(201) }],
    [{ cancelReason: 'a', cancelAmount: 0 }],
  ])('When the body is %j, then it is refused as invalid', async (body) => {
    const { cancel } = await paid();
    expect(await cancel(body)).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  });

  it('When a payment is not approved or unknown, then it is not canceled', async () => {
    const { shopper, toss } = await fixture();
    const paymentKey = await shopper(orderId, 6000);
    const open = await toss('POST', `/v1/payments/${paymentKey}/cancel`, { cancelReason: 'a' });
    expect(open).toMatchObject({ status: 403, body: { code: 'NOT_CANCELABLE_PAYMENT' } });
    const unknown = await toss('POST', '/v1/payments/unknown/cancel', { cancelReason: 'a' });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'NOT_FOUND_PAYMENT' } });
  });

  it('When two cancels of one payment come within a second, then only the first is processed', async () => {
    const { cancel, time } = await paid({ cancelIntervalMs: 1000 });
    const part = { cancelReason: 'a', cancelAmount: 1000 };
    expect((await cancel(part)).status).toBe(200);
    time.nowMs += 999;
    expect(await cancel(part)).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN_CONSECUTIVE_REQUEST' },
    });
    time.nowMs += 1;
    expect((await cancel(part)).body.balanceAmount).toBe(4000);
  });

  it('When a partial cancel is repeated under its Idempotency-Key, then money goes back once', async () => {
    const { cancel, toss, paymentKey } = await paid();
    const part = { cancelReason: 'a', cancelAmount: 1000 };
    const first = await cancel(part, { 'idempotency-key': 'cancel:1' });
    const again = await cancel(part, { 'idempotency-key': 'cancel:1' });
    expect(again).toEqual(first);
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.balanceAmount).toBe(5000);
  });
});

describe('back office', () => {
  it('When the PSP cancels a part by itself, then the payment shows it', async () => {
    const { control, toss, paymentKey } = await paid();
    const answer = await control('POST', `/simulator/payments/${paymentKey}/cancel`, { cancelAmount: 2000 });
    expect(answer).toMatchObject({ status: 200, body: { status: 'PARTIAL_CANCELED', balanceAmount: 4000 } });
    const seen = await toss('GET', `/v1/payments/orders/${orderId}`);
    expect(seen.body.cancels).toMatchObject([{ cancelAmount: 2000, cancelReason: '상점관리자 취소' }]);
    expect((await control('POST', `/simulator/payments/${paymentKey}/cancel`)).body.status).toBe('CANCELED');
    expect((await control('POST', `/simulator/payments/${paymentKey}/cancel`)).status).toBe(400);
  });

  it('When a payment is expired or aborted, then it shows so and cannot be confirmed', async () => {
    const { control, shopper, confirm } = await fixture();
    const one = await shopper(orderId, 1000);
    const other = await shopper(orderId, 1000);
    expect((await control('POST', `/simulator/payments/${one}/expire`)).body.status).toBe('EXPIRED');
    const aborted = await control('POST', `/simulator/payments/${other}/abort`, {
      code: 'REJECT_CARD_PAYMENT',
    });
    expect(aborted.body).toMatchObject({ status: 'ABORTED', failure: { code: 'REJECT_CARD_PAYMENT' } });
    expect((await confirm({ paymentKey: one, orderId, amount: 1000 })).body.code).toBe(
      'NOT_FOUND_PAYMENT_SESSION',
    );
    expect((await confirm({ paymentKey: other, orderId, amount: 1000 })).body.code).toBe(
      'ALREADY_PROCESSED_PAYMENT',
    );
    expect((await control('POST', `/simulator/payments/${one}/abort`)).status).toBe(400);
    expect((await control('POST', '/simulator/payments/unknown/expire')).status).toBe(404);
  });

  it('When a control is given a malformed body, then 400 names the fields', async () => {
    const { control } = await fixture();
    const answer = await control('POST', '/simulator/payments', { orderId: 'x', amount: 1.5, colour: 'red' });
    expect(answer.status).toBe(400);
    const paths = answer.body.issues.map((issue: { path: string }) => issue.path);
    expect(paths).toEqual(expect.arrayContaining(['orderId', 'amount', '']));
    expect(answer.body.message).toContain('colour');
  });
});
