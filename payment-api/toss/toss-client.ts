import { request } from 'undici';
import { readTossPayment, type TossPayment } from './toss-payment';

/**
 * What became of a question to the PSP. `none` is not an error answer: nobody knows whether the PSP did the work.
 */
export type PspAnswer =
  | { kind: 'payment'; payment: TossPayment }
  | { kind: 'error'; http: number; code: string; message: string }
  /** `isSent: false` when it is certain that the question never left. */
  | { kind: 'none'; reason: string; isSent?: false };

/** The PSP as the stories see it. */
export interface Psp {
  /**
   * Approves an authenticated payment.
   *
   * @param idempotencyKey the same key brings the first answer again, an error answer too
   */
  confirm(request: ConfirmRequest, idempotencyKey: string): Promise<PspAnswer>;
  /** The payment as the PSP sees it now. */
  lookUp(paymentKey: string): Promise<PspAnswer>;
  /** The order's payment as the PSP sees it now, whatever its payment key is. */
  lookUpOrder(orderId: string): Promise<PspAnswer>;
  /**
   * Gives money back, whole or in part.
   *
   * @returns the payment with the new entry in `cancels`
   */
  cancel(request: CancelRequest, idempotencyKey: string): Promise<PspAnswer>;
}

export interface CancelRequest {
  paymentKey: string;
  cancelReason: string;
  cancelAmount: bigint;
  /** What is left before this cancel: the PSP refuses when it is not so. */
  refundableAmount: bigint;
}

export interface ConfirmRequest {
  paymentKey: string;
  orderId: string;
  /** Whole won; what the shopper authenticated. */
  amount: bigint;
}

export interface TossClientOptions {
  /** `https://api.tosspayments.com`, or the simulator. */
  baseUrl: string;
  secretKey: string;
  /** Time limit of one call, answer included. */
  timeoutMs: number;
}

const ANSWER_BYTES_MAX = 1_048_576;

/** An answer as text. @throws Error beyond `bytesMax` */
export async function readText(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number = ANSWER_BYTES_MAX,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw new Error(`answer larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answerOf(http: number, text: string): PspAnswer {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy's error page says nothing about the payment.
    return { kind: 'none', reason: `HTTP ${http} without JSON` };
  }
  if (http >= 200 && http < 300) {
    const payment = readTossPayment(body, text);
    return payment === undefined
      ? { kind: 'none', reason: `HTTP ${http} without a Payment object` }
      : { kind: 'payment', payment };
  }
  const { code, message } = body as { code?: unknown; message?: unknown };
  if (typeof code !== 'string') return { kind: 'none', reason: `HTTP ${http} without an error code` };
  return { kind: 'error', http, code, message: typeof message === 'string' ? message : code };
}

/** Toss Payments' API, version 2022-11-16 (docs.tosspayments.com/reference). Never throws: see `PspAnswer`. */
export function createTossClient({ baseUrl, secretKey, timeoutMs }: TossClientOptions): Psp {
  const authorization = `Basic ${Buffer.from(`${secretKey}:`).toString('base64')}`;

  async function call(method: 'GET' | 'POST', path: string, body?: object, idempotencyKey?: string) {
    try {
      // Redirects are answers like any other: they are not followed.
      const { statusCode, body: answer } = await request(`${baseUrl}${path}`, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          authorization,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return answerOf(statusCode, await readText(answer));
    } catch (error) {
      const { name, cause } = error as Error;
      const reason = name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : String(cause ?? error);
      return { kind: 'none', reason } satisfies PspAnswer;
    }
  }

  return {
    confirm({ paymentKey, orderId, amount }, idempotencyKey) {
      // Toss wants a JSON number; DECIMAL(15,2)'s whole won are all exact in one.
      return call(
        'POST',
        '/v1/payments/confirm',
        { paymentKey, orderId, amount: Number(amount) },
        idempotencyKey,
      );
    },
    lookUp(paymentKey) {
      return call('GET', `/v1/payments/${encodeURIComponent(paymentKey)}`);
    },
    lookUpOrder(orderId) {
      return call('GET', `/v1/payments/orders/${encodeURIComponent(orderId)}`);
    },
    cancel({ paymentKey, cancelReason, cancelAmount, refundableAmount }, idempotencyKey) {
      return call(
        'POST',
        `/v1/payments/${encodeURIComponent(paymentKey)}/cancel`,
        {
          cancelReason,
          cancelAmount: Number(cancelAmount),
          refundableAmount: Number(refundableAmount),
        },
        idempotencyKey,
      );
    },
  };
}
