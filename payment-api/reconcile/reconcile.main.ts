import { createEncoder } from '#contracts/codec';
import { systemClock } from '#kit/clock';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { systemIds } from '#kit/ids';
import { createLog, type Logger } from '#kit/log';
import { DatabaseUrlError } from '#prisma/connection';
import { openDatabase } from '#prisma/database';
import { ContractsNotPublishedError, loadSchemaIds } from '#prisma/event-schemas';
import { DatabaseSilentError, whileDatabaseAnswers } from '#prisma/answers';
import { closeDatabase } from '#prisma/transaction';
import { CANCEL_SPACING_MS, reconcileConfig, type ReconcileConfig } from '../config';
import type { TakeOverWorld } from '../payment/recover-payment';
import { createTossClient } from '../toss/toss-client';
import { listTransactions, PspListError, TRANSACTION_LIST_LIMITS } from '../toss/toss-transactions';
import { readArguments } from './arguments.rules';
import type { KstDay } from './kst-day.rules';
import type { ReadingWorld } from './compare-day';
import { reconcile } from './reconcile';
import { reconciliationJson, reconciliationText } from './reconcile.view';

// Exit status as `diff` has it: 0 no difference, 1 differences remain, 2 not compared.

const EXPECTED = [
  DatabaseSilentError,
  ConfigError,
  DatabaseUrlError,
  PspListError,
  ContractsNotPublishedError,
];
async function main(): Promise<number> {
  const { day, repair, json } = readArguments(process.argv.slice(2), systemClock());
  const config = reconcileConfig(repair);
  return await whileDatabaseAnswers(
    () => [config.booksUrl, ...(repair ? [config.databaseUrl] : [])],
    () => run(config, day, { repair, json }),
  );
}

async function run(
  config: ReconcileConfig,
  day: KstDay,
  { repair, json }: { repair: boolean; json: boolean },
): Promise<number> {
  const log = createLog('reconcile', config.logLevel, process.stderr);
  const books = openDatabase(config.booksUrl, 1);
  const repairing = repair ? openDatabase(config.databaseUrl, 2) : undefined;
  const { psp, graceS } = config;
  const reading: ReadingWorld = {
    books,
    psp: createTossClient(psp),
    listTransactions: (date) => listTransactions({ ...psp, ...TRANSACTION_LIST_LIMITS }, date),
    pspPauseMs: psp.pauseMs,
    graceS,
    report: (progress) => void process.stderr.write(`${progress}\n`),
  };
  try {
    const world = repairing === undefined ? undefined : await repairingWorld(config, repairing, log);
    const result = await reconcile(reading, day, world);
    const text = json ? JSON.stringify(reconciliationJson(result)) : reconciliationText(result);
    process.stdout.write(`${text}\n`);
    return result.report.differenceCount === 0 ? 0 : 1;
  } finally {
    await closeDatabase(books);
    if (repairing !== undefined) await closeDatabase(repairing);
  }
}

async function repairingWorld(
  { psp, claimLeaseMs }: ReconcileConfig,
  db: TakeOverWorld['db'],
  log: Logger,
): Promise<TakeOverWorld> {
  return {
    db,
    encode: createEncoder(await loadSchemaIds(db)),
    log,
    psp: createTossClient(psp),
    ids: systemIds,
    clock: systemClock,
    pspPauseMs: psp.pauseMs,
    pspTimeoutMs: psp.timeoutMs,
    cancelSpacingMs: CANCEL_SPACING_MS,
    claimLeaseMs,
  };
}

runCommand(main, { expected: EXPECTED, exitCode: () => 2 });
