import { readRecordSchemas } from '#contracts/records';
import { openDatabase, type Database } from '#prisma/database';
import { openTestDatabase, type TestDatabase } from '#prisma/database.fixture';
import { loadSchemaIds, recordedSchemas } from '#prisma/event-schemas';
import { CommandError } from './command';
import { opsConfig } from './config';
import { publishContracts } from './publish-contracts';

const { registry } = opsConfig();
let database: TestDatabase;
let migrator: Database;
beforeEach(async () => {
  database = await openTestDatabase('paymentApi');
  migrator = openDatabase(database.url('migrator'), 2);
});
afterEach(async () => {
  await migrator.$disconnect();
  await database.close();
});

describe('publishContracts', () => {
  it('When contracts are published, then their ids stand in MySQL, where a writer needs no registry', async () => {
    const published = await publishContracts(registry, migrator);
    expect(published.map(({ record }) => record)).toEqual(readRecordSchemas().map(({ record }) => record));
    expect(await recordedSchemas(database.db)).toEqual(published);
    expect(await loadSchemaIds(database.db)).toEqual(
      new Map(published.map(({ record, schemaId }) => [record, schemaId])),
    );
  });

  it('When they are published again, then nothing changes', async () => {
    const published = await publishContracts(registry, migrator);
    expect(await publishContracts(registry, migrator)).toEqual(published);
    expect(await recordedSchemas(migrator)).toEqual(published);
  });

  it('When the registry was rebuilt with other ids, then it is refused and nothing is published or recorded', async () => {
    const published = await publishContracts(registry, migrator);
    const [first, second] = published;
    await database.administer('UPDATE event_schemas SET schema_id = ? WHERE record = ?', [
      second?.schemaId,
      first?.record,
    ]);
    const before = await recordedSchemas(migrator);
    const error: unknown = await publishContracts(registry, migrator).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CommandError);
    expect((error as Error).message).toMatch(/not the one these events were written with/);
    expect((error as Error).message).toContain(
      `schema id ${second?.schemaId} was ${first?.record} version ${first?.version}, but is another schema now`,
    );
    expect(await recordedSchemas(migrator)).toEqual(before);
  });

  it('When it is done as a service, then MySQL refuses: it is a deploy step', async () => {
    await expect(publishContracts(registry, database.db)).rejects.toThrow(/denied/i);
  });
});
