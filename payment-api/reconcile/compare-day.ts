import type { Won } from '#kit/money';
import { sleep } from '#kit/clock';
import type { Database } from '#prisma/database';
import { inSnapshot } from '#prisma/transaction';
import { isPaid } from '../payment/states';
import type { Psp, PspAnswer } from '../toss/toss-client';
import { PspListError, type TossTransaction } from '../toss/toss-transactions';
import type { Finding, Judged } from './differences';
import { isWithin, type KstDay } from './kst-day.rules';
import {
  judgeLook,
  judgePayment,
  judgeTransaction,
  type Comparison,
  type Listed,
  type OurPayment,
} from './reconcile.rules';
import * as store from './reconcile.store';

/** What a comparison reads; it writes nothing. */
export interface ReadingWorld {
  /** Reads our payments and the sellers' ledger. */
  books: Database;
  /** For looks only. */
  psp: Pick<Psp, 'lookUp'>;
  listTransactions: (date: string) => AsyncIterable<TossTransaction[]>;
  pspPauseMs: number;
  /** What is younger may still be on its way. */
  graceS: number;
  /** Told how far it has come. */
  report: (progress: string) => void;
}

interface Sum {
  count: number;
  amount: Won;
}

export interface DayReport {
  day: KstDay;
  /** Approvals and cancels of the day, by the PSP's list and by our rows. */
  sums: Record<'psp' | 'here', { approvals: Sum; cancels: Sum }>;
  /** How many differences there are; `differences` keeps at most `FINDINGS_MAX`. */
  differenceCount: number;
  differences: Finding[];
  inFlight: Finding[];
  /** Explained: nothing to do. */
  notes: Finding[];
}

/** So many findings of a kind are kept; a day that differs in more is a case for a person. */
export const FINDINGS_MAX = 10_000;
/** So many payments are looked up at the PSP in one comparison. */
const LOOKS_MAX = 2_000;
const LOOK_CALLS_MAX = 4;
/** Below MySQL's eq_range_index_dive_limit: the server looks where these rows are instead of guessing. */
const CHUNK = 150;
/** What an order id of ours looks like. */
const ORDER_ID = /^[A-Za-z0-9_=-]{6,64}$/;
const MILLISECONDS_PER_S = 1_000;

/**
 * Compares a Korean day of the PSP with ours: every listed transaction with its order, page by page, then every payment
 * of ours that has something of the day with what was listed, chunk by chunk. What grows with the day are the keys that
 * were listed and the numbers of our payments, nothing else.
 *
 * @throws PspListError when the PSP's side cannot be read
 */
export async function compareDay(world: ReadingWorld, day: KstDay): Promise<DayReport> {
  const { books, report } = world;
  const now = await store.databaseNow(books);
  const comparison: Comparison = {
    day,
    youngFrom: new Date(now.getTime() - world.graceS * MILLISECONDS_PER_S),
  };
  const listed: Listed = { transactionKeys: new Set(), approvedKeys: new Set() };
  const collector = new Collector(world, comparison);
  const { sums } = collector.result;

  let read = 0;
  for await (const page of world.listTransactions(day.date)) {
    // Whatever the PSP's idea of a day's end is: ours is midnight.
    const transactions = page.filter(({ at }) => isWithin(day, at));
    const ours = await ourPaymentsOf(books, transactions);
    for (const transaction of transactions) {
      const order = ours.get(transaction.orderId);
      const judged = judgeTransaction(comparison, listed, transaction, order);
      await collector.take(judged, order);
      if (transaction.kind === 'approval') add(sums.psp.approvals, transaction.amount);
      if (transaction.kind === 'cancel') add(sums.psp.cancels, transaction.amount);
    }
    read += page.length;
    report(`PSP: ${read} transactions compared`);
  }

  const nos = await store.paymentNosOfDay(books, day);
  for (let first = 0; first < nos.length; first += CHUNK) {
    const chunk = nos.slice(first, first + CHUNK);
    for (const ours of await inSnapshot(books, (tx) => store.paymentsWithLedger(tx, chunk))) {
      await collector.take(judgePayment(comparison, listed, ours), ours);
      addOurs(sums.here, day, ours);
    }
    report(`here: ${Math.min(first + CHUNK, nos.length)} of ${nos.length} payments compared with the ledger`);
  }
  return collector.result;
}

/**
 * A payment, its cancels, its events and its ledger as they stood at one moment: what is recorded and settled while the
 * day is compared is seen whole or not at all. The first read opens the snapshot. Looks at the PSP stay outside.
 */
async function ourPaymentsOf(
  books: Database,
  transactions: readonly TossTransaction[],
): Promise<Map<string, OurPayment>> {
  const orderIds = new Set(transactions.map(({ orderId }) => orderId).filter((id) => ORDER_ID.test(id)));
  const found = await inSnapshot(books, (tx) => store.paymentsOfOrders(tx, [...orderIds]));
  return new Map(found.map((ours) => [ours.orderId, ours]));
}

function add(sum: Sum, amount: Won | null): void {
  sum.count += 1;
  sum.amount += amount ?? 0n;
}

function addOurs(sums: DayReport['sums']['here'], day: KstDay, ours: OurPayment): void {
  if (isPaid(ours.status) && ours.approvedAt !== null && isWithin(day, ours.approvedAt))
    add(sums.approvals, ours.totalAmount);
  for (const { amount, canceledAt } of ours.cancels) {
    if (canceledAt !== null && isWithin(day, canceledAt)) add(sums.cancels, amount);
  }
}

/** Sorts what was judged, and asks the PSP where the list alone does not tell. */
class Collector {
  readonly result: DayReport;
  readonly #world: ReadingWorld;
  readonly #comparison: Comparison;
  /** An approval and a cancel of one payment need one look. */
  readonly #looked = new Set<string>();
  #looks = 0;

  constructor(world: ReadingWorld, comparison: Comparison) {
    const nothing = (): Sum => ({ count: 0, amount: 0n });
    this.#world = world;
    this.#comparison = comparison;
    this.result = {
      day: comparison.day,
      sums: {
        psp: { approvals: nothing(), cancels: nothing() },
        here: { approvals: nothing(), cancels: nothing() },
      },
      differenceCount: 0,
      differences: [],
      inFlight: [],
      notes: [],
    };
  }

  async take(judged: readonly Judged[], ours: OurPayment | undefined): Promise<void> {
    for (const { as, finding } of judged) {
      if (as === 'look') await this.#look(finding, ours);
      else this.#sort(as, finding);
    }
  }

  #sort(as: Exclude<Judged['as'], 'look'>, finding: Finding): void {
    const { result } = this;
    if (as === 'difference') result.differenceCount += 1;
    const kept = { difference: result.differences, 'in-flight': result.inFlight, note: result.notes }[as];
    if (kept.length < FINDINGS_MAX) kept.push(finding);
  }

  async #look(finding: Finding, ours: OurPayment | undefined): Promise<void> {
    const { code, paymentKey, transactionKey } = finding;
    const isOfPayment = code !== 'CANCELED_HERE_NOT_AT_PSP';
    const name = `${code} ${isOfPayment ? paymentKey : transactionKey}`;
    if (this.#looked.has(name)) return;
    if (paymentKey === null || this.#looks >= LOOKS_MAX) return this.#sort('difference', finding);
    this.#looked.add(name);
    this.#looks += 1;
    const answer = await lookUp(this.#world, paymentKey);
    for (const { as, finding: told } of judgeLook(this.#comparison, finding, ours, answer)) {
      if (as === 'look') throw new Error(`${told.code}: a look that asks for a look`);
      this.#sort(as, told);
    }
  }
}

/** @throws PspListError when the PSP does not answer `LOOK_CALLS_MAX` times */
async function lookUp(
  { psp, pspPauseMs }: ReadingWorld,
  paymentKey: string,
): Promise<Exclude<PspAnswer, { kind: 'none' }>> {
  for (let call = 1; ; call += 1) {
    const answer = await psp.lookUp(paymentKey);
    const isUnclear =
      answer.kind === 'none' || (answer.kind === 'error' && (answer.http >= 500 || answer.http === 429));
    if (!isUnclear) return answer;
    if (call >= LOOK_CALLS_MAX) {
      const reason = answer.kind === 'none' ? answer.reason : answer.code;
      throw new PspListError(`the PSP was asked ${call} times about a payment: ${reason}`);
    }
    await sleep(pspPauseMs * 2 ** (call - 1));
  }
}
