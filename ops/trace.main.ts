import { readOptions } from '#kit/arguments';
import { closeDatabase } from '#prisma/transaction';
import { CommandError, print, runOperation } from './command';
import { openOpsDatabase } from './database';
import { traceOrder, traceText } from './trace';

const USAGE = 'npm run trace -- ORDER_ID [--json]';

runOperation(async () => {
  const { values, positionals } = readOptions(
    { allowPositionals: true, options: { json: { type: 'boolean', default: false } } },
    USAGE,
  );
  const [orderId] = positionals;
  if (orderId === undefined) throw new CommandError(USAGE);
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
