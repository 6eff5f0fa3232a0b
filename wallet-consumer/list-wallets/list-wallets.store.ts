import type { Database } from '#prisma/database';
import type { StoredWallet } from '../wallet.view';

/** By number; `negative` picks the wallets below zero, or the others. */
export function findWallets(
  db: Database,
  { afterNo, countMax, negative }: { afterNo: bigint; countMax: number; negative: boolean | undefined },
): Promise<StoredWallet[]> {
  const owed = negative === undefined ? {} : { owed: negative ? { not: null } : null };
  return db.wallet.findMany({
    where: { no: { gt: afterNo }, ...owed },
    orderBy: { no: 'asc' },
    take: countMax,
  });
}
