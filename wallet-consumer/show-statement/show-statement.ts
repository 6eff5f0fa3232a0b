import { Refusal } from '#kit/refusal';
import type { Database, Prisma } from '#prisma/database';
import type { StoredLine } from '../wallet.view';
import * as store from './show-statement.store';
import { isForwards, type Period } from './statement-period.rules';

const PAGE_LINES = 1_000;

/** A part of a wallet's chain: the lines of a period, and the balances on both sides of it. */
export interface Statement {
  walletNo: bigint;
  sellerNo: bigint;
  period: Period;
  openingBalance: Prisma.Decimal;
  closingBalance: Prisma.Decimal;
  /** Number of the first line, and of the one behind the last. */
  fromSeq: bigint;
  untilSeq: bigint;
}

/**
 * Finds the part of the chain that a period covers. The opening balance and the lines give the closing balance, and two
 * periods that meet share no line and lose none. Lines are never changed, so that what is found stays true.
 *
 * @throws Refusal PEC0013 without such a wallet, PEC0008 when the period runs backwards
 */
export async function findStatement(db: Database, sellerNo: bigint, period: Period): Promise<Statement> {
  if (!isForwards(period)) {
    throw new Refusal('PEC0008', { data: { issues: [{ path: 'to', message: 'must be after from' }] } });
  }
  const wallet = await store.findWallet(db, sellerNo);
  if (wallet === null) throw new Refusal('PEC0013');
  const behindLast = wallet.lastSeq + 1n;
  // A line that is written while this is read is not in the wallet that was read.
  const cut = async (at: Date | undefined, otherwise: bigint): Promise<bigint> => {
    if (at === undefined) return otherwise;
    const seq = (await store.firstSeqFrom(db, wallet.no, at)) ?? behindLast;
    return seq < behindLast ? seq : behindLast;
  };
  const fromSeq = await cut(period.from, 1n);
  const untilSeq = await cut(period.to, behindLast);
  return {
    walletNo: wallet.no,
    sellerNo,
    period,
    openingBalance: await store.balanceAfter(db, wallet.no, fromSeq - 1n),
    closingBalance: await store.balanceAfter(db, wallet.no, untilSeq - 1n),
    fromSeq,
    untilSeq,
  };
}

/** A page of the statement's lines, oldest first; `afterSeq` is the last line of the page before. */
export function statementLines(
  db: Database,
  { walletNo, fromSeq, untilSeq }: Statement,
  { afterSeq, countMax }: { afterSeq: bigint; countMax: number },
): Promise<StoredLine[]> {
  const from = afterSeq >= fromSeq ? afterSeq + 1n : fromSeq;
  return store.linesBetween(db, walletNo, { fromSeq: from, untilSeq, countMax });
}

/** All of the statement's lines, read page by page: one page is in memory at a time. */
export async function* allStatementLines(db: Database, statement: Statement): AsyncGenerator<StoredLine> {
  for (let afterSeq = 0n; ;) {
    const lines = await statementLines(db, statement, { afterSeq, countMax: PAGE_LINES });
    yield* lines;
    const last = lines.at(-1);
    if (last === undefined || lines.length < PAGE_LINES) return;
    afterSeq = last.walletSeq;
  }
}
