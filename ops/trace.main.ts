import { parseArgs } from 'node:util';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { CommandError, print, runCommand } from './command';
import { traceOrder, traceText } from './trace';

runCommand(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  const [orderId] = positionals;
  if (orderId === undefined) throw new CommandError('npm run trace -- ORDER_ID [--json]');
  const db = openDatabase(databaseUrl('ops'), 1);
  try {
    const trace = await traceOrder(db, orderId);
    const plain = (_key: string, value: unknown): unknown =>
      typeof value === 'bigint' ? String(value) : value;
    print(values.json ? JSON.stringify(trace, plain) : traceText(trace));
    return 0;
  } finally {
    await db.$disconnect();
  }
});
