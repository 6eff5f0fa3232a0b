import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { audit, auditText } from '#ops/audit';
import { opsConfig } from '#ops/config';
import { auditedTopics } from '#ops/topic-reader';
import { until } from '#kit/until.fixture';
import { databaseUrl } from '#prisma/config';
import { openDatabase, type Database } from '#prisma/database';
import type { RunningStack } from '#stack/running';
import { stackUp } from '#stack/stack';
import { readLaunchConfig, type LaunchConfig } from './config';
import { SERVICE_NAMES, startService, type Service, type ServiceName } from './services';

// The whole pipeline for a test: the run's servers, and our four processes as a marketplace would run them.

/** Any JSON: tests look into it without ceremony. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface Pipeline {
  config: LaunchConfig;
  stack: RunningStack;
  service(name: ServiceName): Service;
  /** SIGKILL, and the same process anew. */
  killAndRestart(name: ServiceName): Promise<void>;
  start(name: ServiceName): Promise<void>;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  wallet(path: string): Promise<{ status: number; body: Json }>;
  psp(method: string, path: string, body?: unknown): Promise<Json>;
  order(productNos: number[]): Promise<{ orderId: string; amount: number }>;
  pay(order: {
    orderId: string;
    amount: number;
  }): Promise<{ paymentKey: string; status: number; body: Json }>;
  buy(productNos: number[]): Promise<string>;
  /** Many at once may be more than a slow machine serves: repeats what it is asked to repeat, until the order is paid. */
  buyInCrowd(productNos: number[]): Promise<string>;
  /** Waits until every order's settlement is acknowledged. */
  untilSettled(orderIds: readonly string[]): Promise<void>;
  /** @throws Error with the report when an invariant is broken */
  expectAudit(): Promise<void>;
  balances(): Promise<Map<number, bigint>>;
  ops: Database;
  /** A producer of the test's own: ours have none. */
  producer(): Promise<Producer>;
  close(): Promise<void>;
}

async function json(url: string, method: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

/** Busy, not finished, or not known yet: the same request is to be sent again. */
const TO_BE_REPEATED = [503, 409, 202];

async function untilServed(
  request: () => Promise<{ status: number; body: Json }>,
): Promise<{ status: number; body: Json }> {
  let answer = await request();
  await until('a request is served', async () => {
    if (TO_BE_REPEATED.includes(answer.status)) answer = await request();
    return !TO_BE_REPEATED.includes(answer.status);
  });
  return answer;
}

/** Starts our processes on the servers that `npm test` has brought up. */
export async function openPipeline(): Promise<Pipeline> {
  const config = readLaunchConfig();
  const stack = await stackUp(config.stack);
  const services = new Map<ServiceName, Service>();
  const start = async (name: ServiceName): Promise<void> => {
    services.set(name, await startService(config, name));
  };
  await Promise.all(SERVICE_NAMES.map(start));
  const ops = openDatabase(databaseUrl('ops', config.env), 2);
  const producers: Producer[] = [];
  const service = (name: ServiceName): Service => {
    const found = services.get(name);
    if (found === undefined) throw new Error(`${name} is not running`);
    return found;
  };
  const admin = { authorization: `Bearer ${config.adminKey}` };
  const call: Pipeline['call'] = (method, path, body) => json(`${service('api').url}${path}`, method, body);
  const psp: Pipeline['psp'] = async (method, path, body) =>
    (await json(`${service('simulator').url}${path}`, method, body)).body;

  const order: Pipeline['order'] = async (productNos) =>
    (await call('POST', '/api/payments/checkout', { productNos })).body.data;
  const pay: Pipeline['pay'] = async ({ orderId, amount }) => {
    const { paymentKey } = await psp('POST', '/simulator/payments', { orderId, amount });
    return { paymentKey, ...(await call('POST', '/api/payments/confirm', { paymentKey, orderId, amount })) };
  };
  return {
    config,
    stack,
    ops,
    service,
    start,
    async killAndRestart(name) {
      const running = service(name);
      running.kill('SIGKILL');
      await running.ended;
      await start(name);
    },
    call,
    wallet: (path) => json(`${service('wallet').url}${path}`, 'GET', undefined, admin),
    psp,
    order,
    pay,
    async buy(productNos) {
      const made = await order(productNos);
      const { status, body } = await pay(made);
      if (status !== 200) throw new Error(`confirm answered ${status}: ${JSON.stringify(body)}`);
      return made.orderId;
    },
    async buyInCrowd(productNos) {
      const key = { 'idempotency-key': randomUUID() };
      const checkoutUrl = `${service('api').url}/api/payments/checkout`;
      const made = await untilServed(() => json(checkoutUrl, 'POST', { productNos }, key));
      const { orderId, amount } = made.body.data;
      const { paymentKey } = await psp('POST', '/simulator/payments', { orderId, amount });
      const confirm = { paymentKey, orderId, amount };
      const paid = await untilServed(() => call('POST', '/api/payments/confirm', confirm));
      if (paid.status !== 200)
        throw new Error(`confirm answered ${paid.status}: ${JSON.stringify(paid.body)}`);
      return orderId;
    },
    async untilSettled(orderIds) {
      await until(`${orderIds.length} orders settled`, async () => {
        const done = await ops.paymentEvent.count({
          where: { orderId: { in: [...orderIds] }, isWalletDone: true },
        });
        return done === orderIds.length;
      });
    },
    async expectAudit() {
      const report = await audit(ops, { topics: auditedTopics(opsConfig(config.env).kafka) });
      if (!report.holds) throw new Error(auditText(report));
    },
    async balances() {
      const rows = await ops.wallet.findMany();
      return new Map(rows.map((row) => [Number(row.sellerNo), BigInt(row.balance.toFixed(0))]));
    },
    async producer() {
      const kafka = new Kafka({
        clientId: `test-${randomUUID()}`,
        brokers: stack.endpoints.kafkaBrokers,
        logLevel: logLevel.NOTHING,
      });
      const producer = kafka.producer({ idempotent: true });
      await producer.connect();
      producers.push(producer);
      return producer;
    },
    async close() {
      await Promise.all(producers.map((producer) => producer.disconnect()));
      await Promise.all([...services.values()].map((running) => running.stop()));
      await ops.$disconnect();
    },
  };
}
