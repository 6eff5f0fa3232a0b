import { randomUUID } from 'node:crypto';
import { createConnection, type Connection } from 'mariadb';
import { until } from '#kit/until.fixture';
import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

// The system that this one re-creates had defects; the numbers are those of its list. Each test names what it had not.

let river: Pipeline;
let root: Connection;
beforeAll(async () => {
  river = await openPipeline();
  const { port, rootUser: user, rootPassword: password, database } = river.stack.endpoints.mysql;
  root = await createConnection({ port, user, password, database, allowPublicKeyRetrieval: true });
});
afterAll(async () => {
  await root.end();
  await river.close();
});

/** A seller without a wallet, whose number is far from any wallet's, and a product of theirs. */
async function newSeller(price: number): Promise<{ sellerNo: number; productNo: number }> {
  const unique = randomUUID().slice(0, 12);
  const sellerNo = 100_000 + Math.floor(Math.random() * 800_000);
  await root.query('INSERT INTO sellers (no, seller_id) VALUES (?, ?)', [sellerNo, unique]);
  const product = await root.query<{ insertId: bigint }>(
    'INSERT INTO products (seller_no, product_id, name, price) VALUES (?, ?, ?, ?)',
    [sellerNo, unique, `상품 ${unique}`, price],
  );
  return { sellerNo, productNo: Number(product.insertId) };
}

const ledger = (orderId: string): Promise<Json[]> =>
  root.query(
    `SELECT t.*, w.seller_no FROM wallet_transactions t JOIN wallets w ON w.no = t.wallet_no
     WHERE t.order_id = ? ORDER BY t.no`,
    [orderId],
  );

test('1: money is never rounded: sums are exact, and a tenth of a won on the wire is parked', async () => {
  const { sellerNo, productNo } = await newSeller(99_999_999);
  const orderId = await river.buy([productNo, productNo, productNo]);
  await river.untilSettled([orderId]);
  const [wallet] = await root.query<Json[]>('SELECT balance FROM wallets WHERE seller_no = ?', [sellerNo]);
  expect(wallet?.balance).toBe('299999997.00');
  // The last byte of an amount changed: 0.10 won. Nothing may round it away.
  const event = await river.ops.outbox.findFirstOrThrow({
    where: { aggregateId: orderId, aggregateType: 'payment' },
  });
  const value = Buffer.from(event.payload);
  const unscaled = Buffer.from((299_999_997n * 100n).toString(16).padStart(10, '0'), 'hex');
  const at = value.indexOf(unscaled);
  expect(at).toBeGreaterThan(0);
  value.writeUInt8((value[at + unscaled.length - 1] ?? 0) + 10, at + unscaled.length - 1);
  const id = randomUUID();
  const producer = await river.producer();
  const headers = { id, eventType: event.eventType, aggregateSeq: '1' };
  await producer.send({ topic: 'payment', messages: [{ key: `fraction-${id}`, value, headers }] });
  await until(
    'it is parked',
    async () => (await river.ops.deadLetter.count({ where: { eventId: id } })) === 1,
  );
});

test('2 and 13: the wallet is found by its seller, never by its own number, and made by the first credit', async () => {
  const { sellerNo, productNo } = await newSeller(700);
  const orderId = await river.buy([productNo, 1]);
  await river.untilSettled([orderId]);
  const [wallet] = await root.query<Json[]>('SELECT no, balance FROM wallets WHERE seller_no = ?', [
    sellerNo,
  ]);
  expect(Number(wallet?.no)).not.toBe(sellerNo);
  expect(wallet?.balance).toBe('700.00');
});

test('3, 8 and 9: each ledger line has a key of its own from the line it pays, and refers to that line', async () => {
  const orderIds = await Promise.all([river.buy([1, 1, 4]), river.buy([1, 1, 4])]);
  await river.untilSettled(orderIds);
  const lines = (await Promise.all(orderIds.map(ledger))).flat();
  const orders = await river.ops.paymentOrder.findMany({ where: { orderId: { in: orderIds } } });
  expect(new Set(lines.map((line) => line.idempotency_key))).toEqual(
    new Set(orders.map(({ no }) => `CREDIT:${no}`)),
  );
  expect(lines.every((line) => line.reference_type === 'PAYMENT_ORDER')).toBe(true);
  expect(new Set(lines.map((line) => BigInt(line.reference_id)))).toEqual(
    new Set(orders.map(({ no }) => no)),
  );
});

test('4: the wallet’s answer is in the commit of its ledger lines: a kill right after it loses nothing', async () => {
  const orderId = await river.buy([1, 4]);
  await until('credited', async () => (await ledger(orderId)).length === 2);
  await river.killAndRestart('wallet');
  const answers = await river.ops.outbox.count({ where: { aggregateId: orderId, aggregateType: 'wallet' } });
  expect(answers).toBe(1);
  await river.untilSettled([orderId]);
});

test('5: a confirm that the PSP refuses is not a success', async () => {
  const order = await river.order([1]);
  await river.psp('PUT', '/simulator/faults', {
    errorCode: 'INVALID_STOPPED_CARD',
    times: 1,
    orderId: order.orderId,
  });
  const { status, body } = await river.pay(order);
  await river.psp('PUT', '/simulator/faults', {});
  expect([status, body.errorCode]).toEqual([402, 'PEC0004']);
  const { body: shown } = await river.call('GET', `/api/payments/${order.orderId}`);
  expect(shown.data).toMatchObject({ status: 'FAILURE', isPaymentDone: false });
});

test('6: while one confirm is EXECUTING, another is told so and does not call the PSP', async () => {
  const order = await river.order([1]);
  const { paymentKey } = await river.psp('POST', '/simulator/payments', order);
  const body = { paymentKey, orderId: order.orderId, amount: order.amount };
  await river.psp('PUT', '/simulator/faults', { hold: 'request', orderId: order.orderId });
  const first = river.call('POST', '/api/payments/confirm', body);
  await until('it is EXECUTING', async () => {
    const row = await river.ops.paymentEvent.findUnique({ where: { orderId: order.orderId } });
    return row?.status === 'EXECUTING';
  });
  const second = await river.call('POST', '/api/payments/confirm', body);
  expect([second.status, second.body.errorCode]).toEqual([409, 'PEC0005']);
  await river.psp('PUT', '/simulator/faults', {});
  await river.psp('POST', '/simulator/release', {});
  expect((await first).status).toBe(200);
  const { calls } = await river.psp('GET', `/simulator/calls?orderId=${order.orderId}`);
  expect(calls.filter((entry: Json) => entry.path.endsWith('/confirm'))).toHaveLength(1);
});

test('10: payments are listed to administrators only', async () => {
  expect((await river.call('GET', '/api/payments')).status).toBe(401);
});

test('14: messages are keyed by their order, so that several partitions work', async () => {
  const orderIds = await Promise.all(Array.from({ length: 24 }, () => river.buyInCrowd([6])));
  await river.untilSettled(orderIds);
  const rows = await river.ops.inbox.findMany({
    where: { consumer: 'wallet-service', aggregateId: { in: orderIds } },
    select: { partition: true },
  });
  expect(new Set(rows.map((row) => row.partition)).size).toBeGreaterThan(2);
});

test('15: no poller: the API killed right after its commit delays the settlement by nothing', async () => {
  const orderId = await river.buy([1, 4]);
  const api = river.service('api');
  api.kill('SIGKILL');
  await api.ended;
  // It is dead until the order is settled: nothing of it has to bring the event on its way.
  await river.untilSettled([orderId]);
  await river.start('api');
});

test('16: this test has run against Kafka, Debezium and MySQL themselves', async () => {
  const orderId = await river.buy([1]);
  await river.untilSettled([orderId]);
  const [version] = await root.query<Json[]>('SELECT VERSION() AS version, @@log_bin AS log_bin');
  expect(version?.version).toMatch(/^8\./);
  const inbox = await river.ops.inbox.findFirst({
    where: { consumer: 'wallet-service', aggregateId: orderId },
  });
  expect(inbox?.offset).toBeGreaterThanOrEqual(0n);
  expect(inbox?.publishedAt).not.toBeNull();
});
