import { createLog } from '#kit/log';
import { recoveryWorldOf, startTestApi, type Json, type TestApi } from '../payment-api.fixture';
import { recoverNext } from './recover-payments';
import { recoverRound } from './recover-payments.timer';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
afterEach(() => api.psp('PUT', '/simulator/faults', {}));

async function authenticated(productNos?: number[]) {
  const order = await api.order(productNos);
  return { ...order, paymentKey: await api.authenticate(order.orderId, order.amount) };
}

const change = (orderId: string, set: string, values: unknown[] = []): Promise<unknown> =>
  api.database.administer(`UPDATE payment_events SET ${set} WHERE order_id = ?`, [...values, orderId]);
/** What a process leaves that dies right after its claim. */
const claimed = async (orderId: string, paymentKey: string, ageMin = 4): Promise<void> => {
  await change(
    orderId,
    `status = 'EXECUTING', payment_key = ?, claim_token = UUID(), attempt = 1,
     claimed_at = NOW(3) - INTERVAL ? MINUTE`,
    [paymentKey, ageMin],
  );
  await api.database.administer(
    "UPDATE payment_orders SET payment_order_status = 'EXECUTING' WHERE order_id = ?",
    [orderId],
  );
};
/** The PSP works on a confirm that nobody waits for. */
const confirmAtPsp = async (orderId: string, paymentKey: string, amount: number): Promise<void> => {
  const authorization = `Basic ${Buffer.from('test_sk_simulator:').toString('base64')}`;
  const response = await fetch(`${api.pspUrl}/v1/payments/confirm`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization, 'idempotency-key': `confirm:${orderId}:1` },
    body: JSON.stringify({ paymentKey, orderId, amount }),
  });
  expect(response.status).toBe(200);
};
const cancelAtPsp = (paymentKey: string, cancelAmount?: number): Promise<Json> =>
  api.psp(
    'POST',
    `/simulator/payments/${paymentKey}/cancel`,
    cancelAmount === undefined ? {} : { cancelAmount },
  );
const due = (orderId: string): Promise<unknown> => change(orderId, 'next_check_at = NOW(3)');
const eventTypes = async (orderId: string): Promise<string[]> =>
  (await api.events(orderId)).map((row) => `${row.aggregate_seq} ${row.event_type}`);
const approvals = async (orderId: string): Promise<number> =>
  (await api.confirmCalls(orderId)).filter((entry) => entry.status === 200 && entry.replayed !== true).length;
const secondsUntilCheck = async (orderId: string): Promise<number> => {
  const [row] = await api.database.administer<Json[]>(
    'SELECT TIMESTAMPDIFF(SECOND, NOW(3), next_check_at) AS s FROM payment_events WHERE order_id = ?',
    [orderId],
  );
  return Number(row.s);
};

describe('recovery: a process died between two steps of a confirm', () => {
  test('When it died after the claim and before asking, then a new attempt pays the order', async () => {
    const { orderId, paymentKey } = await authenticated([1, 4]);
    await claimed(orderId, paymentKey);
    expect(await api.recover()).toEqual(['executing: success']);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'SUCCESS',
      is_payment_done: 1,
      claim_token: null,
      next_check_at: null,
      attempt: 2,
      last_event_seq: 1,
    });
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
    expect(await approvals(orderId)).toBe(1);
  });

  test('When it died after the PSP had approved and before the record, then the approval is recorded', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await claimed(orderId, paymentKey);
    await confirmAtPsp(orderId, paymentKey, amount);
    expect(await api.recover()).toEqual(['executing: success']);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
    expect(await approvals(orderId)).toBe(1);
    const again = await api.confirm(paymentKey, orderId, amount);
    expect([again.status, again.body.data.status]).toEqual([200, 'SUCCESS']);
  });

  test('When it died after the PSP had refused, then the order is FAILURE with the PSP’s reason', async () => {
    const { orderId, paymentKey } = await authenticated();
    await claimed(orderId, paymentKey);
    await api.psp('POST', `/simulator/payments/${paymentKey}/abort`, {});
    expect(await api.recover()).toEqual(['executing: failure']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'FAILURE', failure_code: 'ABORTED' });
    expect(await eventTypes(orderId)).toEqual([]);
  });

  test('When it died after the record, then nothing is left to recover', async () => {
    const { orderId } = await api.paid();
    expect(await api.recover()).toEqual([]);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
  });

  test('When the claim is younger than its lease, then it is left alone', async () => {
    const { orderId, paymentKey } = await authenticated();
    await claimed(orderId, paymentKey, 2);
    expect(await api.recover({ claimLeaseMs: 180_000 })).toEqual([]);
    expect(await api.payment(orderId)).toMatchObject({ status: 'EXECUTING' });
    expect(await api.recover()).toEqual(['executing: success']);
  });

  test('When a recovery died too, then its lease ends as well', async () => {
    const { orderId, paymentKey } = await authenticated();
    await claimed(orderId, paymentKey);
    await change(orderId, 'next_check_at = NOW(3) + INTERVAL 1 MINUTE');
    expect(await api.recover()).toEqual([]);
    await due(orderId);
    expect(await api.recover()).toEqual(['executing: success']);
  });
});

describe('recovery: the PSP confirmed, but its answer did not come', () => {
  test.each<[string, Json]>([
    ['was lost', { dropResponseRate: 1 }],
    ['was slower than our limit', { hold: 'answer' }],
  ])('When the answer %s, then 202, UNKNOWN, and recovery finds the one approval', async (_what, fault) => {
    const isHeld = fault.hold !== undefined;
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { ...fault, orderId, operations: ['confirm'] });
    const confirm = () => api.confirm(paymentKey, orderId, amount);
    const { status } = await (isHeld ? api.whileImpatient(confirm) : confirm());
    expect(status).toBe(202);
    await api.psp('PUT', '/simulator/faults', {});
    await api.psp('POST', '/simulator/release', {});
    expect(await api.recover()).toEqual([]);
    await due(orderId);
    expect(await api.recover()).toEqual(['unknown: success']);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
    expect(await approvals(orderId)).toBe(1);
  });

  test('When it was a 500 and the lookup failed too, then recovery finds the one approval', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    const error = { errorCode: 'FAILED_INTERNAL_SYSTEM_PROCESSING', errorAfterWork: true };
    await api.psp('PUT', '/simulator/faults', { ...error, orderId });
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(202);
    await api.psp('PUT', '/simulator/faults', {});
    await due(orderId);
    expect(await api.recover()).toEqual(['unknown: success']);
    expect(await api.confirmCalls(orderId)).toHaveLength(1);
  });
});

describe('recovery: what the PSP says', () => {
  const unknown = async (productNos?: number[], ageMin = 1) => {
    const order = await authenticated(productNos);
    await claimed(order.orderId, order.paymentKey, ageMin);
    await api.database.administer(
      "UPDATE payment_orders SET payment_order_status = 'UNKNOWN' WHERE order_id = ?",
      [order.orderId],
    );
    await change(order.orderId, "status = 'UNKNOWN', claim_token = NULL, next_check_at = NOW(3)");
    return order;
  };

  test('When it was approved and canceled whole, then success and cancel are one transaction with both events', async () => {
    const { orderId, paymentKey, amount } = await unknown([1, 4]);
    await confirmAtPsp(orderId, paymentKey, amount);
    await cancelAtPsp(paymentKey);
    expect(await api.recover()).toEqual(['unknown: success, canceled whole']);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed', '2 payment.PaymentCanceled']);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'CANCELED',
      is_payment_done: 1,
      is_wallet_done: 0,
      last_event_seq: 2,
    });
    expect(await api.history(orderId)).toEqual([
      ...Array.from({ length: 2 }, () => 'UNKNOWN → SUCCESS'),
      ...Array.from({ length: 2 }, () => 'SUCCESS → CANCELED'),
    ]);
    const [cancel] = await api.cancels(orderId);
    expect(cancel).toMatchObject({ status: 'SUCCESS', event_seq: 2, resulting_status: 'CANCELED' });
  });

  test('When it was approved and canceled in part, then it is paid and the part is UNALLOCATED', async () => {
    const { orderId, paymentKey, amount } = await unknown([1, 4]);
    await confirmAtPsp(orderId, paymentKey, amount);
    await cancelAtPsp(paymentKey, 1000);
    expect(await api.recover()).toEqual(['unknown: success, canceled partial']);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
    expect((await api.cancels(orderId))[0]).toMatchObject({
      status: 'UNALLOCATED',
      cancel_amount: '1000.00',
    });
  });

  test.each([
    ['expire', 'EXPIRED'],
    ['abort', 'ABORTED'],
  ])('When the PSP has let it %s, then FAILURE %s', async (act, code) => {
    const { orderId, paymentKey } = await unknown();
    await api.psp('POST', `/simulator/payments/${paymentKey}/${act}`, {});
    expect(await api.recover()).toEqual(['unknown: failure']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'FAILURE', failure_code: code });
  });

  test('When it is IN_PROGRESS within ten minutes, then a new attempt under a new key pays it', async () => {
    const { orderId } = await unknown();
    expect(await api.recover()).toEqual(['unknown: success']);
    expect((await api.confirmCalls(orderId)).map((entry) => entry.idempotencyKey)).toEqual([
      `confirm:${orderId}:2`,
    ]);
    expect((await api.history(orderId)).slice(0, 1)).toEqual(['UNKNOWN → EXECUTING']);
  });

  test('When it is IN_PROGRESS after ten minutes and the PSP’s limit, then FAILURE, looked at once more later', async () => {
    const { orderId } = await unknown([1], 11);
    expect(await api.recover()).toEqual(['unknown: failure']);
    expect(await api.confirmCalls(orderId)).toEqual([]);
    expect(await secondsUntilCheck(orderId)).toBeGreaterThan(3_000);
  });

  test.each([
    ['within ten minutes, then it waits', 1, 'waiting', 'UNKNOWN'],
    ['after ten minutes, then FAILURE', 11, 'failure', 'FAILURE'],
  ])('When the PSP does not know it %s', async (_what, ageMin, outcome, status) => {
    const { orderId } = await unknown([1], ageMin);
    await change(orderId, "payment_key = CONCAT('lost-', order_id)");
    expect(await api.recover()).toEqual([`unknown: ${outcome}`]);
    expect(await api.payment(orderId)).toMatchObject({ status });
  });

  test('When the order was paid under a key that is not ours, then UNKNOWN and an alarm, never paid', async () => {
    const { orderId, paymentKey, amount } = await unknown([1], 11);
    await confirmAtPsp(orderId, paymentKey, amount);
    await change(orderId, "payment_key = CONCAT('lost-', order_id)");
    expect(await api.recover()).toEqual(['unknown: later']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'UNKNOWN', is_payment_done: 0 });
  });

  test('When the PSP says nothing, then it is asked less and less often, with an alarm from the threshold, for ever', async () => {
    const { orderId, paymentKey, amount } = await unknown([1]);
    await confirmAtPsp(orderId, paymentKey, amount);
    await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId });
    const lines: { level: string; msg: string }[] = [];
    const log = createLog('recovery', 'silent');
    const spied = Object.assign(Object.create(log) as typeof log, {
      error: (_line: object, msg: string) => lines.push({ level: 'error', msg }),
      warn: (_line: object, msg: string) => lines.push({ level: 'warn', msg }),
    });
    const waits: number[] = [];
    for (let look = 0; look < 12; look += 1) {
      expect(await api.recover({ log: spied })).toEqual(['unknown: later']);
      waits.push(await secondsUntilCheck(orderId));
      await due(orderId);
    }
    expect(waits.slice(0, 3).map((wait) => Math.round(wait / 10) * 10)).toEqual([10, 20, 40]);
    expect(waits.at(-1)).toBeGreaterThan(3_500);
    expect(waits.at(-1)).toBeLessThanOrEqual(3_600);
    expect(lines.map(({ level }) => level)).toEqual([
      ...Array.from({ length: 4 }, () => 'warn'),
      ...Array.from({ length: 8 }, () => 'error'),
    ]);
    expect((await api.lines(orderId)).map((line) => line.failed_count)).toEqual([12]);
    await api.psp('PUT', '/simulator/faults', {});
    expect(await api.recover()).toEqual(['unknown: success']);
  });

  test('When our credentials are refused, then the payment waits: nothing is concluded from it', async () => {
    const { orderId } = await unknown([1], 11);
    await api.psp('PUT', '/simulator/faults', { errorCode: 'UNAUTHORIZED_KEY', orderId });
    expect(await api.recover()).toEqual(['unknown: later']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'UNKNOWN' });
  });
});

describe('recovery: a late approval', () => {
  const failed = async () => {
    const order = await authenticated([1]);
    await claimed(order.orderId, order.paymentKey, 11);
    expect(await api.recover()).toEqual(['executing: failure']);
    // What had been under way at the PSP arrives after all.
    await confirmAtPsp(order.orderId, order.paymentKey, order.amount);
    await due(order.orderId);
    return order;
  };
  const balance = async (paymentKey: string): Promise<unknown> => {
    const answer = await api.world.psp.lookUp(paymentKey);
    return answer.kind === 'payment' ? answer.payment.balanceAmount : answer;
  };

  test('When a FAILURE turns out DONE, then the money goes back at once and it stays FAILURE', async () => {
    const { orderId, paymentKey, amount } = await failed();
    expect(await api.recover()).toEqual(['settled: late approval reversed']);
    expect(await balance(paymentKey)).toBe(0n);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'FAILURE',
      is_payment_done: 0,
      failure_code: 'LATE_APPROVAL_REVERSED',
      next_check_at: null,
    });
    expect((await api.history(orderId)).at(-1)).toBe('FAILURE → FAILURE');
    expect(await eventTypes(orderId)).toEqual([]);
    const again = await api.confirm(paymentKey, orderId, amount);
    expect([again.status, again.body.data.psp.code]).toEqual([402, 'LATE_APPROVAL_REVERSED']);
    await due(orderId);
    expect(await api.recover()).toEqual(['settled: nothing']);
  });

  test('When the answer to the reversal is lost, then the next look finds it done', async () => {
    const { orderId, paymentKey } = await failed();
    await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId, operations: ['cancel'] });
    expect(await api.recover()).toEqual(['settled: later']);
    expect(await balance(paymentKey)).toBe(0n);
    await api.psp('PUT', '/simulator/faults', {});
    await due(orderId);
    expect(await api.recover()).toEqual(['settled: late approval reversed']);
    const { calls } = await api.psp('GET', `/simulator/calls?orderId=${orderId}`);
    expect(calls.filter((entry: Json) => entry.path.endsWith('/cancel'))).toHaveLength(1);
  });
});

describe('recovery: many instances', () => {
  const quiet = createLog('recovery', 'silent');
  // What earlier tests have left open comes due by the clock.
  beforeEach(() =>
    api.database.administer("UPDATE payment_events SET next_check_at = NULL WHERE status <> 'EXECUTING'"),
  );

  test('When eight instances recover twenty orders at once, then each is paid once', async () => {
    const orders = await Promise.all(Array.from({ length: 20 }, () => authenticated([1])));
    await Promise.all(orders.map(({ orderId, paymentKey }) => claimed(orderId, paymentKey)));
    // Whether a busy machine answers within the usual time limit is not what is asked here.
    const world = recoveryWorldOf(api.world, quiet, { claimLeaseMs: 60_000 });
    const limits = { batchSizeMax: 10, concurrency: 2 };
    await Promise.all(Array.from({ length: 8 }, () => recoverRound(world, limits)));
    expect(world.outcomes).toEqual(Array.from({ length: 20 }, () => 'executing: success'));
    for (const { orderId } of orders) {
      expect(await approvals(orderId)).toBe(1);
      expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
    }
  });

  test('When a round is full, then it ends there', async () => {
    const orders = await Promise.all(Array.from({ length: 5 }, () => authenticated([1])));
    await Promise.all(orders.map(({ orderId, paymentKey }) => claimed(orderId, paymentKey)));
    const world = recoveryWorldOf(api.world, quiet, { claimLeaseMs: 60_000 });
    expect(await recoverRound(world, { batchSizeMax: 3, concurrency: 2 })).toBe(3);
    expect(await recoverRound(world, { batchSizeMax: 3, concurrency: 2 })).toBe(2);
  });

  test('When there is always more of one kind, then each other kind has its share of a round all the same', async () => {
    const orders = await Promise.all(Array.from({ length: 8 }, () => authenticated([1])));
    await Promise.all(orders.map(({ orderId, paymentKey }) => claimed(orderId, paymentKey)));
    const settled = await api.paid([1]);
    await due(settled.orderId);
    const world = recoveryWorldOf(api.world, quiet, { claimLeaseMs: 60_000 });
    expect(await recoverRound(world, { batchSizeMax: 4, concurrency: 1 })).toBe(4);
    expect(world.outcomes).toContain('settled: nothing');
    // A batch of one is no reason to begin with the same kind each time.
    await due(settled.orderId);
    world.outcomes.splice(0);
    const turns = { next: 0 };
    for (let round = 0; round < 4; round += 1)
      await recoverRound(world, { batchSizeMax: 1, concurrency: 1, turns });
    expect(world.outcomes.toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 'executing: success'),
      'settled: nothing',
    ]);
    expect(await recoverRound(world, { batchSizeMax: 10, concurrency: 2 })).toBe(2);
  });

  test('When a confirm wakes up after recovery took over, then it changes nothing and gives recovery’s answer', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { hold: 'answer', orderId, operations: ['confirm'], times: 1 });
    const slow = recoveryWorldOf(api.world, quiet, { claimLeaseMs: 1 });
    const running = api.confirm(paymentKey, orderId, amount);
    await api.untilHeld(orderId);
    expect(await recoverNext(slow)).toBe(true);
    const before = await api.payment(orderId);
    await api.psp('POST', '/simulator/release', {});
    const { status, body } = await running;
    expect([status, body.data.status]).toEqual([200, 'SUCCESS']);
    expect(await api.payment(orderId)).toEqual(before);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
    expect((await api.history(orderId)).filter((move) => move === 'EXECUTING → SUCCESS')).toHaveLength(3);
  });

  test('When a recovery wakes up after another took over, then it changes nothing', async () => {
    const { orderId, paymentKey, amount } = await authenticated([1]);
    await claimed(orderId, paymentKey);
    await confirmAtPsp(orderId, paymentKey, amount);
    await api.psp('PUT', '/simulator/faults', { hold: 'answer', orderId, operations: ['lookup'], times: 1 });
    const stopped = recoveryWorldOf(api.world, quiet);
    const running = recoverNext(stopped);
    await api.untilHeld(orderId);
    expect(await api.recover()).toEqual(['executing: success']);
    const before = await api.payment(orderId);
    await api.psp('POST', '/simulator/release', {});
    await running;
    expect(stopped.outcomes).toEqual(['executing: taken-over']);
    expect(await api.payment(orderId)).toEqual(before);
    expect(await eventTypes(orderId)).toEqual(['1 payment.PaymentConfirmed']);
  });

  test('When a look ends after another one has begun, then the newer claim stands, though the status is the same', async () => {
    const { orderId, paymentKey } = await authenticated([1]);
    await claimed(orderId, paymentKey, 1);
    await api.database.administer(
      "UPDATE payment_orders SET payment_order_status = 'UNKNOWN' WHERE order_id = ?",
      [orderId],
    );
    await change(orderId, "status = 'UNKNOWN', claim_token = NULL, next_check_at = NOW(3)");
    await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, hold: 'request', times: 1, orderId });
    const stopped = recoveryWorldOf(api.world, quiet, { claimLeaseMs: 60_000 });
    const running = recoverNext(stopped);
    await api.untilHeld(orderId);
    // Another instance, after the lease: it holds the payment now.
    await change(orderId, 'claim_token = ?', ['00000000-0000-4000-8000-000000000000']);
    await api.psp('POST', '/simulator/release', {});
    await running;
    expect(stopped.outcomes).toEqual(['unknown: taken-over']);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'UNKNOWN',
      claim_token: '00000000-0000-4000-8000-000000000000',
    });
    expect((await api.lines(orderId)).map((line) => line.failed_count)).toEqual([0]);
  });
});
