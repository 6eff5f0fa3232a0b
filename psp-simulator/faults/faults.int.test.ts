import { closeFixtures, fixture, untilHeld } from '../simulator.fixture';

afterEach(closeFixtures);

const orderId = 'order-faults';
const amount = 6000;

describe('TossPayments-Test-Code', () => {
  it.each([
    ['INVALID_STOPPED_CARD', 400, '정지된 카드 입니다.'],
    ['REJECT_CARD_PAYMENT', 403, '한도초과 혹은 잔액부족으로 결제에 실패했습니다.'],
    ['NOT_FOUND_PAYMENT_SESSION', 404, '결제 시간이 만료되어 결제 진행 데이터가 존재하지 않습니다.'],
    [
      'FAILED_INTERNAL_SYSTEM_PROCESSING',
      500,
      '내부 시스템 처리 작업이 실패했습니다. 잠시 후 다시 시도해주세요.',
    ],
  ])(
    'When it names %s, then that error is answered with %i and nothing is done',
    async (code, status, message) => {
      const { shopper, toss } = await fixture();
      const paymentKey = await shopper(orderId, amount);
      const order = { paymentKey, orderId, amount };
      const answer = await toss('POST', '/v1/payments/confirm', order, { 'TossPayments-Test-Code': code });
      expect(answer).toEqual({ status, body: { code, message } });
      expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('IN_PROGRESS');
    },
  );
});

describe('faults', () => {
  it('When an error is injected twice, then two requests get it and the third does not', async () => {
    const { shopper, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { errorCode: 'PROVIDER_ERROR', times: 2 });
    expect((await confirm({ paymentKey, orderId, amount })).body.code).toBe('PROVIDER_ERROR');
    expect((await control('GET', '/simulator/faults')).body.faults).toEqual({
      errorCode: 'PROVIDER_ERROR',
      times: 1,
    });
    expect((await confirm({ paymentKey, orderId, amount })).body.code).toBe('PROVIDER_ERROR');
    expect((await control('GET', '/simulator/faults')).body.faults).toEqual({});
    expect((await confirm({ paymentKey, orderId, amount })).status).toBe(200);
  });

  it('When faults are set again, then they replace what was set, and {} clears them', async () => {
    const { toss, control } = await fixture();
    await control('PUT', '/simulator/faults', { errorCode: 'COMMON_ERROR', latencyMs: 1 });
    await control('PUT', '/simulator/faults', { latencyMs: 1 });
    expect((await toss('GET', '/v1/payments/none')).body.code).toBe('NOT_FOUND_PAYMENT');
    expect((await control('PUT', '/simulator/faults', {})).body).toEqual({ faults: {}, held: [] });
  });

  it('When faults name an order or operations, then only those are hit', async () => {
    const { shopper, toss, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const other = await shopper('order-other', amount);
    await control('PUT', '/simulator/faults', {
      errorCode: 'COMMON_ERROR',
      orderId,
      operations: ['confirm'],
    });
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).status).toBe(200);
    expect((await confirm({ paymentKey: other, orderId: 'order-other', amount })).status).toBe(200);
    expect((await confirm({ paymentKey, orderId, amount })).status).toBe(500);
    await control('PUT', '/simulator/faults', { errorCode: 'COMMON_ERROR', orderId });
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).status).toBe(500);
    expect((await toss('POST', `/v1/payments/${paymentKey}/cancel`, { cancelReason: 'a' })).status).toBe(500);
  });

  it('When the card company refuses, then the payment is ABORTED and says why', async () => {
    const { shopper, toss, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { errorCode: 'REJECT_CARD_PAYMENT', times: 1 });
    expect((await confirm({ paymentKey, orderId, amount })).status).toBe(403);
    const seen = await toss('GET', `/v1/payments/${paymentKey}`);
    expect(seen.body).toMatchObject({ status: 'ABORTED', failure: { code: 'REJECT_CARD_PAYMENT' } });
  });

  it('When an error is answered after the work, then the money has moved all the same', async () => {
    const { shopper, toss, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const fault = { errorCode: 'FAILED_INTERNAL_SYSTEM_PROCESSING', errorAfterWork: true, times: 1 };
    await control('PUT', '/simulator/faults', fault);
    expect((await confirm({ paymentKey, orderId, amount })).status).toBe(500);
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('DONE');
  });

  it('When a code unknown to Toss is injected, then it is answered with the status asked for', async () => {
    const { toss, control } = await fixture();
    await control('PUT', '/simulator/faults', { errorCode: 'BRAND_NEW_CODE', errorStatus: 418, times: 1 });
    expect(await toss('GET', '/v1/payments/none')).toMatchObject({
      status: 418,
      body: { code: 'BRAND_NEW_CODE' },
    });
  });

  it('When the answer is dropped, then the payment is DONE, and the log says what happened', async () => {
    const { shopper, toss, confirm, control, calls } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { dropResponseRate: 1, times: 1 });
    await expect(confirm({ paymentKey, orderId, amount }, 'key-1')).rejects.toThrow('fetch failed');
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('DONE');
    const replayed = await confirm({ paymentKey, orderId, amount }, 'key-1');
    expect(replayed).toMatchObject({ status: 200, body: { status: 'DONE' } });
    const [dropped, , replay] = await calls(orderId);
    expect(dropped).toMatchObject({ status: 200, dropped: true });
    expect(replay).toMatchObject({ status: 200, replayed: true });
  });

  it('When answers are dropped at a rate, then chance decides for each', async () => {
    const chances = [0.29, 0.3, 0.99, 0];
    const { toss, control } = await fixture({ random: () => chances.shift() ?? 1 });
    await control('PUT', '/simulator/faults', { dropResponseRate: 0.3 });
    const ask = () =>
      toss('GET', '/v1/payments/none').then(
        () => 'answered',
        () => 'dropped',
      );
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
      'dropped',
      'answered',
      'answered',
      'dropped',
    ]);
  });

  it('When latency is injected, then the answer takes at least that long', async () => {
    const { toss, control } = await fixture();
    await control('PUT', '/simulator/faults', { latencyMs: 120, times: 1 });
    const started = performance.now();
    await toss('GET', '/v1/payments/none');
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
  });

  it('When a request is held, then nothing has happened until it is released', async () => {
    const { shopper, toss, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { hold: 'request', operations: ['confirm'] });
    const confirmed = confirm({ paymentKey, orderId, amount });
    await untilHeld(control, 1);
    expect((await control('GET', '/simulator/faults')).body.held).toEqual([
      expect.objectContaining({ point: 'request', operation: 'confirm', orderId, paymentKey }),
    ]);
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('IN_PROGRESS');
    expect((await control('POST', '/simulator/release', { orderId: 'other-order' })).body).toEqual({
      released: 0,
    });
    expect((await control('POST', '/simulator/release', { orderId })).body).toEqual({ released: 1 });
    expect((await confirmed).status).toBe(200);
  });

  it('When an answer is held, then the work is done and visible already', async () => {
    const { shopper, toss, confirm, control, calls } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { hold: 'answer', times: 1 });
    const confirmed = confirm({ paymentKey, orderId, amount });
    await untilHeld(control, 1);
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('DONE');
    expect(await calls(orderId)).toMatchObject([
      { status: 200, path: '/v1/payments/confirm' },
      { status: 200 },
    ]);
    await control('POST', '/simulator/release');
    expect((await confirmed).body.status).toBe('DONE');
  });

  it('When held requests race after their release, then still exactly one approves', async () => {
    const { shopper, confirm, control } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    await control('PUT', '/simulator/faults', { hold: 'request' });
    const keys = [undefined, 'a', undefined, 'b'];
    const answers = keys.map((key) => confirm({ paymentKey, orderId, amount }, key));
    await untilHeld(control, 4);
    await control('POST', '/simulator/release');
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(3);
  });

  it('When the simulator closes while a request is held, then nothing was done', async () => {
    const made = await fixture();
    const paymentKey = await made.shopper(orderId, amount);
    await made.control('PUT', '/simulator/faults', { hold: 'request' });
    const confirmed = made.confirm({ paymentKey, orderId, amount }).catch(() => 'cut');
    await untilHeld(made.control, 1);
    await made.simulator.close();
    expect(await confirmed).toBe('cut');
    const again = await fixture({ dir: made.dir });
    expect((await again.toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('IN_PROGRESS');
  });

  it.each([
    [{ latency: 5 }],
    [{ latencyMs: -1 }],
    [{ dropResponseRate: 1.1 }],
    [{ times: 0 }],
    [{ hold: 'forever' }],
    [{ operations: [] }],
    [{ errorCode: 'lower_case' }],
    [[]],
  ])('When faults are malformed (%j), then 400 and the old ones stay', async (wrong) => {
    const { control } = await fixture();
    await control('PUT', '/simulator/faults', { latencyMs: 1 });
    expect((await control('PUT', '/simulator/faults', wrong)).status).toBe(400);
    expect((await control('GET', '/simulator/faults')).body.faults).toEqual({ latencyMs: 1 });
  });
});
