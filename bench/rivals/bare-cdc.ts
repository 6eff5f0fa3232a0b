import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { createPool } from 'mariadb';
import { sleep } from '#kit/clock';
import { transactionPoolOptions } from '#prisma/connection';
import { openLoop } from '../open-loop';
import { urlOf } from './bare-sql.plan';
import { answerPlans, type RatePlan, type RateResult } from './rate.plan';

// The floor of a settlement, in a process of its own: an outbox row through the same Debezium to a consumer with an empty
// handler. From the commit's answer until the handler has the message.

const TOPIC = 'bench_cdc';
const PARTITIONS = 6;
const CONNECTIONS = 10;
const FETCH_WAIT_MS = 50;
const LAST_ARRIVALS_MS = 10_000;
const POLL_MS = 20;
/** About as large as a confirmed payment of three lines. */
const PAYLOAD = Buffer.alloc(160);

async function run(plan: RatePlan): Promise<RateResult> {
  const { database, kafkaBroker, perSecond, seconds } = plan;
  const kafka = new Kafka({ clientId: 'bench', brokers: [kafkaBroker], logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  const topics = await admin.listTopics();
  if (!topics.includes(TOPIC))
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  const committedMs = new Map<string, number>();
  const handledMs = new Map<string, number>();
  const consumer = kafka.consumer({ groupId: `bench-${randomUUID()}`, maxWaitTimeInMs: FETCH_WAIT_MS });
  await consumer.connect();
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS,
    eachMessage: async ({ message }) => void handledMs.set(String(message.key), performance.now()),
  });
  const pool = createPool(
    transactionPoolOptions(urlOf(plan, database), CONNECTIONS, { acquireTimeoutMs: 60_000 }),
  );
  const publish = async (): Promise<void> => {
    const id = randomUUID();
    await pool.query(
      `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, payload)
       VALUES (?, ?, ?, NULL, NULL, 'bench', ?, ?);\nCOMMIT`,
      [id, TOPIC, id, `bench:${id}`, PAYLOAD],
    );
    committedMs.set(id, performance.now());
  };
  try {
    const limits = { endMs: performance.now() + seconds * 1_000, countMax: Number.POSITIVE_INFINITY };
    await openLoop({ perSecond, arrivals: 'poisson' }, publish, limits);
    const deadlineMs = performance.now() + LAST_ARRIVALS_MS;
    const isMissing = (): boolean => [...committedMs.keys()].some((id) => !handledMs.has(id));
    while (isMissing() && performance.now() < deadlineMs) await sleep(POLL_MS);
    if (isMissing()) throw new Error('events are missing 10 s after the last commit');
    return { latencyMs: [...committedMs].map(([id, at]) => (handledMs.get(id) ?? Number.NaN) - at) };
  } finally {
    await consumer.disconnect();
    await pool.end();
  }
}

answerPlans(run);
