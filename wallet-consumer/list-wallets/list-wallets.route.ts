import type { RequestHandler, Router } from 'express';
import { encodeCursor } from '#kit/cursor';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import type { Database } from '#prisma/database';
import { walletView } from '../wallet.view';
import { listWalletsOperation } from './list-wallets.operation';
import { findWallets } from './list-wallets.store';

/**
 * `GET /api/wallets?limit&cursor&negative`: wallets by number, `{walletList, nextCursor}`; with `negative=true` those
 * whose seller owes money, with `negative=false` the others.
 */
export function listWalletsRoute(db: Database, admin: RequestHandler): Router {
  return endpoint(listWalletsOperation, { admin }, async ({ query }, _req, res) => {
    const { limit, cursor = 0n, negative } = query;
    const wallets = await findWallets(db, { afterNo: cursor, countMax: limit + 1, negative });
    const page = wallets.slice(0, limit);
    const last = page.at(-1);
    answer(res, {
      walletList: page.map(walletView),
      nextCursor: wallets.length > limit && last !== undefined ? encodeCursor(last.no) : null,
    });
  });
}
