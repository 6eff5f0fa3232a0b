import type { Reader } from '#prisma/database';
import type { StoredWallet } from '../wallet.view';

export function findWallets(
  db: Reader,
  { afterNo, countMax }: { afterNo: bigint; countMax: number },
): Promise<StoredWallet[]> {
  return db.wallet.findMany({ where: { no: { gt: afterNo } }, orderBy: { no: 'asc' }, take: countMax });
}
