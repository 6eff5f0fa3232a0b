import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { showHistoryOperation } from './show-history.operation';
import { findHistory } from './show-history.store';

/**
 * `GET /api/payments/{orderId}/history`, for administrators: every move of the order's lines, oldest first,
 * `{orderId, historyList}`.
 *
 * @throws Refusal PEC0003 no such payment
 */
export function showHistoryRoute({ db }: { db: Database }, admin: RequestHandler): Router {
  return endpoint(showHistoryOperation, { admin }, async ({ params: { orderId } }, _req, res) => {
    const history = await findHistory(db, orderId);
    if (history === undefined) throw new Refusal('PEC0003');
    answer(res, {
      orderId,
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
  });
}
