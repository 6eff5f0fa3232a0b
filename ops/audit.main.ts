import { readOptions } from '#kit/arguments';
import { closeDatabase } from '#prisma/transaction';
import { openWriterSchemas } from '#contracts/registry';
import { audit, auditText } from './audit';
import { CommandError, print, runOperation } from './command';
import { opsConfig } from './config';
import { openOpsDatabase } from './database';
import { databaseDecoder } from './event-decoder';
import { auditedTopics } from './topic-reader';

const USAGE = `npm run audit [-- --full] [-- --purged-before TIME] [-- --no-topics] [-- --timings] [-- --json]
  --full       verify the ledger from its first line and all that the topics retain; otherwise a large ledger, and its
               topics, from where the last audit has found them sound
  --purged-before TIME
               rows of the outbox that were written before (2026-11-01T00:00:00Z) were purged on purpose; otherwise an
               event whose row is gone is a failed check
  --no-topics  judge from the database's rows alone; otherwise topics that cannot be read are a failed check
  --timings    say on the error stream how long each step took`;

function readArguments() {
  const options = {
    json: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    'purged-before': { type: 'string' },
    'no-topics': { type: 'boolean', default: false },
    timings: { type: 'boolean', default: false },
  } as const;
  return readOptions({ options }, USAGE).values;
}

/** @throws CommandError unless it is a moment of the past, with its zone */
function purgedBefore(text: string | undefined): { purgedBefore?: Date } {
  if (text === undefined) return {};
  const moment = new Date(text);
  const isZoned = /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(text);
  if (!isZoned || Number.isNaN(moment.getTime()) || moment.getTime() > Date.now())
    throw new CommandError(
      `--purged-before takes a past time like 2026-11-01T00:00:00Z, not ${text}\n${USAGE}`,
    );
  return { purgedBefore: moment };
}

runOperation(async () => {
  const { json, full, timings, 'purged-before': purged, 'no-topics': rowsOnly } = readArguments();
  const options = { isFull: full, ...purgedBefore(purged) };
  const { registry, kafka } = opsConfig();
  const db = openOpsDatabase();
  try {
    // Events that an earlier version wrote are read with the registry's help.
    const decode = await databaseDecoder(db, openWriterSchemas(registry));
    const topics = rowsOnly ? {} : { topics: auditedTopics(kafka) };
    const onStep = (step: string, ms: number): void =>
      void (timings && process.stderr.write(`${step.padEnd(28)} ${(ms / 1_000).toFixed(1).padStart(8)} s\n`));
    const report = await audit(db, { ...options, decode, onStep, ...topics });
    const plain = (_key: string, value: unknown): unknown =>
      typeof value === 'bigint' ? String(value) : value;
    print(json ? JSON.stringify(report, plain) : auditText(report));
    return report.holds ? 0 : 1;
  } finally {
    await closeDatabase(db);
  }
});
