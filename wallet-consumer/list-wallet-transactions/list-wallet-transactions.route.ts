import type { RequestHandler } from 'express';
import { z } from 'zod';
import { cursorParameter, encodeCursor, limitParameter } from '#kit/cursor';
import { answer, parse } from '#kit/http';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { sellerNoOf } from '../seller-no';
import { lineView } from '../wallet.view';
import { findLines, findWalletNo } from './list-wallet-transactions.store';

const query = z.object({ limit: limitParameter, cursor: cursorParameter });

/**
 * `GET /api/wallets/{sellerNo}/transactions?limit&cursor`: ledger lines, newest first,
 * `{walletTransactionList, nextCursor}`.
 *
 * @throws Refusal PEC0013 without such a seller, or before its first credit.
 */
export function listWalletTransactionsRoute(db: Database): RequestHandler {
  return async (req, res) => {
    const sellerNo = sellerNoOf(req.params['sellerNo']);
    const { limit, cursor } = parse(query, req.query);
    const walletNo = await findWalletNo(db, sellerNo);
    if (walletNo === undefined) throw new Refusal('PEC0013');
    const lines = await findLines(db, { walletNo, beforeSeq: cursor, countMax: limit + 1 });
    const page = lines.slice(0, limit);
    const last = page.at(-1);
    answer(res, {
      walletTransactionList: page.map(lineView),
      nextCursor: lines.length > limit && last !== undefined ? encodeCursor(last.walletSeq) : null,
    });
  };
}
