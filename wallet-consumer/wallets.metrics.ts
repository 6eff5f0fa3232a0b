import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '#kit/log';
import { wonFromText, wonToNumber } from '#kit/money';
import type { Reader } from '#prisma/database';

const READ_TIMEOUT_MS = 2_000;

/** Read from an index that holds only the wallets below zero. */
async function negativeBalances(db: Reader): Promise<{ count: number; owedWon: number }> {
  const [row] = await db.query<{ count: bigint; owed: string | null }>`
    SELECT COUNT(*) AS count, SUM(owed) AS owed FROM wallets WHERE owed IS NOT NULL`;
  return { count: Number(row?.count ?? 0), owedWon: wonToNumber(wonFromText(row?.owed ?? '0.00')) };
}

const within = <T>(work: Promise<T>, timeoutMs: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

/**
 * What `/metrics` says of the wallets. Every consumer reports the same, for it reads the database: take the maximum over
 * processes, not the sum. While the database does not answer, the values are NaN, which is Prometheus' "not known".
 */
export function registerWalletMetrics(registry: Registry, db: Reader, log: Pick<Logger, 'warn'>): void {
  let running: ReturnType<typeof negativeBalances> | undefined;
  // Both gauges of one scrape share one query.
  const read = () => {
    running ??= within(negativeBalances(db), READ_TIMEOUT_MS)
      .catch((error: unknown) => {
        log.warn({ err: error }, 'negative balances not read');
        return { count: Number.NaN, owedWon: Number.NaN };
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const count: Gauge = new Gauge({
    name: 'wallet_negative_balances',
    help: 'Wallets whose balance is below zero',
    registers: [registry],
    collect: async () => count.set((await read()).count),
  });
  const owed: Gauge = new Gauge({
    name: 'wallet_negative_balance_won',
    help: 'Won that sellers with a balance below zero owe together',
    registers: [registry],
    collect: async () => owed.set((await read()).owedWon),
  });
}
