import { createLog } from '#kit/log';
import { removeTempFolders, tempFolder } from '#kit/temp-folder.fixture';
import { until } from '#kit/until.fixture';
import { type Simulator, type SimulatorOptions, startSimulator } from './simulator';

// What the tests of this room share: a simulator of their own and a client.

/** Any JSON: tests look into it without ceremony. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

export interface Answer {
  status: number;
  body: Json;
}

export interface Fixture {
  readonly simulator: Simulator;
  readonly dir: string;
  /** The simulator's clock; moves only when told to. */
  readonly time: { nowMs: number };
  /** A call of the shop's, with its API key. */
  readonly toss: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer>;
  /** A call of the test's to the simulator's controls. */
  readonly control: (method: string, path: string, body?: unknown) => Promise<Answer>;
  /** Resolves to the key of a payment that a shopper has just authenticated. */
  readonly shopper: (orderId: string, amount: number) => Promise<string>;
  readonly confirm: (
    order: { orderId: string; amount: number; paymentKey: string },
    idempotencyKey?: string,
  ) => Promise<Answer>;
  readonly calls: (orderId?: string) => Promise<Json[]>;
}

const running: Simulator[] = [];

/** 2026-11-22 12:00:00 in Korea. */
export const NOON_KST_MS = Date.parse('2026-11-22T03:00:00Z');

export async function fixture(options: Partial<SimulatorOptions> = {}): Promise<Fixture> {
  const dir = options.dir ?? tempFolder('psp-simulator');
  const time = { nowMs: NOON_KST_MS };
  const simulator = await startSimulator({
    port: 0,
    host: '127.0.0.1',
    dir,
    clock: () => new Date(time.nowMs),
    log: createLog('psp-simulator', 'silent'),
    ...options,
  });
  running.push(simulator);
  const control: Fixture['control'] = (method, path, body) => call(simulator.url, method, path, body);
  const toss: Fixture['toss'] = (method, path, body, headers) =>
    call(simulator.url, method, path, body, { authorization: basic('test_sk_simulator:'), ...headers });
  return {
    simulator,
    dir,
    time,
    toss,
    control,
    shopper: async (orderId, amount) => {
      const { body } = await control('POST', '/simulator/payments', { orderId, amount });
      return body.paymentKey;
    },
    confirm: (order, idempotencyKey) =>
      toss(
        'POST',
        '/v1/payments/confirm',
        order,
        idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
      ),
    calls: async (orderId) => {
      const query = orderId === undefined ? '' : `?orderId=${orderId}`;
      return (await control('GET', `/simulator/calls${query}`)).body.calls;
    },
  };
}

/** Waits until the simulator holds so many requests and answers (the fault `hold`). */
export const untilHeld = (control: Fixture['control'], count: number): Promise<void> =>
  until(
    `${count} are held`,
    async () => (await control('GET', '/simulator/faults')).body.held.length === count,
  );

/** For `afterEach`: closes what `fixture` started, and removes the test's folders. */
export async function closeFixtures(): Promise<void> {
  try {
    await Promise.all(running.splice(0).map((simulator) => simulator.close()));
  } finally {
    removeTempFolders();
  }
}

export function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`;
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      connection: 'close',
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}
