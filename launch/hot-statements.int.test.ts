import { randomUUID } from 'node:crypto';
import type { Connection } from 'mariadb';
import { Registry } from 'prom-client';
import { HEADER } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { createConsumerMetrics } from '#messaging/consumer.metrics';
import { createBatchProcessor } from '#messaging/process-batch';
import { acknowledgementService } from '#payment-api/acknowledge-settlement/acknowledge-settlement';
import { startTestApi, type Json, type TestApi } from '#payment-api/payment-api.fixture';
import { databaseClock } from '#prisma/clock';
import { transactionPoolOptions } from '#prisma/connection';
import { openDatabase, type Database } from '#prisma/database';
import { testCodec } from '#prisma/database.fixture';
import { recordStatements, type RecordedStatement } from '#prisma/recorded-statements.fixture';
import { createSettlementConsumer } from '#wallet-consumer/settle-payments/settle-payments.consumer';

// Every statement on a hot path finds its rows by an index that gives their order, too: none of them gets slower, or locks
// more rows, while the tables grow. The plans are MySQL's own, on tables of some size.

const ORDERS = 20_000;
const SELLERS = 1_000;
const { encode, decode } = testCodec();
let api: TestApi;
let wallet: Database;
let connection: Connection;
let recorded: RecordedStatement[];
beforeAll(async () => {
  api = await startTestApi();
  wallet = openDatabase(api.database.url('wallet'), 2);
  // An administrator's, with the sessions' settings of the product: they decide the plans.
  const { sessionVariables, initSql = [] } = transactionPoolOptions(api.database.url('paymentApi'), 1);
  connection = await api.database.connect({ sessionVariables, initSql });
  for (const statement of GROWN) await connection.query(statement);
  await connection.commit();
  recorded = recordStatements(api.world.db);
});
afterAll(async () => {
  await connection.end();
  await wallet.$disconnect();
  await api.close();
});

const numbers = (count: number): string =>
  `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`;
const TABLES = [
  'sellers',
  'payment_events',
  'payment_orders',
  'payment_order_histories',
  'payment_cancels',
  'outbox',
  'inbox',
  'dead_letters',
  'wallets',
  'wallet_transactions',
  'settlements',
] as const;

/** A market that has sold for a while. */
const GROWN: readonly string[] = [
  'SET SESSION cte_max_recursion_depth = 1000000',
  `INSERT INTO sellers (seller_id) ${numbers(SELLERS)} SELECT CONCAT('grown-', n) FROM numbers`,
  `INSERT IGNORE INTO wallets (seller_no, balance) SELECT no, 1000 FROM sellers`,
  `INSERT INTO payment_events (member_no, order_id, order_name, total_amount, status, payment_key, approved_at, claimed_at,
     is_payment_done, is_wallet_done, last_event_seq, acknowledged_events)
   ${numbers(ORDERS)}
   SELECT 1, CONCAT('grown-', n), '상품', 3000, IF(n % 60 = 0, 'NOT_STARTED', IF(n % 50 = 1, 'FAILURE', 'SUCCESS')),
     IF(n % 60 = 0, NULL, CONCAT('key-', n)), NOW(3), NOW(3), n % 60 <> 0, n % 60 <> 0, n % 60 <> 0, n % 60 <> 0
   FROM numbers`,
  `INSERT INTO payment_orders (payment_event_no, product_no, seller_no, order_id, amount, payment_order_status)
   SELECT no, 1 + no % 3, 1 + no % ${SELLERS}, order_id, 3000, 'SUCCESS' FROM payment_events WHERE order_id LIKE 'grown-%'`,
  `INSERT INTO payment_order_histories (payment_order_no, previous_status, new_status, changed_by, reason)
   SELECT no, 'EXECUTING', 'SUCCESS', 'confirm', 'grown' FROM payment_orders`,
  `INSERT INTO payment_cancels (id, payment_event_no, order_id, status, cancel_amount, refundable_amount, cancel_reason,
     transaction_key, idempotency_key, canceled_at)
   SELECT UUID(), no, order_id, 'SUCCESS', 3000, 3000, 'grown', CONCAT('t-', no), CONCAT('k-', no), NOW(3)
   FROM payment_events WHERE order_id LIKE 'grown-%' AND no % 10 = 3`,
  `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, payload)
   SELECT UUID(), 'payment', order_id, 1, 1, 'payment.PaymentConfirmed', CONCAT('grown:', no), 'payload'
   FROM payment_events WHERE order_id LIKE 'grown-%'`,
  `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash)
   SELECT c.name, CONCAT('grown-', p.no), 'payment', 0, p.no, p.order_id, 1, SHA2(p.order_id, 256)
   FROM payment_events p JOIN (SELECT 'wallet-service' AS name UNION SELECT 'payment-service') c
   WHERE p.order_id LIKE 'grown-%'`,
  `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, event_seq, headers, error,
     status)
   SELECT UUID(), 'wallet-service', 'payment', 0, no, CONCAT('grown-', no), order_id, 1, '[]', 'grown', 'RESOLVED'
   FROM payment_events WHERE order_id LIKE 'grown-%' AND no % 10 = 1`,
  `INSERT INTO settlements (order_id, last_seq_in, last_seq_out)
   SELECT order_id, 1, 1 FROM payment_events WHERE order_id LIKE 'grown-%'`,
  `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id, event_id,
     idempotency_key, line_hash, created_at)
   SELECT w.no, 1000000 + o.no, 'CREDIT', 3000, 3000, o.no, o.order_id, CONCAT('grown-', o.no), CONCAT('CREDIT:', o.no),
     SHA2(o.no, 256), NOW(3)
   FROM payment_orders o JOIN wallets w ON w.seller_no = o.seller_no WHERE o.order_id LIKE 'grown-%'`,
  `ANALYZE TABLE ${TABLES.join(', ')}`,
];

/** What EXPLAIN says of one table. */
interface Access {
  table: string;
  problem: string;
}

/** Scans, merged indexes and sorts in a plan. A sort of rows that do not come from a table that grows is none. */
function problemsIn(plan: Json, isSorted = false): Access[] {
  if (plan === null || typeof plan !== 'object') return [];
  if (Array.isArray(plan)) return plan.flatMap((part) => problemsIn(part, isSorted));
  const sorted = isSorted || plan.using_filesort === true;
  const own: Access[] = [];
  if (plan.access_type !== undefined && plan.insert !== true && plan.table_name !== undefined) {
    const table = String(plan.table_name);
    if (['ALL', 'index', 'index_merge'].includes(plan.access_type))
      own.push({ table, problem: `${plan.access_type}${plan.key === undefined ? '' : ` of ${plan.key}`}` });
    if (sorted) own.push({ table, problem: 'filesort' });
  }
  return [...own, ...Object.values(plan).flatMap((part) => problemsIn(part, sorted))];
}

/** The statements since the last call whose plans have problems. */
async function badPlans(statements: RecordedStatement[]): Promise<string[]> {
  const bad: string[] = [];
  for (const { sql, values } of statements.splice(0)) {
    if (!/^\s*(SELECT|INSERT|UPDATE|DELETE)/i.test(sql)) continue;
    const [row] = await connection.query<Json[]>(`EXPLAIN FORMAT=JSON ${sql}`, values);
    const problems = problemsIn(JSON.parse(row.EXPLAIN));
    if (problems.length > 0)
      bad.push(`${sql.trim()}\n${problems.map(({ table, problem }) => `  ${table}: ${problem}`).join('\n')}`);
  }
  return bad;
}

let offset = 0n;
const messageOf = (row: Json, topic: string): ConsumedMessage => ({
  topic,
  partition: 0,
  offset: (offset += 1n),
  key: Buffer.from(row.aggregate_id),
  value: row.payload,
  headers: {
    [HEADER.eventId]: row.id,
    [HEADER.eventType]: row.event_type,
    [HEADER.aggregateSeq]: String(row.event_seq),
  },
});
const outboxOf = (topic: string, orderIds: readonly string[]): Promise<Json[]> =>
  api.database.administer(
    'SELECT * FROM outbox WHERE aggregate_type = ? AND aggregate_id IN (?) ORDER BY no',
    [topic, orderIds],
  );

async function bought(): Promise<string> {
  const { orderId, amount } = await api.order([1, 4, 6]);
  const { status } = await api.confirm(await api.authenticate(orderId, amount), orderId, amount);
  expect(status).toBe(200);
  return orderId;
}

test('a checkout, with an idempotency key and without', async () => {
  await api.order([1, 2, 6]);
  await api.call(
    'POST',
    '/api/payments/checkout',
    { productNos: [1, 6] },
    { 'idempotency-key': randomUUID() },
  );
  expect(recorded.length).toBeGreaterThan(6);
  expect(await badPlans(recorded)).toEqual([]);
});

test('a confirm, its replay, its refusal, and the webhooks of it', async () => {
  const orderId = await bought();
  const { payment_key: paymentKey, total_amount: amount } = await api.payment(orderId);
  await api.confirm(paymentKey, orderId, amount);
  await api.confirm('another-key', orderId, amount);
  await api.call('POST', '/api/webhooks/toss', {
    eventType: 'PAYMENT_STATUS_CHANGED',
    createdAt: 'x',
    data: { orderId, paymentKey, status: 'CANCELED' },
  });
  expect(recorded.filter(({ sql }) => /UPDATE payment_events/.test(sql)).length).toBeGreaterThan(3);
  expect(await badPlans(recorded)).toEqual([]);
});

test('a cancel, and what recovery looks for and takes over', async () => {
  const orderId = await bought();
  await api.cancel(orderId);
  await api.database.administer(
    'UPDATE payment_events SET next_check_at = NOW(3) WHERE status = ? LIMIT 30',
    ['FAILURE'],
  );
  await api.recover({ claimLeaseMs: 60_000 });
  expect(recorded.some(({ sql }) => /SKIP LOCKED/.test(sql))).toBe(true);
  expect(await badPlans(recorded)).toEqual([]);
});

test('what a shopper’s page reads', async () => {
  const orderId = await bought();
  recorded.splice(0);
  expect((await api.call('GET', `/api/payments/${orderId}`)).status).toBe(200);
  expect(recorded.length).toBeGreaterThan(0);
  expect(await badPlans(recorded)).toEqual([]);
});

test('a batch of settlements with a cancel among them, delivered twice, and its acknowledgement', async () => {
  const orderIds = [await bought(), await bought(), await bought()];
  await api.cancel(orderIds[0] ?? '');
  recorded.splice(0);
  const deps = {
    encode,
    decode,
    clock: databaseClock,
    ids: systemIds,
    transactionTimeoutMs: 60_000,
    log: createLog('test', 'silent'),
  };
  const settled = recordStatements(wallet);
  const settle = createSettlementConsumer({ ...deps, db: wallet }, new Registry());
  const payments = (await outboxOf('payment', orderIds)).map((row) => messageOf(row, 'payment'));
  await settle(payments);
  await settle(payments);
  await settle(
    payments.map((message) => ({ ...message, headers: { ...message.headers, id: randomUUID() } })),
  );
  expect(settled.some(({ sql }) => /INSERT INTO wallet_transactions/.test(sql))).toBe(true);
  expect(await badPlans(settled)).toEqual([]);

  const acknowledge = createBatchProcessor(acknowledgementService, {
    ...deps,
    db: api.world.db,
    metrics: createConsumerMetrics(new Registry(), { prefix: 'payment', applied: 'acknowledged' }),
  });
  const answers = (await outboxOf('wallet', orderIds)).map((row) => messageOf(row, 'wallet'));
  expect(answers).toHaveLength(4);
  await acknowledge(answers);
  await acknowledge(answers);
  expect((await api.payment(orderIds[1] ?? '')).is_wallet_done).toBe(1);
  expect(await badPlans(recorded)).toEqual([]);
});
