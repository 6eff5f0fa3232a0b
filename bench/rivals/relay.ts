import { Kafka, logLevel, Partitioners, type Message, type Producer } from 'kafkajs';
import { createPool, type Pool } from 'mariadb';
import { HEADER } from '#contracts/topics';
import { sleep } from '#kit/clock';
import { transactionPoolOptions } from '#prisma/connection';
import { pick } from '../catalog';
import { openLoop } from '../open-loop';
import { publishedEncoder } from '../published-encoder';
import { urlOf } from './bare-sql.plan';
import { checkout, claim, confirmedInto, recordWith } from './payment.sql';
import { answerPlans } from './rate.plan';
import type { RelayPlan, RelayResult } from './relay.plan';
import { runStep } from './run-step';
import { newPurchase } from './statement';

// How events leave without change data capture, in a process of its own: a purchase's SQL, then a relay that polls a table,
// or a producer after the commit. The product's own wallet consumer credits the sellers.

const CONNECTIONS = 10;
const TOPIC = 'payment';
/** Like the outbox, but the connector does not capture it. */
const TABLE = 'bench_outbox';
const POLL_INTERVAL_MS = 1_000;
const ROWS_PER_POLL = 1_000;

/** A message as the connector makes it of an outbox row. */
const messageOf = (key: string, id: string, eventType: string, value: Buffer): Message => ({
  key,
  value,
  headers: { [HEADER.eventId]: id, [HEADER.eventType]: eventType, [HEADER.aggregateSeq]: '1' },
});

interface Row {
  no: bigint;
  id: string;
  aggregate_id: string;
  event_type: string;
  payload: Buffer;
}

/** Sends the committed rows in their order and removes them. @returns how many */
async function relayOnce(pool: Pool, producer: Producer): Promise<number> {
  const connection = await pool.getConnection();
  try {
    // Rows of open transactions are locked: they are for the next time.
    const rows = await connection.query<Row[]>(
      `SELECT no, id, aggregate_id, event_type, payload FROM ${TABLE} ORDER BY no LIMIT ${ROWS_PER_POLL}
       FOR UPDATE SKIP LOCKED`,
    );
    if (rows.length > 0) {
      const messages = rows.map((row) => messageOf(row.aggregate_id, row.id, row.event_type, row.payload));
      await producer.send({ topic: TOPIC, messages });
      await connection.query(`DELETE FROM ${TABLE} WHERE no IN (?)`, [rows.map(({ no }) => no)]);
    }
    await connection.query('COMMIT');
    return rows.length;
  } finally {
    await connection.release();
  }
}

/** Polls until it is told to end and all rows are sent. */
async function relay(pool: Pool, producer: Producer, ending: AbortSignal): Promise<void> {
  for (;;) {
    const isLast = ending.aborted;
    while ((await relayOnce(pool, producer)) === ROWS_PER_POLL);
    if (isLast) return;
    await sleep(POLL_INTERVAL_MS);
  }
}

async function run(plan: RelayPlan): Promise<RelayResult> {
  const { kind, database, kafkaBroker, perSecond, seconds, productNos, linesPerOrder } = plan;
  const url = urlOf(plan, database);
  const encode = await publishedEncoder(url);
  const kafka = new Kafka({ clientId: 'bench', brokers: [kafkaBroker], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const pool = createPool(transactionPoolOptions(url, CONNECTIONS, { acquireTimeoutMs: 60_000 }));
  const record = recordWith(kind === 'polling' ? [confirmedInto(TABLE)] : []);
  const result: RelayResult = { orderId: [], committedAtMs: [] };
  const buy = async (): Promise<void> => {
    const purchase = newPurchase(pick(productNos, linesPerOrder), encode);
    for (const step of [checkout, claim, record]) await runStep(pool, step, purchase);
    const { orderId, confirmedId, confirmed } = purchase;
    result.orderId.push(orderId);
    result.committedAtMs.push(Date.now());
    if (kind === 'after-commit') {
      const message = messageOf(orderId, confirmedId, 'payment.PaymentConfirmed', confirmed);
      await producer.send({ topic: TOPIC, messages: [message] });
    }
  };
  const ending = new AbortController();
  try {
    if (kind === 'polling') await pool.query(`CREATE TABLE IF NOT EXISTS ${TABLE} LIKE outbox`);
    const relaying = kind === 'polling' ? relay(pool, producer, ending.signal) : undefined;
    const limits = { endMs: performance.now() + seconds * 1_000, countMax: Number.POSITIVE_INFINITY };
    await openLoop({ perSecond, arrivals: 'poisson' }, buy, limits);
    ending.abort();
    await relaying;
    return result;
  } finally {
    await Promise.all([producer.disconnect(), pool.end()]);
  }
}

answerPlans(run);
