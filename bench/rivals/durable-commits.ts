import { randomUUID } from 'node:crypto';
import { createPool } from 'mariadb';
import { request } from 'undici';
import { transactionPoolOptions } from '#prisma/connection';
import { openLoop } from '../open-loop';
import { answerPlans, type RatePlan, type RateResult } from './rate.plan';

// The floor of a confirm, in a process of its own: a durable commit, one round trip to the PSP, another durable commit.

const CONNECTIONS = 10;
const AMOUNT = 1_000;
const AUTHORIZATION = `Basic ${Buffer.from('test_sk_simulator:').toString('base64')}`;

async function post(url: string, body: object, headers: Record<string, string> = {}): Promise<string> {
  const { statusCode, body: answer } = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (statusCode >= 300) throw new Error(`${url}: ${statusCode} ${text}`);
  return text;
}

async function run(plan: RatePlan): Promise<RateResult> {
  const { user, password, host, port, database, simulatorUrl, perSecond, seconds } = plan;
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const pool = createPool(transactionPoolOptions(url, CONNECTIONS, { acquireTimeoutMs: 60_000 }));
  const latencyMs: number[] = [];
  const commit = (orderId: string): Promise<unknown> =>
    pool.query('INSERT INTO bench_commits (order_id) VALUES (?);\nCOMMIT', [orderId]);
  const confirm = async (): Promise<void> => {
    const orderId = randomUUID();
    const authenticated = await post(`${simulatorUrl}/simulator/payments`, { orderId, amount: AMOUNT });
    const { paymentKey } = JSON.parse(authenticated) as { paymentKey: string };
    const startMs = performance.now();
    await commit(orderId);
    const headers = { authorization: AUTHORIZATION, 'idempotency-key': `floor:${orderId}` };
    await post(`${simulatorUrl}/v1/payments/confirm`, { paymentKey, orderId, amount: AMOUNT }, headers);
    await commit(orderId);
    latencyMs.push(performance.now() - startMs);
  };
  try {
    await pool.query(
      'CREATE TABLE IF NOT EXISTS bench_commits (no BIGINT AUTO_INCREMENT PRIMARY KEY, order_id CHAR(36) NOT NULL)',
    );
    const limits = { endMs: performance.now() + seconds * 1_000, countMax: Number.POSITIVE_INFINITY };
    await openLoop({ perSecond, arrivals: 'poisson' }, confirm, limits);
    return { latencyMs };
  } finally {
    await pool.end();
  }
}

answerPlans(run);
