import { basic, closeFixtures, fixture, untilHeld } from './simulator.fixture';

afterEach(closeFixtures);

const orderId = 'order-idempotent';
const amount = 6000;

describe('Idempotency-Key', () => {
  it('When a request is repeated, then the first answer comes back, marked as a replay', async () => {
    const { shopper, confirm, calls } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const first = await confirm({ paymentKey, orderId, amount }, 'key-1');
    const again = await confirm({ paymentKey, orderId, amount }, 'key-1');
    expect(first.status).toBe(200);
    expect(again).toEqual(first);
    expect(await calls(orderId)).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/v1/payments/confirm',
        idempotencyKey: 'key-1',
        status: 200,
      }),
      expect.objectContaining({ status: 200, replayed: true }),
    ]);
  });

  it('When the first answer was an error, then it comes back though it would succeed now', async () => {
    const { shopper, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { errorCode: 'PROVIDER_ERROR', times: 1 });
    const first = await confirm({ paymentKey, orderId, amount }, 'key-1');
    expect(first).toMatchObject({ status: 400, body: { code: 'PROVIDER_ERROR' } });
    expect(await confirm({ paymentKey, orderId, amount }, 'key-1')).toEqual(first);
    expect((await confirm({ paymentKey, orderId, amount }, 'key-2')).status).toBe(200);
  });

  it('When the body differs but the key does not, then it is the same request', async () => {
    const { shopper, confirm } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const first = await confirm({ paymentKey, orderId, amount }, 'key-1');
    expect(await confirm({ paymentKey: 'other', orderId: 'other-order', amount: 1 }, 'key-1')).toEqual(first);
  });

  it('When the API key or the URL differs, then it is another request', async () => {
    const { shopper, confirm, toss } = await fixture({ cancelIntervalMs: 0 });
    const paymentKey = await shopper(orderId, amount);
    await confirm({ paymentKey, orderId, amount }, 'key-1');
    const otherShop = { authorization: basic('test_sk_other:'), 'idempotency-key': 'key-1' };
    const order = { paymentKey, orderId, amount };
    const answer = await toss('POST', '/v1/payments/confirm', order, otherShop);
    expect(answer.body.code).toBe('ALREADY_PROCESSED_PAYMENT');
    const cancel = { cancelReason: 'a' };
    const canceled = await toss('POST', `/v1/payments/${paymentKey}/cancel`, cancel, {
      'idempotency-key': 'key-1',
    });
    expect(canceled.body.status).toBe('CANCELED');
  });

  it('When the first request still runs, then the second is told so, and neither works twice', async () => {
    const { shopper, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { hold: 'request', times: 1 });
    const first = confirm({ paymentKey, orderId, amount }, 'key-1');
    await untilHeld(control, 1);
    expect(await confirm({ paymentKey, orderId, amount }, 'key-1')).toEqual({
      status: 409,
      body: { code: 'IDEMPOTENT_REQUEST_PROCESSING', message: '이전 멱등 요청이 처리중입니다.' },
    });
    await control('POST', '/simulator/release');
    expect((await first).status).toBe(200);
    expect(await confirm({ paymentKey, orderId, amount }, 'key-1')).toEqual(await first);
  });

  it('When the key is longer than 300 characters, then it is refused; 300 are taken', async () => {
    const { shopper, confirm } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const tooLong = await confirm({ paymentKey, orderId, amount }, 'k'.repeat(301));
    expect(tooLong).toMatchObject({ status: 400, body: { code: 'INVALID_IDEMPOTENCY_KEY' } });
    expect((await confirm({ paymentKey, orderId, amount }, 'k'.repeat(300))).status).toBe(200);
  });

  it('When 15 days have passed, then the key is free again', async () => {
    const { shopper, confirm, time } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const first = await confirm({ paymentKey, orderId, amount }, 'key-1');
    time.nowMs += 15 * 86_400_000 - 1;
    expect(await confirm({ paymentKey, orderId, amount }, 'key-1')).toEqual(first);
    time.nowMs += 1;
    expect((await confirm({ paymentKey, orderId, amount }, 'key-1')).body.code).toBe(
      'ALREADY_PROCESSED_PAYMENT',
    );
  });

  it('When the header comes with a GET, then it is ignored', async () => {
    const { shopper, confirm, toss } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const look = () => toss('GET', `/v1/payments/${paymentKey}`, undefined, { 'idempotency-key': 'key-1' });
    expect((await look()).body.status).toBe('IN_PROGRESS');
    await confirm({ paymentKey, orderId, amount });
    expect((await look()).body.status).toBe('DONE');
  });
});
