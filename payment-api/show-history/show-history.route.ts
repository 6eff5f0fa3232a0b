import { Router } from 'express';
import { z } from 'zod';
import { requireAdmin } from '#kit/admin';
import { answer, otherMethods, parse } from '#kit/http';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { orderId } from '../payment/parameters';
import { findHistory } from './show-history.store';

const PATH = '/api/payments/:orderId/history';

/**
 * `GET /api/payments/{orderId}/history`, for administrators: every move of the order's lines, oldest first,
 * `{orderId, historyList}`.
 *
 * @throws Refusal PEC0003 no such payment
 */
export function showHistoryRoute({ db, adminKeys }: { db: Database; adminKeys: readonly string[] }): Router {
  return Router()
    .get(PATH, requireAdmin(adminKeys), async (req, res) => {
      const params = parse(z.object({ orderId }), req.params);
      const history = await findHistory(db, params.orderId);
      if (history === undefined) throw new Refusal('PEC0003');
      answer(res, {
        orderId: params.orderId,
        historyList: history.map((move) => ({
          historyNo: Number(move.no),
          paymentOrderNo: Number(move.paymentOrderNo),
          previousStatus: move.previousStatus,
          newStatus: move.newStatus,
          // The database's name, which a TypeScript enum cannot have.
          changedBy: move.changedBy.replace('_', '-'),
          reason: move.reason,
          createdAt: move.createdAt,
        })),
      });
    })
    .all(PATH, otherMethods('GET'));
}
