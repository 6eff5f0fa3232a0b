import { randomUUID } from 'node:crypto';
import { ADMIN_KEY, CANCEL_INTERVAL_MS, startTestApi, type Json, type TestApi } from '../payment-api.fixture';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
afterEach(async () => {
  await api.psp('PUT', '/simulator/faults', {});
  await api.recover();
});

const cancelCalls = async (orderId: string): Promise<Json[]> => {
  const { calls } = await api.psp('GET', `/simulator/calls?orderId=${orderId}`);
  return calls.filter((entry: Json) => entry.path.endsWith('/cancel') && entry.method === 'POST');
};
const eventTypes = async (orderId: string): Promise<string[]> =>
  (await api.events(orderId)).map((row) => `${row.aggregate_seq} ${row.event_type}`);
const statuses = async (orderId: string): Promise<string[]> =>
  (await api.lines(orderId)).map((line) => line.payment_order_status);
const dueCancel = (orderId: string): Promise<unknown> =>
  api.database.administer('UPDATE payment_cancels SET next_check_at = NOW(3) WHERE order_id = ?', [orderId]);
const shown = async (orderId: string): Promise<Json> =>
  (await api.call('GET', `/api/payments/${orderId}`)).body.data;
const cancelAtPsp = (paymentKey: string, cancelAmount?: number): Promise<Json> =>
  api.psp(
    'POST',
    `/simulator/payments/${paymentKey}/cancel`,
    cancelAmount === undefined ? {} : { cancelAmount },
  );
const allocate = (orderId: string, cancelId: string, paymentOrderNos: number[]) =>
  api.call(
    'POST',
    `/api/payments/${orderId}/cancels/${cancelId}/allocate`,
    { paymentOrderNos },
    { authorization: `Bearer ${ADMIN_KEY}` },
  );
/** What a webhook does, without one. */
const look = async (orderId: string): Promise<string[]> => {
  await api.database.administer('UPDATE payment_events SET next_check_at = NOW(3) WHERE order_id = ?', [
    orderId,
  ]);
  return api.recover();
};

describe('cancel: the PSP gives the money back', () => {
  test('When a line is canceled, then everything that it means is one transaction', async () => {
    const { orderId, lineNos } = await api.paid([1, 4, 6]);
    await api.database.administer(
      'UPDATE payment_events SET is_wallet_done = 1, acknowledged_events = 1 WHERE order_id = ?',
      [orderId],
    );
    const { status, body } = await api.cancel(orderId, [lineNos[1] ?? 0]);
    expect([status, body.data]).toEqual([
      200,
      { orderId, cancelId: expect.any(String), cancelAmount: 1500, status: 'PARTIAL_CANCELED' },
    ]);
    expect(await statuses(orderId)).toEqual(['SUCCESS', 'CANCELED', 'SUCCESS']);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'PARTIAL_CANCELED',
      is_payment_done: 1,
      is_wallet_done: 0,
      last_event_seq: 2,
    });
    expect((await api.history(orderId)).slice(6)).toEqual(['SUCCESS → CANCELED']);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed', '2 payment.PaymentCanceled']);
    const [, event] = await api.events(orderId);
    expect(event.decoded.value).toMatchObject({
      cancelId: body.data.cancelId,
      cancelAmount: 1500n,
      lines: [{ paymentOrderNo: lineNos[1], sellerNo: 2, productNo: 4, amount: 1500n }],
    });
    expect((await shown(orderId)).cancels).toEqual([
      {
        cancelId: body.data.cancelId,
        cancelAmount: 1500,
        cancelReason: 'changed my mind',
        status: 'SUCCESS',
        canceledAt: expect.stringMatching(/Z$/),
        paymentOrderNos: [lineNos[1]],
      },
    ]);
  });

  test('When no lines are named, then all that are left are canceled; then nothing is left to cancel', async () => {
    const { orderId, lineNos } = await api.paid([1, 4, 6]);
    await api.cancel(orderId, [lineNos[0] ?? 0]);
    const { body } = await api.cancel(orderId);
    expect(body.data).toMatchObject({ cancelAmount: 2000, status: 'CANCELED' });
    expect(await statuses(orderId)).toEqual(['CANCELED', 'CANCELED', 'CANCELED']);
    expect(await eventTypes(orderId)).toHaveLength(3);
    const again = await api.cancel(orderId);
    expect([again.status, again.body.errorCode]).toEqual([409, 'PEC0011']);
  });

  test('When cancels follow each other at once, then the PSP is called at its pace', async () => {
    const { orderId, lineNos } = await api.paid([1, 2, 4]);
    for (const no of lineNos) expect((await api.cancel(orderId, [no])).status).toBe(200);
    const calls = await cancelCalls(orderId);
    expect(calls.map((entry) => entry.status)).toEqual([200, 200, 200]);
    const times = calls.map((entry) => Date.parse(entry.at));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(CANCEL_INTERVAL_MS);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(CANCEL_INTERVAL_MS);
    expect(new Set(calls.map((entry) => entry.idempotencyKey)).size).toBe(3);
  });
});

describe('cancel: idempotency', () => {
  test('When the same request comes again, then the stored answer, marked as such, and no second call', async () => {
    const { orderId, lineNos } = await api.paid([1, 4]);
    const key = randomUUID();
    const first = await api.cancel(orderId, [lineNos[0] ?? 0], key);
    await api.cancel(orderId, [lineNos[1] ?? 0]);
    const second = await api.cancel(orderId, [lineNos[0] ?? 0], key);
    expect([second.status, second.body]).toEqual([first.status, first.body]);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(await cancelCalls(orderId)).toHaveLength(2);
  });

  test.each<[string, (lineNos: number[]) => number[] | undefined]>([
    ['other lines', (lineNos) => lineNos.slice(1)],
    ['no lines', () => undefined],
  ])('When the key comes with %s, then 422 PEC0012', async (_what, other) => {
    const { orderId, lineNos } = await api.paid([1, 4]);
    const key = randomUUID();
    await api.cancel(orderId, lineNos.slice(0, 1), key);
    const { status, body } = await api.cancel(orderId, other(lineNos), key);
    expect([status, body.errorCode]).toEqual([422, 'PEC0012']);
  });

  test('When the key comes for another order, then 422 PEC0012', async () => {
    const [one, two] = [await api.paid([1]), await api.paid([1])];
    const key = randomUUID();
    await api.cancel(one.orderId, undefined, key);
    expect((await api.cancel(two.orderId, undefined, key)).body.errorCode).toBe('PEC0012');
    expect(await api.payment(two.orderId)).toMatchObject({ status: 'SUCCESS' });
  });

  test('When the first request still runs, then 409 PEC0005, with this key or another', async () => {
    const { orderId, lineNos } = await api.paid([1, 4]);
    const key = randomUUID();
    await api.psp('PUT', '/simulator/faults', { hold: 'request', times: 1, orderId });
    const running = api.cancel(orderId, [lineNos[0] ?? 0], key);
    await api.untilHeld(orderId);
    const same = await api.cancel(orderId, [lineNos[0] ?? 0], key);
    const other = await api.cancel(orderId, [lineNos[1] ?? 0]);
    expect([same.status, same.body.errorCode]).toEqual([409, 'PEC0005']);
    expect([other.status, other.body.errorCode]).toEqual([409, 'PEC0005']);
    await api.psp('POST', '/simulator/release', {});
    expect((await running).status).toBe(200);
  });

  test('When ten cancel the same line at once, then one wins and the money goes back once', async () => {
    const { orderId, lineNos } = await api.paid([1, 4]);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.cancel(orderId, [lineNos[0] ?? 0])),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const others = answers.filter(({ status }) => status !== 200).map(({ body }) => body.errorCode);
    expect(others.every((code) => code === 'PEC0005' || code === 'PEC0011')).toBe(true);
    expect(await cancelCalls(orderId)).toHaveLength(1);
    expect(await eventTypes(orderId)).toHaveLength(2);
  });
});

describe('cancel: what is not canceled', () => {
  test.each([
    ['NOT_STARTED', 'PEC0011'],
    ['FAILURE', 'PEC0011'],
    ['EXECUTING', 'PEC0005'],
    ['UNKNOWN', 'PEC0005'],
  ])('When the payment is %s, then 409 %s', async (status, code) => {
    const { orderId } = await api.order();
    await api.database.administer('UPDATE payment_events SET status = ? WHERE order_id = ?', [
      status,
      orderId,
    ]);
    const { status: http, body } = await api.cancel(orderId);
    expect([http, body.errorCode]).toEqual([409, code]);
    expect(await api.cancels(orderId)).toEqual([]);
  });

  test('When a line is canceled already, or is no line of the order, then it is refused', async () => {
    const [{ orderId, lineNos }, other] = [await api.paid([1, 4]), await api.paid([1])];
    await api.cancel(orderId, lineNos.slice(0, 1));
    expect((await api.cancel(orderId, lineNos)).body).toMatchObject({
      errorCode: 'PEC0011',
      data: { paymentOrderNos: lineNos.slice(0, 1) },
    });
    expect((await api.cancel(orderId, other.lineNos)).body.errorCode).toBe('PEC0008');
    expect((await api.cancel(randomUUID())).body.errorCode).toBe('PEC0003');
  });

  test('When the caller is no administrator, or sends no key, then nothing happens', async () => {
    const { orderId } = await api.paid([1]);
    const path = `/api/payments/${orderId}/cancel`;
    const body = { cancelReason: 'x' };
    const authorization = `Bearer ${ADMIN_KEY}`;
    expect((await api.call('POST', path, body, { 'idempotency-key': randomUUID() })).status).toBe(401);
    const { body: without } = await api.call('POST', path, body, { authorization });
    expect([without.errorCode, without.data.issues]).toEqual([
      'PEC0008',
      [
        {
          path: 'Idempotency-Key',
          message: 'is required: this header must be 8 to 300 printable ASCII characters without blanks',
        },
      ],
    ]);
    const short = await api.call('POST', path, body, { authorization, 'idempotency-key': 'seven77' });
    expect(short.body.data.issues).toEqual([
      { path: 'Idempotency-Key', message: 'must be 8 to 300 printable ASCII characters without blanks' },
    ]);
    const withKey = { authorization, 'idempotency-key': randomUUID() };
    for (const bad of [{}, { cancelReason: 'x'.repeat(201) }, { ...body, paymentOrderNos: [] }])
      expect((await api.call('POST', path, bad, withKey)).body.errorCode).toBe('PEC0008');
    expect((await api.call('GET', path)).status).toBe(405);
    expect(await api.cancels(orderId)).toEqual([]);
  });

  test('When the PSP refuses, then its words; the order stays, and the same request gets the same', async () => {
    const { orderId } = await api.paid([1]);
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'NOT_CANCELABLE_PAYMENT',
      orderId,
      operations: ['cancel'],
    });
    const key = randomUUID();
    const first = await api.cancel(orderId, undefined, key);
    expect([first.status, first.body.errorCode, first.body.data.psp.code]).toEqual([
      409,
      'PEC0011',
      'NOT_CANCELABLE_PAYMENT',
    ]);
    await api.psp('PUT', '/simulator/faults', {});
    expect((await api.cancel(orderId, undefined, key)).body).toEqual(first.body);
    expect(await api.payment(orderId)).toMatchObject({ status: 'SUCCESS', last_event_seq: 1 });
    expect((await api.cancel(orderId)).status).toBe(200);
  });

  test('When our credentials are refused, then 503 and nothing is canceled', async () => {
    const { orderId } = await api.paid([1]);
    await api.psp('PUT', '/simulator/faults', { errorCode: 'UNAUTHORIZED_KEY', orderId });
    const { status, body } = await api.cancel(orderId);
    expect([status, body.errorCode]).toEqual([503, 'PEC0014']);
    expect(await statuses(orderId)).toEqual(['SUCCESS']);
  });
});

describe('cancel: the answer is lost', () => {
  test('When one answer is lost, then the same key is asked again', async () => {
    const { orderId } = await api.paid([1]);
    await api.psp('PUT', '/simulator/faults', {
      dropResponseRate: 1,
      times: 1,
      orderId,
      operations: ['cancel'],
    });
    expect((await api.cancel(orderId)).status).toBe(200);
    const calls = await cancelCalls(orderId);
    expect(calls).toHaveLength(2);
    expect(new Set(calls.map((entry) => entry.idempotencyKey)).size).toBe(1);
  });

  test('When all answers are lost, then 202, and recovery finds the PSP’s transaction', async () => {
    const { orderId, lineNos } = await api.paid([1, 4]);
    const key = randomUUID();
    await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId });
    const { status, body } = await api.cancel(orderId, lineNos.slice(0, 1), key);
    expect([status, body.errorCode]).toEqual([202, 'PEC0007']);
    expect((await api.cancel(orderId, lineNos.slice(0, 1), key)).status).toBe(202);
    expect((await api.cancel(orderId, lineNos.slice(1))).body.errorCode).toBe('PEC0005');
    await api.psp('PUT', '/simulator/faults', {});
    expect(await api.recover()).toEqual([]);
    await dueCancel(orderId);
    expect(await api.recover()).toEqual(['cancel: SUCCESS']);
    expect(await statuses(orderId)).toEqual(['CANCELED', 'SUCCESS']);
    expect(await eventTypes(orderId)).toHaveLength(2);
    const replayed = await api.cancel(orderId, lineNos.slice(0, 1), key);
    expect([replayed.status, replayed.body.data.status]).toEqual([200, 'PARTIAL_CANCELED']);
    expect((await cancelCalls(orderId)).filter((entry) => entry.replayed !== true)).toHaveLength(1);
  });

  test.each<[string, string]>([
    ['before the PSP was asked', 'REQUESTED'],
    ['while the PSP was asked', 'EXECUTING'],
  ])('When the process dies %s, then recovery gives the money back once', async (_what, status) => {
    const { orderId } = await api.paid([1, 4]);
    await api.psp('PUT', '/simulator/faults', { hold: 'request', orderId, operations: ['cancel'], times: 1 });
    const dying = api.cancel(orderId);
    await api.untilHeld(orderId);
    await api.database.administer(
      'UPDATE payment_cancels SET claim_token = UUID(), status = ?, next_check_at = NOW(3) WHERE order_id = ?',
      [status, orderId],
    );
    expect(await api.recover({ cancelSpacingMs: 0 })).toEqual(['cancel: SUCCESS']);
    await api.psp('POST', '/simulator/release', {});
    // What the dead process asked for arrives all the same.
    await dying;
    expect(await api.payment(orderId)).toMatchObject({ status: 'CANCELED', last_event_seq: 2 });
    expect((await cancelCalls(orderId)).filter((entry) => entry.status === 200)).toHaveLength(1);
  });

  test('When the PSP did it but answers an error, then the lookup finds it', async () => {
    const { orderId } = await api.paid([1]);
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'PROVIDER_ERROR',
      errorAfterWork: true,
      times: 1,
      orderId,
      operations: ['cancel'],
    });
    expect((await api.cancel(orderId)).status).toBe(200);
    expect(await cancelCalls(orderId)).toHaveLength(1);
  });

  test('When a temporary error comes first, then a new attempt under a new key', async () => {
    const { orderId } = await api.paid([1]);
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'PROVIDER_ERROR',
      times: 1,
      orderId,
      operations: ['cancel'],
    });
    expect((await api.cancel(orderId)).status).toBe(200);
    expect((await cancelCalls(orderId)).map((entry) => entry.idempotencyKey.split(':')[2])).toEqual([
      '1',
      '2',
    ]);
  });
});

describe('cancel: the PSP’s back office', () => {
  test('When it cancels the whole, then all lines are canceled with one event', async () => {
    const { orderId, paymentKey } = await api.paid([1, 4]);
    await cancelAtPsp(paymentKey);
    expect(await look(orderId)).toEqual(['settled: canceled whole']);
    expect(await statuses(orderId)).toEqual(['CANCELED', 'CANCELED']);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed', '2 payment.PaymentCanceled']);
    expect(await look(orderId)).toEqual([]);
  });

  test('When it cancels a part, then it is UNALLOCATED until an administrator says which lines', async () => {
    const { orderId, paymentKey, lineNos } = await api.paid([1, 4]);
    await cancelAtPsp(paymentKey, 1500);
    expect(await look(orderId)).toEqual(['settled: canceled partial']);
    expect(await look(orderId)).toEqual(['settled: nothing']);
    const [{ cancelId, status }] = (await shown(orderId)).cancels;
    expect(status).toBe('UNALLOCATED');
    expect(await statuses(orderId)).toEqual(['SUCCESS', 'SUCCESS']);
    expect((await api.cancel(orderId)).body.errorCode).toBe('PEC0005');
    expect((await allocate(orderId, cancelId, lineNos.slice(0, 1))).body.errorCode).toBe('PEC0002');
    expect((await allocate(orderId, randomUUID(), lineNos)).body.errorCode).toBe('PEC0003');
    const allocated = await allocate(orderId, cancelId, lineNos.slice(1));
    expect([allocated.status, allocated.body.data]).toEqual([
      200,
      { orderId, cancelId, cancelAmount: 1500, status: 'PARTIAL_CANCELED' },
    ]);
    expect((await allocate(orderId, cancelId, lineNos.slice(1))).body).toEqual(allocated.body);
    expect((await allocate(orderId, cancelId, lineNos.slice(0, 1))).body.errorCode).toBe('PEC0011');
    expect(await statuses(orderId)).toEqual(['SUCCESS', 'CANCELED']);
    expect(await eventTypes(orderId)).toHaveLength(2);
    expect((await api.cancel(orderId)).body.data).toMatchObject({ cancelAmount: 1000, status: 'CANCELED' });
  });

  test('When it cancels parts until nothing is left, then the last look cancels all lines, in one event', async () => {
    const { orderId, paymentKey } = await api.paid([1, 4]);
    await cancelAtPsp(paymentKey, 700);
    await look(orderId);
    await cancelAtPsp(paymentKey, 1800);
    expect(await look(orderId)).toEqual(['settled: canceled whole']);
    expect(await statuses(orderId)).toEqual(['CANCELED', 'CANCELED']);
    expect((await api.cancels(orderId)).map((row) => [row.status, row.cancel_amount, row.event_seq])).toEqual(
      [
        ['SUCCESS', '700.00', 2],
        ['SUCCESS', '1800.00', 2],
      ],
    );
    expect((await api.events(orderId)).at(-1)?.decoded.value.cancelAmount).toBe(2500n);
  });

  test('When it was faster than our cancel, then ours is refused and theirs is taken over', async () => {
    const { orderId, paymentKey, lineNos } = await api.paid([1, 4]);
    await cancelAtPsp(paymentKey, 1500);
    const { status, body } = await api.cancel(orderId, lineNos.slice(0, 1));
    expect([status, body.errorCode, body.data.psp.code]).toEqual([
      409,
      'PEC0011',
      'NOT_MATCHES_REFUNDABLE_AMOUNT',
    ]);
    expect(await api.recover()).toEqual(['settled: canceled partial']);
    expect(await statuses(orderId)).toEqual(['SUCCESS', 'SUCCESS']);
  });
});
