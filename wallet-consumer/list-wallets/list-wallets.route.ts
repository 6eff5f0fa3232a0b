import type { RequestHandler } from 'express';
import { z } from 'zod';
import { cursorParameter, encodeCursor, limitParameter } from '#kit/cursor';
import { answer, parse } from '#kit/http';
import type { Database } from '#prisma/database';
import { walletView } from '../wallet.view';
import { findWallets } from './list-wallets.store';

const query = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  negative: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});

/**
 * `GET /api/wallets?limit&cursor&negative`: wallets by number, `{walletList, nextCursor}`; with `negative=true` those
 * whose seller owes money, with `negative=false` the others.
 */
export function listWalletsRoute(db: Database): RequestHandler {
  return async (req, res) => {
    const { limit, cursor = 0n, negative } = parse(query, req.query);
    const wallets = await findWallets(db, { afterNo: cursor, countMax: limit + 1, negative });
    const page = wallets.slice(0, limit);
    const last = page.at(-1);
    answer(res, {
      walletList: page.map(walletView),
      nextCursor: wallets.length > limit && last !== undefined ? encodeCursor(last.no) : null,
    });
  };
}
