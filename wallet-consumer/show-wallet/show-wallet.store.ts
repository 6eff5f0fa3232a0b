import type { Database } from '#prisma/database';
import type { StoredWallet } from '../wallet.view';

export function findWallet(db: Database, sellerNo: bigint): Promise<StoredWallet | null> {
  return db.wallet.findUnique({ where: { sellerNo } });
}
