import { z } from 'zod';

// What the contract suite expects of whoever says that he is Toss: the simulator, or Toss's test environment. Codes and
// HTTP statuses are those of docs.tosspayments.com/reference/error-codes; fields those of docs.tosspayments.com/reference.

/** Any JSON: tests look into it without ceremony. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface Answer {
  status: number;
  /** As it came, to compare replays with. */
  text: string;
  body: Json;
}

export interface Request {
  method: 'GET' | 'POST';
  path: string;
  /** JSON, or text that is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

const TIMEOUT_MS = 30_000;

export const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`;

/** Raw HTTP: nothing of the shop's own client stands between the suite and the contract. */
export async function speak(baseUrl: string, secretKey: string, request: Request): Promise<Answer> {
  const { method, path, body, headers = {} } = request;
  const sent = Object.entries({
    authorization: basic(`${secretKey}:`),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
  }).filter(([, value]) => value !== '');
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...Object.fromEntries(sent), connection: 'close' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

/** The codes of an approval that this project reckons with, and their HTTP statuses. */
export const CONFIRM_CODES: readonly (readonly [code: string, status: number])[] = [
  ['ALREADY_PROCESSED_PAYMENT', 400],
  ['PROVIDER_ERROR', 400],
  ['CARD_PROCESSING_ERROR', 400],
  ['INVALID_REQUEST', 400],
  ['INVALID_API_KEY', 400],
  ['INVALID_STOPPED_CARD', 400],
  ['INVALID_REJECT_CARD', 400],
  ['EXCEED_MAX_DAILY_PAYMENT_COUNT', 400],
  ['BELOW_MINIMUM_AMOUNT', 400],
  ['UNAUTHORIZED_KEY', 401],
  ['REJECT_CARD_PAYMENT', 403],
  ['REJECT_ACCOUNT_PAYMENT', 403],
  ['FORBIDDEN_REQUEST', 403],
  ['NOT_FOUND_PAYMENT', 404],
  ['NOT_FOUND_PAYMENT_SESSION', 404],
  ['FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING', 500],
  ['FAILED_INTERNAL_SYSTEM_PROCESSING', 500],
  ['UNKNOWN_PAYMENT_ERROR', 500],
];

/** The codes of a cancel. */
export const CANCEL_CODES: readonly (readonly [code: string, status: number])[] = [
  ['ALREADY_CANCELED_PAYMENT', 400],
  ['NOT_MATCHES_REFUNDABLE_AMOUNT', 400],
  ['PROVIDER_ERROR', 400],
  ['INVALID_REQUEST', 400],
  ['UNAUTHORIZED_KEY', 401],
  ['NOT_CANCELABLE_AMOUNT', 403],
  ['NOT_CANCELABLE_PAYMENT', 403],
  ['FORBIDDEN_CONSECUTIVE_REQUEST', 403],
  ['FORBIDDEN_REQUEST', 403],
  ['NOT_FOUND_PAYMENT', 404],
  ['FAILED_INTERNAL_SYSTEM_PROCESSING', 500],
];

/** Not in the list of either call, but answered by both. */
export const CODES_OF_ALL_CALLS: readonly (readonly [code: string, status: number])[] = [
  ['IDEMPOTENT_REQUEST_PROCESSING', 409],
];

/** Codes that this project reckons with and the reference gives no HTTP status for. */
export const CODES_WITHOUT_REFERENCE: readonly (readonly [code: string, status: number])[] = [
  ['UNKNOWN', 500],
];

export const errorShape = z.looseObject({ code: z.string().min(1), message: z.string().min(1) });

const moment = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+09:00$/);

const cancelShape = z.looseObject({
  transactionKey: z.string().min(1).max(64),
  cancelReason: z.string().max(200),
  canceledAt: moment,
  cancelAmount: z.int().positive(),
  refundableAmount: z.int().nonnegative(),
  taxFreeAmount: z.int(),
});

/** The Payment object, as far as it is documented for a card payment. */
export const paymentShape = z.looseObject({
  version: z.literal('2022-11-16'),
  mId: z.string().min(1).max(14),
  paymentKey: z.string().min(1).max(200),
  lastTransactionKey: z.string().min(1).max(64),
  orderId: z.string().min(6).max(64),
  orderName: z.string().min(1).max(100),
  type: z.enum(['NORMAL', 'BILLING', 'BRANDPAY']),
  currency: z.string(),
  method: z.string(),
  status: z.enum(['DONE', 'PARTIAL_CANCELED', 'CANCELED']),
  requestedAt: moment,
  approvedAt: moment,
  totalAmount: z.int().positive(),
  balanceAmount: z.int().nonnegative(),
  suppliedAmount: z.int().nonnegative(),
  vat: z.int().nonnegative(),
  taxFreeAmount: z.int().nonnegative(),
  isPartialCancelable: z.boolean(),
  cancels: z.array(cancelShape).min(1).nullable(),
  receipt: z.looseObject({ url: z.url() }).nullable(),
  checkout: z.looseObject({ url: z.url() }).nullable(),
  failure: z.null(),
});

/** The Transaction object. */
export const transactionShape = z.looseObject({
  mId: z.string().min(1).max(14),
  transactionKey: z.string().min(1).max(64),
  paymentKey: z.string().min(1).max(200),
  orderId: z.string().min(6).max(64),
  method: z.string(),
  customerKey: z.string().nullable(),
  useEscrow: z.boolean(),
  status: z.enum([
    'READY',
    'IN_PROGRESS',
    'WAITING_FOR_DEPOSIT',
    'DONE',
    'CANCELED',
    'PARTIAL_CANCELED',
    'ABORTED',
    'EXPIRED',
  ]),
  transactionAt: moment,
  currency: z.string(),
  amount: z.number(),
});

/** A request that must be refused. */
export interface Refused {
  what: string;
  request: Request;
  /** What Toss documents; only "a 4xx with code and message" where it is silent. */
  documented: { status: number; codes: readonly string[] } | 'some 4xx';
  /** What the simulator says. */
  simulator: { status: number; code: string };
}

const UNKNOWN_KEY = 'contract-suite-knows-no-such-key';
const CONFIRM = { paymentKey: UNKNOWN_KEY, orderId: 'contract-no-such-order', amount: 1000 };
const confirm = (body: unknown): Request => ({ method: 'POST', path: '/v1/payments/confirm', body });
const cancel = (body: unknown): Request => ({
  method: 'POST',
  path: `/v1/payments/${UNKNOWN_KEY}/cancel`,
  body,
});
const get = (path: string): Request => ({ method: 'GET', path });

/** One of each call, for what all calls have in common. */
export const CALLS: readonly (readonly [what: string, request: Request])[] = [
  ['confirm', confirm(CONFIRM)],
  ['cancel', cancel({ cancelReason: 'contract' })],
  ['look-up by key', get(`/v1/payments/${UNKNOWN_KEY}`)],
  ['look-up by order', get('/v1/payments/orders/contract-no-such-order')],
  ['transactions', get('/v1/transactions?startDate=2026-01-01T00:00:00&endDate=2026-01-01T23:59:59')],
];

const NOT_FOUND = { status: 404, codes: ['NOT_FOUND_PAYMENT'] };
const INVALID = { status: 400, code: 'INVALID_REQUEST' };
const unknown = (what: string, request: Request): Refused => ({
  what,
  request,
  documented: NOT_FOUND,
  simulator: { status: 404, code: 'NOT_FOUND_PAYMENT' },
});
const malformed = (what: string, request: Request): Refused => ({
  what,
  request,
  documented: 'some 4xx',
  simulator: INVALID,
});
const span = (query: string): Request => get(`/v1/transactions?${query}`);

export const REFUSED: readonly Refused[] = [
  unknown('an unknown payment is looked up', get(`/v1/payments/${UNKNOWN_KEY}`)),
  unknown('an unknown order is looked up', get('/v1/payments/orders/contract-no-such-order')),
  unknown('an unknown payment is canceled', cancel({ cancelReason: 'contract' })),
  {
    ...unknown('an unknown payment is confirmed', confirm(CONFIRM)),
    documented: { status: 404, codes: ['NOT_FOUND_PAYMENT', 'NOT_FOUND_PAYMENT_SESSION'] },
  },
  malformed('a confirm has no order', confirm({ ...CONFIRM, orderId: undefined })),
  malformed('a confirm has no amount', confirm({ ...CONFIRM, amount: undefined })),
  malformed('a confirm has no payment key', confirm({ ...CONFIRM, paymentKey: undefined })),
  malformed('a confirm is no JSON', confirm('{"paymentKey":')),
  malformed('a cancel has no reason', cancel({})),
  malformed('transactions have no span', get('/v1/transactions')),
  malformed('transactions have no end', span('startDate=2026-01-01T00:00:00')),
  malformed(
    'transactions have a day that is none',
    span('startDate=2026-02-30T00:00:00&endDate=2026-03-01T00:00:00'),
  ),
  malformed('transactions have words for a date', span('startDate=yesterday&endDate=today')),
  {
    ...malformed(
      'transactions go on after an unknown one',
      span('startDate=2026-01-01T00:00:00&endDate=2026-01-01T23:59:59&startingAfter=no-such-key'),
    ),
    simulator: { status: 400, code: 'INVALID_TRANSACTION_KEY' },
  },
];
