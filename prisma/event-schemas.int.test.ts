import { readRecordSchemas } from '#contracts/records';
import type { PublishedSchema } from '#contracts/registry';
import type { Database } from './database';
import { openDatabase } from './database';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { ContractsNotPublishedError, loadSchemaIds, recordSchemas, recordedSchemas } from './event-schemas';

let database: TestDatabase;
let migrator: Database;
beforeEach(async () => {
  database = await openTestDatabase('paymentApi');
  migrator = openDatabase(database.url('migrator'), 3);
});
afterEach(async () => {
  await migrator.$disconnect();
  await database.close();
});

const published = (firstId = 40): PublishedSchema[] =>
  readRecordSchemas().map(({ record, fingerprint }, index) => ({
    record,
    version: 1,
    schemaId: firstId + index,
    fingerprint,
  }));

describe('the recorded contracts', () => {
  it('When nothing was published, then a writer does not start, and is told what is missing and what to do', async () => {
    await expect(loadSchemaIds(database.db)).rejects.toThrow(ContractsNotPublishedError);
    await expect(loadSchemaIds(database.db)).rejects.toThrow(
      /payment\.PaymentConfirmed, .*Run `npm run contracts -- publish` first/,
    );
  });

  it('When all are published, then a writer finds each of its records’ ids without a registry', async () => {
    await recordSchemas(migrator, published());
    expect(await loadSchemaIds(database.db)).toEqual(
      new Map(published().map(({ record, schemaId }) => [record, schemaId])),
    );
    expect(await recordedSchemas(database.db)).toEqual(published());
  });

  it('When only an older version is published, then this build’s does not write under its id', async () => {
    await recordSchemas(
      migrator,
      published().map((schema) =>
        schema.record === 'payment.PaymentConfirmed' ? { ...schema, fingerprint: 'f'.repeat(64) } : schema,
      ),
    );
    await expect(loadSchemaIds(database.db)).rejects.toThrow(/^not published: payment\.PaymentConfirmed\. /);
  });

  it('When a newer version is published as well, then this build still writes under its own', async () => {
    await recordSchemas(migrator, published());
    await recordSchemas(
      migrator,
      published(80).map((schema) => ({ ...schema, version: 2, fingerprint: 'f'.repeat(64) })),
    );
    expect((await loadSchemaIds(database.db)).get('payment.PaymentConfirmed')).toBeLessThan(80);
  });

  it('When the same is recorded again, or by two at once, then it stands once', async () => {
    await Promise.all([recordSchemas(migrator, published()), recordSchemas(migrator, published())]);
    await recordSchemas(migrator, published());
    expect(await recordedSchemas(migrator)).toEqual(published());
  });

  it('When a registry calls a known contract by another id, then that is an error and nothing is recorded', async () => {
    await recordSchemas(migrator, published().slice(2));
    await expect(recordSchemas(migrator, published(90))).rejects.toThrow(
      /was published as schema 42, but this registry calls it 92/,
    );
    expect(await recordedSchemas(migrator)).toEqual(published().slice(2));
  });
});
