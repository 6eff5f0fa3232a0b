import { Router, type Request } from 'express';
import { z } from 'zod';
import { tossError } from '../errors';
import { amountField, cancelReasonField } from '../fields';
import { newTransactionKey } from '../keys';
import { tossApi, type World } from '../toss-api';
import { decideCancel } from '../cancel.rules';

const refundableField = z
  .number()
  .int()
  .nonnegative()
  .transform((amount) => BigInt(amount));

const cancelSchema = z.object({
  cancelReason: cancelReasonField,
  cancelAmount: amountField.nullish().transform((amount) => amount ?? undefined),
  refundableAmount: refundableField.nullish().transform((amount) => amount ?? undefined),
});

/** `POST /v1/payments/{paymentKey}/cancel {cancelReason, cancelAmount?, refundableAmount?}` → Payment. */
export function cancelRoute(world: World): Router {
  const { payments } = world.book;
  const router = Router();
  const recent = new RecentCancels(world.cancelIntervalMs);
  router.post(
    '/v1/payments/:paymentKey/cancel',
    tossApi(world, {
      operation: 'cancel',
      subject(request) {
        const paymentKey = keyOf(request);
        return { paymentKey, orderId: payments.byKey(paymentKey)?.orderId ?? null };
      },
      decide(request, nowMs) {
        const body = cancelSchema.safeParse(request.body);
        if (!body.success) return { refusal: tossError('INVALID_REQUEST') };
        const paymentKey = keyOf(request);
        const decision = decideCancel(payments.byKey(paymentKey), body.data, {
          nowMs,
          transactionKey: newTransactionKey(),
          lastCancelAtMs: recent.lastAtMs(paymentKey),
          intervalMs: world.cancelIntervalMs,
        });
        if (decision.payment !== undefined) recent.add(paymentKey, nowMs);
        return decision;
      },
    }),
  );
  return router;
}

function keyOf(request: Request): string {
  return String(request.params['paymentKey']);
}

/** When each payment was last canceled, kept only as long as it matters. */
class RecentCancels {
  readonly #atMs = new Map<string, number>();
  readonly #intervalMs: number;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  lastAtMs(paymentKey: string): number | undefined {
    return this.#atMs.get(paymentKey);
  }

  add(paymentKey: string, nowMs: number): void {
    for (const [key, atMs] of this.#atMs) {
      // In order of time: the first that is recent ends the search.
      if (nowMs - atMs < this.#intervalMs) break;
      this.#atMs.delete(key);
    }
    this.#atMs.delete(paymentKey);
    this.#atMs.set(paymentKey, nowMs);
  }
}
