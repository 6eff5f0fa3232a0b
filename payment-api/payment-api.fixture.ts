import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpApp, listen } from '#kit/http';
import { systemClock } from '#kit/clock';
import { systemIds } from '#kit/ids';
import { createLog } from '#kit/log';
import { openTestDatabase, testCodec, type TestDatabase } from '#prisma/database.fixture';
import { startSimulator } from '#psp-simulator/simulator';
import { pingDatabase } from '#prisma/database';
import { isDatabaseUnavailable } from '#prisma/transaction';
import { contentSecurityPolicyOf } from './pages/pages.route';
import { paymentRoutes, type PaymentApiWorld } from './routes';
import { createTossClient } from './toss/toss-client';

// What the payment API's tests share: the API over HTTP, on a real database of its own, with the simulator as the PSP.

/** Any JSON: tests look into it without ceremony. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

export const ADMIN_KEY = 'test-admin-key';

export interface TestApi {
  url: string;
  pspUrl: string;
  world: PaymentApiWorld;
  database: TestDatabase;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  psp(method: string, path: string, body?: unknown): Promise<Json>;
  /** Checks out and returns the order. */
  order(productNos?: number[]): Promise<{ orderId: string; orderName: string; amount: number }>;
  /** A shopper authenticates at the PSP: the payment key. */
  authenticate(orderId: string, amount: number): Promise<string>;
  confirm(paymentKey: string, orderId: string, amount: number | string): Promise<Answer>;
  /** The PSP's log of confirm calls for an order. */
  confirmCalls(orderId: string): Promise<Json[]>;
  payment(orderId: string): Promise<Json>;
  /** `from → to` of every history row of an order, in order. */
  history(orderId: string): Promise<string[]>;
  /** Outbox rows of an order, decoded. */
  events(orderId: string): Promise<Json[]>;
  close(): Promise<void>;
}

/** Time limits are short, so that a silent PSP is soon seen as silent. */
export const PSP_TIMEOUT_MS = 400;

async function json(url: string, method: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      connection: 'close',
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export async function startTestApi(over: Partial<PaymentApiWorld> = {}): Promise<TestApi> {
  const database = await openTestDatabase('paymentApi');
  const dir = mkdtempSync(join(tmpdir(), 'payment-api-'));
  const log = createLog('payment-api', 'silent');
  const simulator = await startSimulator({ port: 0, host: '127.0.0.1', dir, clock: systemClock, log });
  const { encode, decode } = testCodec();
  const world: PaymentApiWorld = {
    db: database.db,
    psp: createTossClient({
      baseUrl: simulator.url,
      secretKey: 'test_sk_simulator',
      timeoutMs: PSP_TIMEOUT_MS,
    }),
    encode,
    ids: systemIds,
    clock: systemClock,
    pspPauseMs: 5,
    adminKeys: ['rotated-out-soon', ADMIN_KEY],
    paymentWindow: { kind: 'simulator', url: `${simulator.url}/window` },
    ...over,
  };
  const server = await listen(
    createHttpApp({
      log,
      readiness: { database: () => pingDatabase(database.db) },
      isDependencyDown: isDatabaseUnavailable,
      contentSecurityPolicy: contentSecurityPolicyOf(world.paymentWindow),
      routes: (app) => paymentRoutes(app, world),
    }),
    0,
    '127.0.0.1',
  );
  const url = `http://127.0.0.1:${server.port}`;
  const call: TestApi['call'] = (method, path, body, headers) => json(`${url}${path}`, method, body, headers);
  const psp: TestApi['psp'] = async (method, path, body) =>
    (await json(`${simulator.url}${path}`, method, body)).body;
  return {
    url,
    pspUrl: simulator.url,
    world,
    database,
    call,
    psp,
    async order(productNos = [1, 2, 3]) {
      return (await call('POST', '/api/payments/checkout', { productNos })).body.data;
    },
    async authenticate(orderId, amount) {
      return (await psp('POST', '/simulator/payments', { orderId, amount })).paymentKey;
    },
    confirm: (paymentKey, orderId, amount) =>
      call('POST', '/api/payments/confirm', { paymentKey, orderId, amount }),
    async confirmCalls(orderId) {
      const { calls } = await psp('GET', `/simulator/calls?orderId=${orderId}`);
      return calls.filter((entry: Json) => entry.path === '/v1/payments/confirm');
    },
    async payment(orderId) {
      const [row] = await database.administer('SELECT * FROM payment_events WHERE order_id = ?', [orderId]);
      return row;
    },
    async history(orderId) {
      const rows = await database.administer<Json[]>(
        `SELECT h.* FROM payment_order_histories h JOIN payment_orders o ON o.no = h.payment_order_no
         WHERE o.order_id = ? ORDER BY h.no`,
        [orderId],
      );
      return rows.map((row) => `${row.previous_status} → ${row.new_status}`);
    },
    async events(orderId) {
      const rows = await database.administer<Json[]>(
        'SELECT * FROM outbox WHERE aggregate_id = ? ORDER BY no',
        [orderId],
      );
      return Promise.all(rows.map(async (row) => ({ ...row, decoded: await decode(row.payload) })));
    },
    async close() {
      await server.close();
      await simulator.close();
      await database.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
