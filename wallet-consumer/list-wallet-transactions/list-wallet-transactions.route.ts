import type { RequestHandler, Router } from 'express';
import { encodeCursor } from '#kit/cursor';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { sellerNoOf } from '../seller-no';
import { lineView } from '../wallet.view';
import { listWalletTransactionsOperation } from './list-wallet-transactions.operation';
import { findLines, findWalletNo } from './list-wallet-transactions.store';

/**
 * `GET /api/wallets/{sellerNo}/transactions?limit&cursor`: ledger lines, newest first,
 * `{walletTransactionList, nextCursor}`.
 *
 * @throws Refusal PEC0013 without such a seller, or before its first credit.
 */
export function listWalletTransactionsRoute(db: Database, admin: RequestHandler): Router {
  return endpoint(listWalletTransactionsOperation, { admin }, async ({ params, query }, _req, res) => {
    const { limit, cursor } = query;
    const walletNo = await findWalletNo(db, sellerNoOf(params.sellerNo));
    if (walletNo === undefined) throw new Refusal('PEC0013');
    const lines = await findLines(db, { walletNo, beforeSeq: cursor, countMax: limit + 1 });
    const page = lines.slice(0, limit);
    const last = page.at(-1);
    answer(res, {
      walletTransactionList: page.map(lineView),
      nextCursor: lines.length > limit && last !== undefined ? encodeCursor(last.walletSeq) : null,
    });
  });
}
