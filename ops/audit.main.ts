import { parseArgs } from 'node:util';
import { openWriterSchemas } from '#contracts/registry';
import { audit, auditText } from './audit';
import { CommandError, print, runOperation } from './command';
import { opsConfig } from './config';
import { openOpsDatabase } from './database';
import { databaseDecoder } from './event-decoder';

const USAGE = `npm run audit [-- --full] [-- --json]
  --full   verify the ledger from its first line; otherwise a large one from where the last audit has found it sound`;

function readArguments() {
  try {
    const options = {
      json: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
    } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    throw new CommandError(`${(error as Error).message}\n${USAGE}`);
  }
}

runOperation(async () => {
  const { json, full } = readArguments();
  const db = openOpsDatabase();
  try {
    // Events that an earlier version wrote are read with the registry's help.
    const decode = await databaseDecoder(db, openWriterSchemas(opsConfig().registry));
    const report = await audit(db, { isFull: full, decode });
    const plain = (_key: string, value: unknown): unknown =>
      typeof value === 'bigint' ? String(value) : value;
    print(json ? JSON.stringify(report, plain) : auditText(report));
    return report.holds ? 0 : 1;
  } finally {
    await db.$disconnect();
  }
});
