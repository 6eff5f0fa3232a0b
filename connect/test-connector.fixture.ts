import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionOptions } from '#prisma/connection';
import { openTestDatabase, type TestDatabase } from '#prisma/database.fixture';
import { connectSettings, type ConnectSettings } from './config';
import { CONNECTORS_DIR } from './definition';
import { remove } from './rest';

/** A connector of a test's own, on a database of its own, in the run's real Kafka Connect. */
export interface TestConnector {
  name: string;
  database: TestDatabase;
  settings: ConnectSettings;
  /** The real connector's file under the test's name, on the test's schema. */
  write(over?: Record<string, string>): void;
  close(): Promise<void>;
}

const serverId = (): string => String(600_000 + Math.floor(Math.random() * 100_000));

export async function openTestConnector(): Promise<TestConnector> {
  const name = `test-${randomBytes(4).toString('hex')}`;
  const database = await openTestDatabase('paymentApi');
  const dir = mkdtempSync(join(tmpdir(), 'connectors-'));
  const settings = { ...connectSettings(), connectorsDir: dir };
  const stable = { 'database.server.id': serverId() };
  const write: TestConnector['write'] = (over = {}) => {
    const schema = connectionOptions(database.url('cdc')).database;
    const text = readFileSync(join(CONNECTORS_DIR, 'outbox.json'), 'utf8').replaceAll(
      'payment_eda.',
      `${schema}.`,
    );
    const { config } = JSON.parse(text) as { config: Record<string, string> };
    const own = {
      ...config,
      'database.include.list': schema,
      'topic.prefix': name,
      'predicates.isOutbox.pattern': `${name}\\.${schema}\\.outbox`,
      'schema.history.internal.kafka.topic': `${name}-history`,
    };
    writeFileSync(join(dir, 'own.json'), JSON.stringify({ name, config: { ...own, ...stable, ...over } }));
  };
  write();
  return {
    name,
    database,
    settings,
    write,
    async close() {
      // First: closing may fail, and the folder is read no more.
      rmSync(dir, { recursive: true, force: true });
      await remove(settings, name).catch(() => {});
      await database.close();
    },
  };
}
