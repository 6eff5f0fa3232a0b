import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateTypes } from '#contracts/generate-types';
import { readRecordSchemas } from '#contracts/records';
import { checkCompatibility, listSchemas } from '#contracts/registry';
import { readOptions } from '#kit/arguments';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { CommandError, print, runOperation } from './command';
import { opsConfig } from './config';
import { publishContracts } from './publish-contracts';

const USAGE = `npm run contracts -- check      would the registry take every .avsc? exit 1 if not
npm run contracts -- publish    publish them and record their ids in MySQL
npm run contracts -- list       what the registry has
npm run contracts -- generate   write contracts/generated-types.ts anew from the .avsc files
Every command takes --json.`;

async function check(json: boolean): Promise<number> {
  const { registry } = opsConfig();
  const results = await Promise.all(
    readRecordSchemas().map(async (schema) => ({
      record: schema.record,
      ...(await checkCompatibility(registry, schema)),
    })),
  );
  const lines = results.map(({ record, verdict, messages }) => [
    `${verdict.padEnd(12)} ${record}`,
    ...messages,
  ]);
  print(json ? JSON.stringify(results) : lines.flat().join('\n'));
  return results.some(({ verdict }) => verdict === 'incompatible') ? 1 : 0;
}

async function publish(json: boolean): Promise<number> {
  const db = openDatabase(databaseUrl('migrator'), 1);
  try {
    const published = await publishContracts(opsConfig().registry, db);
    const lines = published.map(
      ({ record, version, schemaId }) => `${record} version ${version}, schema id ${schemaId}`,
    );
    print(json ? JSON.stringify(published) : lines.join('\n'));
    return 0;
  } finally {
    await closeDatabase(db);
  }
}

async function list(json: boolean): Promise<number> {
  const schemas = await listSchemas(opsConfig().registry);
  const lines = schemas.map(
    (s) => `${s.record} version ${s.version}, schema id ${s.schemaId}, ${s.fingerprint}`,
  );
  print(json ? JSON.stringify(schemas) : lines.join('\n'));
  return 0;
}

runOperation(async () => {
  const { values, positionals } = readOptions(
    { allowPositionals: true, options: { json: { type: 'boolean', default: false } } },
    USAGE,
  );
  switch (positionals[0]) {
    case 'check':
      return check(values.json);
    case 'publish':
      return publish(values.json);
    case 'list':
      return list(values.json);
    case 'generate':
      writeFileSync(
        join(process.cwd(), 'contracts', 'generated-types.ts'),
        generateTypes(readRecordSchemas()),
      );
      return 0;
    default:
      throw new CommandError(USAGE);
  }
});
