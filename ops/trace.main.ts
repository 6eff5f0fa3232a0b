import { parseArgs } from 'node:util';
import { closeDatabase } from '#prisma/transaction';
import { CommandError, print, runOperation } from './command';
import { openOpsDatabase } from './database';
import { traceOrder, traceText } from './trace';

runOperation(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  const [orderId] = positionals;
  if (orderId === undefined) throw new CommandError('npm run trace -- ORDER_ID [--json]');
  const db = openOpsDatabase();
  try {
    const trace = await traceOrder(db, orderId);
    const plain = (_key: string, value: unknown): unknown =>
      typeof value === 'bigint' ? String(value) : value;
    print(values.json ? JSON.stringify(trace, plain) : traceText(trace));
    return 0;
  } finally {
    await closeDatabase(db);
  }
});
