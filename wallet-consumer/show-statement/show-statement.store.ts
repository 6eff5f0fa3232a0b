import { Prisma, type Database } from '#prisma/database';
import type { StoredLine, StoredWallet } from '../wallet.view';

export function findWallet(db: Database, sellerNo: bigint): Promise<StoredWallet | null> {
  return db.wallet.findUnique({ where: { sellerNo } });
}

/** The number of the first line that is not older than `at`; `undefined` when all are. */
export async function firstSeqFrom(db: Database, walletNo: bigint, at: Date): Promise<bigint | undefined> {
  // Within a wallet neither number nor time ever goes back: the earliest line has the smallest number.
  const line = await db.walletTransaction.findFirst({
    where: { walletNo, createdAt: { gte: at } },
    orderBy: [{ createdAt: 'asc' }, { no: 'asc' }],
    select: { walletSeq: true },
  });
  return line?.walletSeq;
}

/** The balance behind a line; zero before the first. */
export async function balanceAfter(
  db: Database,
  walletNo: bigint,
  walletSeq: bigint,
): Promise<Prisma.Decimal> {
  if (walletSeq === 0n) return new Prisma.Decimal(0);
  const line = await db.walletTransaction.findUniqueOrThrow({
    where: { walletNo_walletSeq: { walletNo, walletSeq } },
    select: { balanceAfter: true },
  });
  return line.balanceAfter;
}

/** Lines from `fromSeq` up to before `untilSeq`, oldest first. */
export function linesBetween(
  db: Database,
  walletNo: bigint,
  { fromSeq, untilSeq, countMax }: { fromSeq: bigint; untilSeq: bigint; countMax: number },
): Promise<StoredLine[]> {
  return db.walletTransaction.findMany({
    where: { walletNo, walletSeq: { gte: fromSeq, lt: untilSeq } },
    orderBy: { walletSeq: 'asc' },
    take: countMax,
  });
}
