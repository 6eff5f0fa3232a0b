import { openBooks, type Books } from './reconcile.fixture';

// Each test makes exactly one difference, on a day of its own, and sees it named, repaired or left, and not repaired twice.

let books: Books;
beforeAll(async () => {
  books = await openBooks();
});
afterAll(() => books.close());
afterEach(() => books.psp('PUT', '/simulator/faults', {}));

const eventTypes = async (orderId: string): Promise<string[]> =>
  (await books.api.events(orderId)).map((row) => row.event_type);
/** Repairs, and a second time: nothing is left to repair and nothing is written again. */
async function repairTwice(date: string, orderId: string): Promise<void> {
  const { report } = await books.run(date, { repair: true });
  expect(report.differences).toEqual([]);
  const events = await eventTypes(orderId);
  const moves = await books.moves(orderId);
  const again = await books.run(date, { repair: true });
  expect(again).toMatchObject({ report: { differenceCount: 0 }, repairs: [] });
  expect(await eventTypes(orderId)).toEqual(events);
  expect(await books.moves(orderId)).toEqual(moves);
}

describe('a day on which both books agree', () => {
  test('When payments were made and canceled, then there is no difference, and both sums are the same', async () => {
    const date = books.newDay();
    await books.paid();
    const whole = await books.paid([4]);
    const part = await books.paid([1, 5]);
    await books.api.cancel(whole.orderId);
    const [line] = await books.api.lines(part.orderId);
    await books.api.cancel(part.orderId, [Number(line.no)]);
    for (const { orderId } of [whole, part]) await books.settle(orderId);
    const { report } = await books.run(date);
    expect(report).toMatchObject({ differenceCount: 0, inFlight: [], notes: [] });
    expect(report.sums.psp).toEqual(report.sums.here);
    expect(report.sums.here).toMatchObject({ approvals: { count: 3 }, cancels: { count: 2 } });
  });

  test('When nothing was sold, then there is no difference', async () => {
    expect((await books.run(books.newDay())).report).toMatchObject({ differenceCount: 0 });
  });

  test('When the list has many pages, then each transaction is seen once', async () => {
    const date = books.newDay();
    for (let sold = 0; sold < 5; sold += 1) await books.paid([1]);
    for (const pageSizeMax of [1, 2, 5, 100]) {
      const { report } = await books.run(date, { pageSizeMax });
      expect(report).toMatchObject({ differenceCount: 0, sums: { psp: { approvals: { count: 5 } } } });
    }
  });
});

describe('paid at the PSP, but not here', () => {
  test.each(['EXECUTING', 'UNKNOWN'])(
    'When it is %s here, then it is looked up and recorded, once',
    async (status) => {
      const date = books.newDay();
      const { orderId, paymentKey } = await books.approvedAtPsp();
      await books.claimed(orderId, paymentKey, status);
      const { report } = await books.run(date);
      expect(report.differences).toMatchObject([
        { code: 'PAID_AT_PSP_OPEN_HERE', orderId, paymentKey, psp: { amount: 6000n }, here: { status } },
      ]);
      await repairTwice(date, orderId);
      expect(await books.api.payment(orderId)).toMatchObject({ status: 'SUCCESS', claim_token: null });
      expect(await eventTypes(orderId)).toEqual(['payment.PaymentConfirmed']);
      expect(await books.moves(orderId)).toContain(`${status} → SUCCESS by reconcile`);
    },
  );

  test('When nobody has claimed it here, then it is claimed under the PSP’s key and recorded', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp();
    expect(await books.differences(date)).toEqual(['PAID_AT_PSP_OPEN_HERE']);
    await repairTwice(date, orderId);
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'SUCCESS', payment_key: paymentKey });
    expect(await books.moves(orderId)).toEqual([
      'NOT_STARTED → EXECUTING by reconcile',
      'EXECUTING → SUCCESS by reconcile',
    ]);
  });

  test('When it was given back there too, then both are recorded in one go', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp();
    await books.claimed(orderId, paymentKey);
    await books.cancelAtPsp(paymentKey);
    expect(await books.differences(date)).toEqual(['PAID_AT_PSP_OPEN_HERE', 'CANCELED_AT_PSP_NOT_HERE']);
    await repairTwice(date, orderId);
    expect(await eventTypes(orderId)).toEqual(['payment.PaymentConfirmed', 'payment.PaymentCanceled']);
  });

  test('When the confirm runs right now, then it is in flight and no difference', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp();
    await books.claimed(orderId, paymentKey);
    await books.change(orderId, 'claimed_at = NOW(3)');
    const { report } = await books.run(date, { repair: true });
    expect(report).toMatchObject({
      differenceCount: 0,
      inFlight: [{ code: 'PAID_AT_PSP_OPEN_HERE', orderId }],
    });
  });

  test('When another process holds it, then it is left to that one', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp();
    await books.claimed(orderId, paymentKey);
    await books.change(orderId, 'claimed_at = NOW(3) - INTERVAL 1 MINUTE');
    const { report, repairs } = await books.run(date, { repair: true, graceS: 0 });
    expect(repairs).toEqual([{ orderId, outcome: 'another process is at it: run this again' }]);
    expect(report.differences).toMatchObject([{ code: 'PAID_AT_PSP_OPEN_HERE' }]);
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'EXECUTING' });
  });

  test('When it had failed here, then the money goes back at once and that is no difference on either day', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp();
    await books.claimed(orderId, paymentKey, 'FAILURE');
    expect(await books.differences(date)).toEqual(['PAID_AT_PSP_FAILED_HERE']);
    const next = new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
    books.turnTo(`${next}T09:00:00`);
    await repairTwice(date, orderId);
    expect(await books.api.payment(orderId)).toMatchObject({
      status: 'FAILURE',
      failure_code: 'LATE_APPROVAL_REVERSED',
    });
    expect(await books.psp('GET', `/v1/payments/${paymentKey}`)).toMatchObject({ status: 'CANCELED' });
    expect(await books.moves(orderId)).toContain('FAILURE → FAILURE by reconcile');
    expect(await eventTypes(orderId)).toEqual([]);
    const nextDay = await books.run(next);
    expect(nextDay.report).toMatchObject({
      differenceCount: 0,
      sums: { psp: { approvals: { count: 0 }, cancels: { count: 1 } } },
    });
  });

  test('When it had failed here and somebody gave it back, then that is noted', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp();
    await books.claimed(orderId, paymentKey, 'FAILURE');
    await books.cancelAtPsp(paymentKey);
    expect(await books.differences(date)).toEqual(['REVERSAL_NOT_NOTED']);
    await repairTwice(date, orderId);
    expect(await books.api.payment(orderId)).toMatchObject({ failure_code: 'LATE_APPROVAL_REVERSED' });
  });
});

describe('canceled at the PSP, but not here', () => {
  test('When all of it was given back, then all remaining lines are canceled', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.paid();
    await books.cancelAtPsp(paymentKey);
    expect(await books.differences(date)).toEqual(['CANCELED_AT_PSP_NOT_HERE']);
    await repairTwice(date, orderId);
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'CANCELED' });
    expect(await books.moves(orderId)).toContain('SUCCESS → CANCELED by reconcile');
    expect(await eventTypes(orderId)).toEqual(['payment.PaymentConfirmed', 'payment.PaymentCanceled']);
  });

  test('When a part was given back, then it stays a difference until an administrator allocates it', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.paid([1, 4]);
    const [line] = await books.api.lines(orderId);
    await books.cancelAtPsp(paymentKey, Number(line.amount));
    expect(await books.differences(date)).toEqual(['CANCELED_AT_PSP_NOT_HERE']);
    expect(await books.differences(date, { repair: true })).toEqual(['CANCEL_UNALLOCATED']);
    expect(await books.differences(date, { repair: true })).toEqual(['CANCEL_UNALLOCATED']);
    const [cancel] = await books.api.cancels(orderId);
    const path = `/api/payments/${orderId}/cancels/${cancel.id}/allocate`;
    const admin = { authorization: 'Bearer test-admin-key' };
    const body = { paymentOrderNos: [Number(line.no)] };
    expect((await books.api.call('POST', path, body, admin)).status).toBe(200);
    await books.settle(orderId);
    expect((await books.run(date)).report).toMatchObject({ differenceCount: 0, inFlight: [] });
  });

  test('When the answer to a cancel of ours was lost, then that cancel takes it', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid();
    await books.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId });
    expect((await books.api.cancel(orderId)).status).toBe(202);
    await books.psp('PUT', '/simulator/faults', {});
    await books.api.database.administer('UPDATE payment_cancels SET created_at = ? WHERE order_id = ?', [
      `${date} 03:00:00`,
      orderId,
    ]);
    expect(await books.differences(date)).toEqual(['CANCELED_AT_PSP_NOT_HERE', 'CANCEL_OPEN']);
    await repairTwice(date, orderId);
    expect(await books.api.cancels(orderId)).toMatchObject([{ status: 'SUCCESS' }]);
    expect(await books.moves(orderId)).toContain('SUCCESS → CANCELED by reconcile');
  });
});

describe('still open here, and the PSP lists nothing', () => {
  test('When a confirm was left open, then it is looked up: not paid is FAILURE', async () => {
    const date = books.newDay();
    const { orderId, amount } = await books.api.order();
    const paymentKey = await books.authenticate(orderId, amount);
    await books.claimed(orderId, paymentKey);
    await books.change(orderId, 'claimed_at = ?', [`${date} 03:00:00`]);
    expect(await books.differences(date)).toEqual(['OUTCOME_OPEN']);
    await repairTwice(date, orderId);
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'FAILURE' });
    expect(await books.moves(orderId)).toContain('EXECUTING → FAILURE by reconcile');
  });

  test('When the shopper may still pay, then nothing is approved: recovery goes on', async () => {
    const date = books.newDay();
    const { orderId, amount } = await books.api.order();
    const paymentKey = await books.authenticate(orderId, amount);
    await books.claimed(orderId, paymentKey, 'UNKNOWN');
    // A claim of this minute, seen on the day that it was made.
    const today = new Date(Date.now() + 9 * 3_600_000).toISOString().slice(0, 10);
    await books.change(orderId, 'claimed_at = NOW(3)');
    const { repairs, report } = await books.run(today, { repair: true, graceS: 0 });
    // Other tests' payments are open today as well, and held.
    expect(repairs).toContainEqual({ orderId, outcome: 'open: waiting' });
    const left = report.differences.filter((finding) => finding.orderId === orderId);
    expect(left).toMatchObject([{ code: 'OUTCOME_OPEN' }]);
    expect(await books.psp('GET', `/v1/payments/${paymentKey}`)).toMatchObject({ status: 'IN_PROGRESS' });
    expect(await books.differences(date)).toEqual([]);
    await books.change(orderId, "claimed_at = '2020-01-01'");
  });

  test('When a cancel was left open, then the PSP is asked for it again', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid();
    const fault = { errorCode: 'PROVIDER_ERROR', operations: ['cancel'], orderId };
    await books.psp('PUT', '/simulator/faults', fault);
    expect((await books.api.cancel(orderId)).status).toBe(202);
    await books.psp('PUT', '/simulator/faults', {});
    await books.api.database.administer('UPDATE payment_cancels SET created_at = ? WHERE order_id = ?', [
      `${date} 03:00:00`,
      orderId,
    ]);
    expect(await books.differences(date)).toEqual(['CANCEL_OPEN']);
    await repairTwice(date, orderId);
    expect(await books.api.payment(orderId)).toMatchObject({ status: 'CANCELED' });
  });
});

describe('the sellers’ ledger', () => {
  /** The event was written long ago. */
  const isOld = (orderId: string): Promise<unknown> =>
    books.api.database.administer(
      'UPDATE outbox SET created_at = created_at - INTERVAL 1 HOUR WHERE aggregate_id = ?',
      [orderId],
    );

  test('When a paid order was not credited, then that is named and not repaired; a young one is in flight', async () => {
    const date = books.newDay();
    const { orderId, amount } = await books.api.order([1, 4]);
    const paymentKey = await books.authenticate(orderId, amount);
    await books.api.confirm(paymentKey, orderId, amount);
    expect((await books.run(date)).report).toMatchObject({
      differenceCount: 0,
      inFlight: [{ code: 'NOT_CREDITED', orderId }],
    });
    await isOld(orderId);
    const { report, repairs } = await books.run(date, { repair: true });
    expect(repairs).toEqual([]);
    expect(report.differences).toMatchObject([
      { code: 'NOT_CREDITED', orderId, here: { amount: BigInt(amount) }, ledger: { amount: 0n } },
    ]);
    await books.settle(orderId);
    expect(await books.differences(date)).toEqual([]);
  });

  test('When a canceled order was not debited, then that is named', async () => {
    const date = books.newDay();
    const { orderId } = await books.paid();
    await books.api.cancel(orderId);
    await isOld(orderId);
    expect(await books.differences(date, { repair: true })).toEqual(['NOT_DEBITED']);
    await books.settle(orderId);
    expect(await books.differences(date)).toEqual([]);
  });

  test.each([
    ['CREDIT', 'OVERCREDITED'],
    ['DEBIT', 'OVERDEBITED'],
  ])('When there is a %s too many, then it is %s', async (type, code) => {
    const date = books.newDay();
    const { orderId } = await books.paid([1]);
    await books.api.database.administer(
      `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
         event_id, idempotency_key, line_hash, created_at)
       VALUES (1, 1000000 + ?, ?, 1, 0, 0, ?, UUID(), UUID(), '', NOW(3))`,
      [type === 'CREDIT' ? 1 : 2, type, orderId],
    );
    // Also of an order that was paid a moment ago.
    expect(await books.differences(date, { repair: true })).toEqual([code]);
  });

  test('When a payment is recorded and settled while it is being read, then it is seen as it was before', async () => {
    const date = books.newDay();
    const { orderId, paymentKey } = await books.approvedAtPsp([1]);
    await books.claimed(orderId, paymentKey, 'UNKNOWN');
    await books.change(orderId, 'claimed_at = ?', [`${date} 03:00:00`]);
    const ledger = await books.api.database.connect();
    try {
      // The comparison has read the payment, and waits for the ledger.
      await ledger.query('LOCK TABLES wallet_transactions WRITE');
      const compared = books.differences(date);
      await books.untilWaiting();
      await books.change(orderId, `status = 'SUCCESS', approved_at = ?`, [`${date} 03:00:00`]);
      await ledger.query(
        `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
           event_id, idempotency_key, line_hash, created_at)
         VALUES (1, 2000000, 'CREDIT', 1000, 0, 0, ?, UUID(), UUID(), '', NOW(3))`,
        [orderId],
      );
      await ledger.query('UNLOCK TABLES');
      expect(await compared).toEqual(['PAID_AT_PSP_OPEN_HERE']);
    } finally {
      await ledger.end();
    }
  });
});
