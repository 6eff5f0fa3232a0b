import { parseArgs } from 'node:util';
import { openOpsDatabase } from './database';
import { audit, auditText } from './audit';
import { print, runCommand } from './command';

runCommand(async () => {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
  const db = openOpsDatabase();
  try {
    const report = await audit(db);
    const plain = (_key: string, value: unknown): unknown =>
      typeof value === 'bigint' ? String(value) : value;
    print(values.json ? JSON.stringify(report, plain) : auditText(report));
    return report.holds ? 0 : 1;
  } finally {
    await db.$disconnect();
  }
});
