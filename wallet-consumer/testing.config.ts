import { randomBytes } from 'node:crypto';
import { Type } from 'avsc';
import { createConnection } from 'mariadb';
import { z } from 'zod';
import { createDecoder, createEncoder, UndecodableError, type Decode, type Encode } from '#contracts/codec';
import type { EventRecords } from '#contracts/generated-types';
import { logicalTypes } from '#contracts/logical-types';
import { readRecordSchemas } from '#contracts/records';
import { HEADER, type RecordName } from '#contracts/topics';
import { readConfig } from '#kit/config';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { connectionOptions } from '#prisma/connection';
import { openDatabase, type Database } from '#prisma/database';
import { migrate, seed } from '#prisma/migrate';
import { developmentUrl, DEVELOPMENT_PASSWORDS, ensureUsers, type UserRole } from '#prisma/users';

const shape = z.object({
  TEST_MYSQL_ROOT_URL: z.string().default('mysql://root:1234@127.0.0.1:33306/mysql'),
});

export interface TestDatabase {
  /** As the wallet service: with its grants and no more. */
  db: Database;
  url: (role: UserRole) => string;
  /** Runs statements as an administrator: for what the service must not be able to do. */
  administer: (sql: string, values?: unknown[]) => Promise<unknown>;
  close: () => Promise<void>;
}

/** A migrated, seeded database of its own on a real MySQL server. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { TEST_MYSQL_ROOT_URL } = readConfig(shape, process.env);
  const { host = '127.0.0.1', port = 3306, user, password } = connectionOptions(TEST_MYSQL_ROOT_URL);
  const database = `wallet_test_${randomBytes(6).toString('hex')}`;
  const administrator = { host, port, user: user ?? 'root', password: password ?? '' };
  await ensureUsers(administrator, DEVELOPMENT_PASSWORDS, database);
  const url = (role: UserRole): string => developmentUrl(role, port, host, database);
  await migrate(url('migrator'));
  await seed(url('migrator'));
  const root = await createConnection({ ...administrator, database, allowPublicKeyRetrieval: true });
  const db = openDatabase(url('wallet'), 6);
  return {
    db,
    url,
    administer: (sql, values = []) => root.query(sql, values),
    async close() {
      await db.$disconnect();
      await root.query(`DROP DATABASE ${database}`);
      await root.end();
    },
  };
}

/** Encoder and decoder that agree on made-up schema ids, so that no registry is needed. */
export function testCodec(): { encode: Encode; decode: Decode } {
  const schemas = readRecordSchemas().map(({ record, schema }, index) => ({
    record,
    schemaId: 100 + index,
    type: Type.forSchema(JSON.parse(JSON.stringify(schema)), { logicalTypes, wrapUnions: false }),
  }));
  return {
    encode: createEncoder(new Map(schemas.map(({ record, schemaId }) => [record, schemaId]))),
    decode: createDecoder({
      async get(schemaId) {
        const found = schemas.find((schema) => schema.schemaId === schemaId);
        if (found === undefined) throw new UndecodableError(`no schema ${schemaId}`);
        return found.type;
      },
    }),
  };
}

let nextOffset = 0n;

/** A message as the outbox router makes it; `over` replaces parts of it. */
export function testMessage<R extends RecordName>(
  encode: Encode,
  record: R,
  value: EventRecords[R] & { orderId: string },
  {
    eventId,
    seq,
    redriveOf,
    ...over
  }: { eventId: string; seq: number; redriveOf?: string | undefined } & Partial<ConsumedMessage>,
): ConsumedMessage {
  nextOffset += 1n;
  return {
    topic: 'payment',
    partition: 0,
    offset: nextOffset,
    key: Buffer.from(value.orderId),
    value: encode(record, value),
    headers: {
      [HEADER.eventId]: eventId,
      [HEADER.eventType]: record,
      [HEADER.aggregateSeq]: String(seq),
      ...(redriveOf === undefined ? {} : { [HEADER.redriveOf]: redriveOf }),
    },
    ...over,
  };
}
