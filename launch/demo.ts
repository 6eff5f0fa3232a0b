import { audit, auditText } from '#ops/audit';
import { opsConfig } from '#ops/config';
import { auditedTopics } from '#ops/topic-reader';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { StackError } from '#stack/errors';
import { runLaunch } from './command';
import { readLaunchConfig } from './config';
import { showPurchase } from './first-purchase';
import { onInterruption } from '#stack/interruption';
import { print, screenReport } from './screen';
import { systemUp } from './system';

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
      await closeDatabase(db);
    }
  } finally {
    await system.down();
    print('stopped');
  }
}

runLaunch(main);
