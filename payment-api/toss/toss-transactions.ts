import { z } from 'zod';
import { sleep } from '#kit/clock';
import type { Won } from '#kit/money';
import { readText, type TossClientOptions } from './toss-client';

/** What this project reads of Toss's Transaction object (docs.tosspayments.com/reference#transaction-객체). */
const wireShape = z.looseObject({
  transactionKey: z.string().min(1).max(200),
  paymentKey: z.string().min(1).max(200),
  orderId: z.string().min(1).max(64),
  status: z.string().min(1).max(50),
  transactionAt: z.string(),
  currency: z.string().min(1).max(10),
  amount: z.number(),
});
const pageShape = z.array(wireShape);

/** One approval, or one cancel, as the PSP lists it. */
export interface TossTransaction {
  transactionKey: string;
  paymentKey: string;
  orderId: string;
  /** `other`: neither an approval nor a cancel of a card payment. */
  kind: 'approval' | 'cancel' | 'other';
  /** As the PSP names it. */
  status: string;
  at: Date;
  currency: string;
  /** Without a sign. `null`: a fraction, which no amount of won has. */
  amount: Won | null;
}

/** The PSP's list cannot be read; the message says what to do. */
export class PspListError extends Error {
  override readonly name = 'PspListError';
}

const HAS_ZONE = /(Z|[+-]\d{2}:?\d{2})$/;

/**
 * A cancel is known by its status, or by a negative amount: Toss's reference does not say which sign it has.
 *
 * @returns undefined when it has no readable moment
 */
function transactionOf(wire: z.output<typeof wireShape>): TossTransaction | undefined {
  const { transactionKey, paymentKey, orderId, status, transactionAt, currency, amount } = wire;
  // Korean time, should the zone be left out.
  const at = new Date(HAS_ZONE.test(transactionAt) ? transactionAt : `${transactionAt}+09:00`);
  if (Number.isNaN(at.getTime())) return undefined;
  const isCancel =
    status === 'CANCELED' || status === 'PARTIAL_CANCELED' || (status === 'DONE' && amount < 0);
  const kind = isCancel ? 'cancel' : status === 'DONE' ? 'approval' : 'other';
  const won = Number.isSafeInteger(amount) ? BigInt(Math.abs(amount)) : null;
  return { transactionKey, paymentKey, orderId, kind, status, at, currency, amount: won };
}

export interface TransactionListOptions extends TossClientOptions {
  /** Transactions a call asks for; Toss gives 100 by default. */
  pageSizeMax: number;
  /** Calls for one page, the first included. */
  callsMax: number;
  /** Pause before the second call for a page; it doubles with each. */
  pauseMs: number;
}

export const TRANSACTION_LIST_LIMITS = { pageSizeMax: 1_000, callsMax: 5 } as const;
const ANSWER_BYTES_MAX = 8 * 1_048_576;
const PAUSE_MAX_MS = 10_000;
const PAGES_MAX = 10_000;

/**
 * `GET /v1/transactions` of a Korean day, page after page, oldest first as the PSP has it.
 *
 * @param date `2026-11-22`
 * @throws PspListError when the PSP refuses, does not answer `callsMax` times, or answers what is no list
 */
export async function* listTransactions(
  options: TransactionListOptions,
  date: string,
): AsyncGenerator<TossTransaction[]> {
  const span = { startDate: `${date}T00:00:00`, endDate: `${date}T23:59:59` };
  let startingAfter: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const query = new URLSearchParams({
      ...span,
      limit: String(options.pageSizeMax),
      ...(startingAfter === undefined ? {} : { startingAfter }),
    });
    const page = await askForPage(options, query);
    // A short page is not the last one: the PSP may give fewer than it was asked for.
    const last = page.at(-1);
    if (last === undefined) return;
    if (last.transactionKey === startingAfter)
      throw new PspListError(`the PSP's list does not go on after ${startingAfter}`);
    startingAfter = last.transactionKey;
    yield page;
  }
  throw new PspListError(`the PSP's list of ${date} has more than ${PAGES_MAX} pages`);
}

async function askForPage(
  options: TransactionListOptions,
  query: URLSearchParams,
): Promise<TossTransaction[]> {
  for (let call = 1; ; call += 1) {
    const answer = await askOnce(options, query);
    if ('page' in answer) return answer.page;
    if (!answer.mayPass) throw new PspListError(`the PSP does not list its transactions: ${answer.reason}`);
    if (call >= options.callsMax)
      throw new PspListError(`no list from the PSP in ${call} calls: ${answer.reason}`);
    await sleep(Math.min(options.pauseMs * 2 ** (call - 1), PAUSE_MAX_MS));
  }
}

type Answer = { page: TossTransaction[] } | { reason: string; mayPass: boolean };

async function askOnce(
  { baseUrl, secretKey, timeoutMs }: TossClientOptions,
  query: URLSearchParams,
): Promise<Answer> {
  let http: number;
  let text: string;
  try {
    const response = await fetch(`${baseUrl}/v1/transactions?${query.toString()}`, {
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      headers: { authorization: `Basic ${Buffer.from(`${secretKey}:`).toString('base64')}` },
    });
    http = response.status;
    text = response.body === null ? '' : await readText(response.body, ANSWER_BYTES_MAX);
  } catch (error) {
    const { name, cause } = error as Error;
    return {
      reason: name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : String(cause ?? error),
      mayPass: true,
    };
  }
  const body = jsonOf(text);
  if (http !== 200) {
    const { code } = (body ?? {}) as { code?: unknown };
    return {
      reason: `HTTP ${http}${typeof code === 'string' ? ` ${code}` : ''}`,
      mayPass: http >= 500 || http === 429,
    };
  }
  const wire = pageShape.safeParse(body);
  if (!wire.success) {
    const [issue] = wire.error.issues;
    return { reason: `no list of transactions: ${issue?.path.join('.')} ${issue?.message}`, mayPass: false };
  }
  const page = wire.data.map(transactionOf);
  const unreadable = page.indexOf(undefined);
  if (unreadable >= 0)
    return { reason: `transaction ${unreadable} of the page has no moment`, mayPass: false };
  return { page: page.filter((one) => one !== undefined) };
}

/** @returns undefined when the text is no JSON: a proxy's error page */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
