import { randomBytes } from 'node:crypto';
import { Type } from 'avsc';
import { createConnection, type Connection, type ConnectionConfig } from 'mariadb';
import { createDecoder, createEncoder, UndecodableError, type Decode, type Encode } from '#contracts/codec';
import { avroOptions } from '#contracts/logical-types';
import { readRecordSchemas } from '#contracts/records';
import { connectionOptions } from './connection';
import { openDatabase, type Database } from './database';
import { migrate, seed } from './migrate';
import { testServer } from './testing.config';
import { developmentUrl, DEVELOPMENT_PASSWORDS, ensureUsers, type UserRole } from './users';

// What the rooms' tests share: a real database per file, and a codec that needs no registry.

export interface TestDatabase {
  /** With the role's grants and no more. */
  db: Database;
  url: (role: UserRole) => string;
  /** Runs statements as an administrator: for what no service may do. */
  administer: <T = Record<string, unknown>[]>(sql: string, values?: unknown[]) => Promise<T>;
  /** One more administrator's connection, for what a session holds: locks. Whoever asks for it ends it. */
  connect: (session?: Pick<ConnectionConfig, 'sessionVariables' | 'initSql'>) => Promise<Connection>;
  close: () => Promise<void>;
}

/** A database of its own without tables, on a real MySQL server; its users exist. */
export async function openEmptyDatabase(): Promise<Omit<TestDatabase, 'db'>> {
  const {
    host = '127.0.0.1',
    port = 3306,
    user = 'root',
    password = '',
  } = connectionOptions(testServer().rootUrl);
  const database = `test_${randomBytes(6).toString('hex')}`;
  const administrator = { host, port, user, password };
  await ensureUsers(administrator, DEVELOPMENT_PASSWORDS, database);
  const connect: TestDatabase['connect'] = (session = {}) =>
    createConnection({ ...administrator, ...session, database, allowPublicKeyRetrieval: true });
  const root = await connect();
  return {
    url: (role) => developmentUrl(role, port, host, database),
    administer: (sql, values = []) => root.query(sql, values),
    connect,
    async close() {
      await root.query(`DROP DATABASE ${database}`);
      await root.end();
    },
  };
}

/** A migrated, seeded database of its own on a real MySQL server, opened as `role`. */
export async function openTestDatabase(role: Exclude<UserRole, 'cdc'>): Promise<TestDatabase> {
  const empty = await openEmptyDatabase();
  await migrate(empty.url('migrator'));
  await seed(empty.url('migrator'));
  const db = openDatabase(empty.url(role), 12);
  return {
    ...empty,
    db,
    async close() {
      await db.$disconnect();
      await empty.close();
    },
  };
}

/** Encoder and decoder that agree on made-up schema ids. */
export function testCodec(): { encode: Encode; decode: Decode } {
  const schemas = readRecordSchemas().map(({ record, schema }, index) => ({
    record,
    schemaId: 100 + index,
    type: Type.forSchema(JSON.parse(JSON.stringify(schema)), avroOptions()),
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
