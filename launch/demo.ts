import pc from 'picocolors';
import { ConfigError } from '#kit/config';
import { audit, auditText } from '#ops/audit';
import { opsConfig } from '#ops/config';
import { auditedTopics } from '#ops/topic-reader';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { StackError, StackInterrupted } from '#stack/errors';
import { readLaunchConfig } from './config';
import { showPurchase } from './first-purchase';
import { onInterruption } from './interruption';
import { print, screenReport } from './screen';
import { systemUp } from './system';

const EXIT_INTERRUPTED = 130;

/** Brings everything up, buys once, audits, stops. Exit 0 only if the purchase was settled and the audit holds. */
async function main(): Promise<number> {
  const system = await systemUp(readLaunchConfig(), screenReport, onInterruption(print));
  try {
    const purchase = await showPurchase(system);
    if (purchase === undefined) throw new StackError('the demo buys at the simulator: unset PSP_BASE_URL');
    const db = openDatabase(databaseUrl('ops', system.config.env), 1);
    try {
      const report = await audit(db, { topics: auditedTopics(opsConfig(system.config.env).kafka) });
      print(`\n${auditText(report)}`);
      return report.holds ? 0 : 1;
    } finally {
      await db.$disconnect();
    }
  } finally {
    await system.down();
    print('stopped');
  }
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    if (error instanceof StackInterrupted) process.exit(EXIT_INTERRUPTED);
    const isExpected = error instanceof StackError || error instanceof ConfigError;
    process.stderr.write(`${pc.red(isExpected ? error.message : String((error as Error).stack ?? error))}\n`);
    process.exit(1);
  },
);
