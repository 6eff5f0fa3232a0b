import type { Reader } from '#prisma/database';
import type { StoredWallet } from '../wallet.view';

export function findWallet(db: Reader, sellerNo: bigint): Promise<StoredWallet | null> {
  return db.wallet.findUnique({ where: { sellerNo } });
}
