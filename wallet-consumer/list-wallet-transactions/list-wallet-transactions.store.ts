import type { Database } from '#prisma/database';
import type { StoredLine } from '../wallet.view';

export async function findWalletNo(db: Database, sellerNo: bigint): Promise<bigint | undefined> {
  const wallet = await db.wallet.findUnique({ where: { sellerNo }, select: { no: true } });
  return wallet?.no;
}

/** Newest first; `beforeSeq` is the last line of the page before. */
export function findLines(
  db: Database,
  { walletNo, beforeSeq, countMax }: { walletNo: bigint; beforeSeq: bigint | undefined; countMax: number },
): Promise<StoredLine[]> {
  return db.walletTransaction.findMany({
    where: { walletNo, ...(beforeSeq === undefined ? {} : { walletSeq: { lt: beforeSeq } }) },
    orderBy: { walletSeq: 'desc' },
    take: countMax,
  });
}
