import { Router } from 'express';
import { z } from 'zod';
import { tossError } from '../errors';
import { parseKst } from '../kst';
import type { Payments } from '../payments';
import { transactionView } from '../payment.view';
import { type Decision, tossApi, type World } from '../toss-api';

const LIMIT_BY_DEFAULT = 100;
const LIMIT_MAX = 5000;

const querySchema = z.object({
  startDate: z.string(),
  endDate: z.string(),
  startingAfter: z.string().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_BY_DEFAULT),
});

/**
 * `GET /v1/transactions?startDate&endDate&startingAfter&limit`: approvals and cancels of a span of Korean
 * time.
 */
export function listTransactionsRoute(world: World): Router {
  const router = Router();
  router.get(
    '/v1/transactions',
    tossApi(world, {
      operation: 'transactions',
      subject: () => ({ orderId: null, paymentKey: null }),
      decide: (request) => listTransactions(world.book.payments, request.query),
    }),
  );
  return router;
}

function listTransactions(payments: Payments, query: unknown): Decision {
  const asked = querySchema.safeParse(query);
  if (!asked.success) return { refusal: tossError('INVALID_REQUEST') };
  const { startDate, endDate, startingAfter, limit } = asked.data;
  const from = parseKst(startDate);
  const until = parseKst(endDate);
  if (from === undefined || until === undefined) return { refusal: tossError('INVALID_REQUEST') };
  // The end is meant inclusively, to its last digit: …T23:59:59 reaches to midnight.
  const found = payments.transactionsBetween(from.startMs, until.startMs + until.coversMs);
  let first = 0;
  if (startingAfter !== undefined) {
    first = found.findIndex((one) => one.transactionKey === startingAfter) + 1;
    if (first === 0) return { refusal: tossError('INVALID_TRANSACTION_KEY') };
  }
  const body = found.slice(first, first + limit).flatMap((transaction) => {
    const payment = payments.byKey(transaction.paymentKey);
    return payment === undefined ? [] : [transactionView(transaction, payment)];
  });
  return { body };
}
