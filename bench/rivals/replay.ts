import { Type } from 'avsc';
import { createPool, type PoolConnection } from 'mariadb';
import { Registry } from 'prom-client';
import { createDecoder, createEncoder, UndecodableError } from '#contracts/codec';
import { avroOptions } from '#contracts/logical-types';
import { readRecordSchemas } from '#contracts/records';
import { HEADER } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { createConsumerMetrics } from '#messaging/consumer.metrics';
import { createBatchProcessor, type BatchDependencies } from '#messaging/process-batch';
import { acknowledgementService } from '#payment-api/acknowledge-settlement/acknowledge-settlement';
import { databaseClock } from '#prisma/clock';
import { transactionPoolOptions } from '#prisma/connection';
import { openDatabase, Prisma, type Database } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { createSettlementConsumer } from '#wallet-consumer/settle-payments/settle-payments.consumer';
import { copySchema } from './bare-sql.plan';
import { answerPlans } from './rate.plan';
import { BACKLOG_TABLES, type ReplayPlan, type ReplayResult } from './replay.plan';

// The rival of the settlement cases, in a process of its own: what the product sends to MySQL for a backlog, out of memory
// through the bare driver. The product's own code is run once to have its packets, so they are always those of today.

const TRANSACTION_TIMEOUT_MS = 60_000;

/** What the driver was given at once. */
interface Packet {
  text: string;
  values: unknown[] | undefined;
}

interface Recorded {
  settlement: Packet[];
  acknowledgement: Packet[];
}

const urlOf = ({ user, password, host, port, copy }: ReplayPlan): string =>
  `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${copy}`;

const restore = (plan: ReplayPlan): Promise<void> => copySchema(plan, plan.source, plan.copy, BACKLOG_TABLES);

/** From now on notes what the database's transactions send, each COMMIT included. */
function recordPackets(db: Database): Packet[] {
  const packets: Packet[] = [];
  const transact = db.transactions.run.bind(db.transactions);
  db.transactions.run = (work, turn) =>
    transact((connection) => {
      const query = (text: string, values?: unknown[]): Promise<unknown> => {
        packets.push({ text, values });
        return connection.query(text, values);
      };
      // Transactions use nothing else of a connection while all goes well.
      return work({ query } as unknown as PoolConnection);
    }, turn);
  return packets;
}

/** What both consumers need, with the schemas of this build in place of a registry. */
function codecOf({ schemaIds }: ReplayPlan): Pick<BatchDependencies, 'encode' | 'decode'> {
  const types = new Map(
    readRecordSchemas().map(({ record, schema }) => [
      record,
      Type.forSchema(structuredClone(schema) as never, avroOptions()),
    ]),
  );
  const byId = new Map(schemaIds.map(([record, id]) => [id, types.get(record)]));
  return {
    encode: createEncoder(new Map(schemaIds)),
    decode: createDecoder({
      async get(id) {
        const type = byId.get(id);
        if (type === undefined) throw new UndecodableError(`no schema ${id}`);
        return type;
      },
    }),
  };
}

interface Published {
  id: string;
  aggregate_id: string;
  event_seq: number;
  event_type: string;
  payload: Buffer;
}

const consumed = (
  topic: string,
  offset: number,
  { key, value, headers }: { key: string; value: Buffer; headers: Record<string, string> },
): ConsumedMessage => ({
  topic,
  partition: 0,
  offset: BigInt(offset),
  key: Buffer.from(key),
  // It has come from another process, which makes a plain array of a buffer.
  value: Buffer.from(value),
  headers,
  publishedAt: new Date(),
});

/** Settles and acknowledges everything through the product's own code. */
async function recordAll(plan: ReplayPlan): Promise<Recorded> {
  const { messages, batchSizeMax } = plan;
  const wallet = openDatabase(urlOf(plan), 1);
  const worker = openDatabase(urlOf(plan), 1);
  const recorded = { settlement: recordPackets(wallet), acknowledgement: recordPackets(worker) };
  const common = {
    ...codecOf(plan),
    ids: systemIds,
    clock: databaseClock,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    log: createLog('replay', 'silent'),
  };
  const settle = createSettlementConsumer({ ...common, db: wallet }, new Registry());
  const metrics = createConsumerMetrics(new Registry(), { prefix: 'payment', applied: 'acknowledged' });
  const acknowledge = createBatchProcessor(acknowledgementService, { ...common, db: worker, metrics });
  try {
    for (let from = 0; from < messages.length; from += batchSizeMax) {
      const batch = messages.slice(from, from + batchSizeMax);
      await settle(batch.map((message, index) => consumed('payment', from + index, message)));
      const rows = await worker.query<Published>`
        SELECT id, aggregate_id, event_seq, event_type, payload FROM outbox
        WHERE aggregate_id IN (${Prisma.join(batch.map(({ key }) => key))}) ORDER BY no`;
      if (rows.length !== batch.length)
        throw new Error(`${batch.length} orders were settled with ${rows.length} answers`);
      await acknowledge(
        rows.map((row, index) => {
          const headers = {
            [HEADER.eventId]: row.id,
            [HEADER.eventType]: row.event_type,
            [HEADER.aggregateSeq]: String(row.event_seq),
          };
          return consumed('wallet', from + index, { key: row.aggregate_id, value: row.payload, headers });
        }),
      );
    }
    return recorded;
  } finally {
    await Promise.all([closeDatabase(wallet), closeDatabase(worker)]);
  }
}

/** Sends both recordings, each over a connection of its own. */
async function replay(plan: ReplayPlan, { settlement, acknowledgement }: Recorded): Promise<ReplayResult> {
  const pool = createPool(transactionPoolOptions(urlOf(plan), 2));
  const send = async (connection: PoolConnection, packets: readonly Packet[]): Promise<number> => {
    for (const { text, values } of packets) await connection.query(text, values);
    await connection.release();
    return performance.now();
  };
  try {
    const [first, second] = await Promise.all([pool.getConnection(), pool.getConnection()]);
    const beganMs = performance.now();
    const [settled, acknowledged] = await Promise.all([
      send(first, settlement),
      send(second, acknowledgement),
    ]);
    return {
      orders: plan.messages.length,
      settledMs: settled - beganMs,
      acknowledgedMs: acknowledged - beganMs,
    };
  } finally {
    await pool.end();
  }
}

async function run(plan: ReplayPlan): Promise<ReplayResult> {
  await restore(plan);
  const recorded = await recordAll(plan);
  // The first replay warms up.
  await restore(plan);
  await replay(plan, recorded);
  await restore(plan);
  return replay(plan, recorded);
}

answerPlans(run);
