import pc from 'picocolors';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { traceOrder, timelineText } from '#ops/trace';
import { print } from './screen';
import { buy, type Purchase } from './purchase';
import type { RunningSystem } from './system';

/** Makes one purchase and prints its way through the pipeline. */
export async function showPurchase({ config, services }: RunningSystem): Promise<Purchase | undefined> {
  const api = services.get('api');
  const simulator = services.get('simulator');
  if (api === undefined || simulator === undefined) {
    print('\nPSP_BASE_URL names a PSP, so nothing is bought by this command. Buy at the address below.');
    return undefined;
  }
  const purchase = await buy(api.url, simulator.url);
  const { orderId, orderName, amount, sellers, settledAfterMs } = purchase;
  print(
    `\n${pc.bold('one purchase')}: ${orderName}, ${amount.toLocaleString('en-US')} won for ${sellers} sellers`,
  );
  const db = openDatabase(databaseUrl('ops', config.env), 1);
  try {
    print(timelineText(await traceOrder(db, orderId)));
  } finally {
    await closeDatabase(db);
  }
  print(`sellers credited ${settledAfterMs} ms after the confirm's answer; npm run trace -- ${orderId}`);
  return purchase;
}
