import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpApp, listen } from '#kit/http';
import { systemClock } from '#kit/clock';
import { systemIds } from '#kit/ids';
import { createLog, type Logger } from '#kit/log';
import { OWN_PAGES_POLICY } from '#kit/pages';
import { until } from '#kit/until.fixture';
import { openTestDatabase, testCodec, type TestDatabase } from '#prisma/database.fixture';
import { startSimulator } from '#psp-simulator/simulator';
import { pingDatabase } from '#prisma/database';
import { isDatabaseUnavailable } from '#prisma/transaction';
import { recoverNext, type RecoveryWorld } from './recover-payments/recover-payments';
import { paymentRoutes, type PaymentApiWorld } from './routes';
import { createTossClient, type Psp } from './toss/toss-client';

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
  /** The simulator as it is, whatever the world's PSP has been replaced by. */
  realPsp: Psp;
  database: TestDatabase;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  psp(method: string, path: string, body?: unknown): Promise<Json>;
  /** Checks out and returns the order. */
  order(productNos?: number[]): Promise<{ orderId: string; orderName: string; amount: number }>;
  /** A shopper authenticates at the PSP: the payment key. */
  authenticate(orderId: string, amount: number): Promise<string>;
  /** Checks out, authenticates and confirms. */
  paid(
    productNos?: number[],
  ): Promise<{ orderId: string; amount: number; paymentKey: string; lineNos: number[] }>;
  /** As an administrator; `key` is the idempotency key. */
  cancel(orderId: string, paymentOrderNos?: number[], key?: string): Promise<Answer>;
  /** One recovery after the other until nothing is due; how each ended. Leases end after `leaseMs`. */
  recover(over?: Partial<RecoveryWorld>): Promise<string[]>;
  confirm(paymentKey: string, orderId: string, amount: number | string): Promise<Answer>;
  /** The PSP's log of confirm calls for an order. */
  confirmCalls(orderId: string): Promise<Json[]>;
  payment(orderId: string): Promise<Json>;
  /** `from → to` of every history row of an order, in order. */
  history(orderId: string): Promise<string[]>;
  /** While `work` runs, the API takes a held call soon for a lost one. */
  whileImpatient<T>(work: () => Promise<T>): Promise<T>;
  /** Waits until the PSP holds a request of the order's (the fault `hold`). */
  untilHeld(orderId: string): Promise<void>;
  /** Rows of `payment_cancels` and of `payment_orders`. */
  cancels(orderId: string): Promise<Json[]>;
  lines(orderId: string): Promise<Json[]>;
  /** Outbox rows of an order, decoded. */
  events(orderId: string): Promise<Json[]>;
  close(): Promise<void>;
}

/** Long, so that no answer of a slow machine is taken for silence; `whileImpatient` shortens it where the PSP holds a call for good. */
export const PSP_TIMEOUT_MS = 20_000;
const SILENT_PSP_TIMEOUT_MS = 400;
/** The simulator's, and ours: Toss wants a second. */
export const CANCEL_INTERVAL_MS = 100;

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

/** Recovery as a worker runs it; a claim that is older than no time at all is past its lease. */
export function recoveryWorldOf(
  world: PaymentApiWorld,
  log: Logger,
  over: Partial<RecoveryWorld> = {},
): RecoveryWorld & { outcomes: string[] } {
  const outcomes: string[] = [];
  return {
    ...world,
    log,
    claimLeaseMs: 1,
    pspTimeoutMs: PSP_TIMEOUT_MS,
    count: (kind, outcome) => outcomes.push(`${kind}: ${outcome}`),
    ...over,
    outcomes,
  };
}

/** What a test does besides shopping. */
function operatorOf(
  call: TestApi['call'],
  psp: TestApi['psp'],
): Pick<TestApi, 'cancel' | 'untilHeld' | 'confirmCalls'> {
  return {
    async confirmCalls(orderId) {
      const { calls } = await psp('GET', `/simulator/calls?orderId=${orderId}`);
      return calls.filter((entry: Json) => entry.path === '/v1/payments/confirm');
    },
    cancel: (orderId, paymentOrderNos, key = randomUUID()) =>
      call(
        'POST',
        `/api/payments/${orderId}/cancel`,
        { cancelReason: 'changed my mind', ...(paymentOrderNos === undefined ? {} : { paymentOrderNos }) },
        { authorization: `Bearer ${ADMIN_KEY}`, 'idempotency-key': key },
      ),
    untilHeld: (orderId) =>
      until(`a call for ${orderId} is held`, async () => {
        const { held } = await psp('GET', '/simulator/faults');
        return held.some((one: Json) => one.orderId === orderId);
      }),
  };
}

const ROUNDS_MAX = 50;

/** @throws Error when something stays due */
export async function recoverAll(world: RecoveryWorld & { outcomes: string[] }): Promise<string[]> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if (!(await recoverNext(world))) return world.outcomes;
  }
  throw new Error(`recovery does not come to an end: ${world.outcomes.join(', ')}`);
}

type Reading = Pick<TestApi, 'payment' | 'history' | 'events' | 'cancels' | 'lines'>;

function readingOf(database: TestDatabase): Reading {
  const { decode } = testCodec();
  return {
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
    cancels: (orderId) =>
      database.administer<Json[]>('SELECT * FROM payment_cancels WHERE order_id = ? ORDER BY no', [orderId]),
    lines: (orderId) =>
      database.administer<Json[]>('SELECT * FROM payment_orders WHERE order_id = ? ORDER BY no', [orderId]),
  };
}

export async function startTestApi(
  over: Partial<PaymentApiWorld> = {},
  { log = createLog('payment-api', 'silent'), trustedProxies = [] as string[] } = {},
): Promise<TestApi> {
  const database = await openTestDatabase('paymentApi');
  const dir = mkdtempSync(join(tmpdir(), 'payment-api-'));
  const simulator = await startSimulator({
    port: 0,
    host: '127.0.0.1',
    dir,
    clock: systemClock,
    log: createLog('psp-simulator', 'silent'),
    cancelIntervalMs: CANCEL_INTERVAL_MS,
  });
  const { encode } = testCodec();
  const clientOf = (timeoutMs: number): Psp =>
    createTossClient({ baseUrl: simulator.url, secretKey: 'test_sk_simulator', timeoutMs });
  const realPsp = clientOf(PSP_TIMEOUT_MS);
  const world: PaymentApiWorld = {
    db: database.db,
    psp: realPsp,
    encode,
    ids: systemIds,
    clock: systemClock,
    // The breaker has tests of its own; here a PSP in trouble stays reachable.
    pspGate: () => undefined,
    admission: { checkoutWaitingMax: 1_000, confirmWaitingMax: 1_000 },
    rateLimitPerMinute: 0,
    pspPauseMs: 5,
    cancelSpacingMs: CANCEL_INTERVAL_MS,
    claimLeaseMs: 60_000,
    adminKeys: ['rotated-out-soon', ADMIN_KEY],
    paymentWindow: { kind: 'simulator', url: `${simulator.url}/window` },
    walletPageUrl: 'http://127.0.0.1:8081',
    ...over,
  };
  const server = await listen(
    createHttpApp({
      log,
      readiness: { database: () => pingDatabase(database.db) },
      isDependencyDown: isDatabaseUnavailable,
      trustedProxies,
      contentSecurityPolicy: OWN_PAGES_POLICY,
      routes: (app) => paymentRoutes(app, world),
    }),
    0,
    '127.0.0.1',
  );
  const url = `http://127.0.0.1:${server.port}`;
  const call: TestApi['call'] = (method, path, body, headers) => json(`${url}${path}`, method, body, headers);
  const psp: TestApi['psp'] = async (method, path, body) =>
    (await json(`${simulator.url}${path}`, method, body)).body;
  const order: TestApi['order'] = async (productNos = [1, 2, 3]) =>
    (await call('POST', '/api/payments/checkout', { productNos })).body.data;
  const authenticate: TestApi['authenticate'] = async (orderId, amount) =>
    (await psp('POST', '/simulator/payments', { orderId, amount })).paymentKey;
  const reading = readingOf(database);
  return {
    order,
    authenticate,
    async paid(productNos) {
      const { orderId, amount } = await order(productNos);
      const paymentKey = await authenticate(orderId, amount);
      const { status } = await call('POST', '/api/payments/confirm', { paymentKey, orderId, amount });
      if (status !== 200) throw new Error(`confirm answered ${status}`);
      const lineNos = (await reading.lines(orderId)).map((line) => Number(line.no));
      return { orderId, amount, paymentKey, lineNos };
    },
    ...operatorOf(call, psp),
    async whileImpatient(work) {
      const patient = { ...world.psp };
      Object.assign(world.psp, clientOf(SILENT_PSP_TIMEOUT_MS));
      try {
        return await work();
      } finally {
        Object.assign(world.psp, patient);
      }
    },
    recover: (parts) => recoverAll(recoveryWorldOf(world, log, parts)),
    url,
    pspUrl: simulator.url,
    world,
    realPsp,
    database,
    call,
    psp,
    confirm: (paymentKey, orderId, amount) =>
      call('POST', '/api/payments/confirm', { paymentKey, orderId, amount }),
    ...reading,
    async close() {
      try {
        await server.close();
        await simulator.close();
        await database.close();
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
  };
}
