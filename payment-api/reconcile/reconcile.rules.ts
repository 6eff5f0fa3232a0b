import { sumWon, type Won } from '#kit/money';
import { isInFlight } from '../payment/cancel.rules';
import type { CancelStatus, PaymentStatus } from '../payment/payment';
import { isTaken, LATE_APPROVAL_REVERSED } from '../payment/recovery.rules';
import { isPaid } from '../payment/states';
import type { PspAnswer } from '../toss/toss-client';
import type { TossPayment } from '../toss/toss-payment';
import type { TossTransaction } from '../toss/toss-transactions';
import type { Code, Finding, Judged, Side } from './differences';
import { isWithin, type KstDay } from './kst-day.rules';

/** What this side has of an order: its payment, its cancels, and its lines in the sellers' ledger. */
export interface OurPayment {
  no: bigint;
  orderId: string;
  paymentKey: string | null;
  status: PaymentStatus;
  currency: string;
  totalAmount: Won;
  approvedAt: Date | null;
  claimedAt: Date | null;
  failureCode: string | null;
  cancels: readonly OurCancel[];
  /** Sums of the ledger. */
  credited: Won;
  debited: Won;
  /** When the newest event for the sellers was written; `null` when there is none, or it was purged since. */
  lastEventAt: Date | null;
}

export interface OurCancel {
  cancelId: string;
  status: CancelStatus;
  amount: Won;
  transactionKey: string | null;
  canceledAt: Date | null;
  createdAt: Date;
}

export interface Comparison {
  day: KstDay;
  /** What happened after this moment may still be on its way. */
  youngFrom: Date;
}

/** What the PSP has listed so far. */
export interface Listed {
  transactionKeys: Set<string>;
  approvedKeys: Set<string>;
}

/** Both books may name the seconds before and after a midnight differently. */
export const SAME_MOMENT_MS = 5 * 60_000;
const OUR_CURRENCY = 'KRW';

const isYoung = ({ youngFrom }: Comparison, moment: Date | null): boolean =>
  moment !== null && moment > youngFrom;

const pspSide = ({ amount, currency, status, at }: TossTransaction): Side => ({
  amount,
  currency,
  status,
  at,
});

export const ourSide = ({ totalAmount, currency, status, approvedAt }: OurPayment): Side => ({
  amount: totalAmount,
  currency,
  status,
  at: approvedAt,
});

const cancelSide = (ours: OurPayment, { amount, status, canceledAt }: OurCancel): Side => ({
  amount,
  currency: ours.currency,
  status,
  at: canceledAt,
});

/** Judges one transaction of the PSP's list, and remembers that it was listed. */
export function judgeTransaction(
  comparison: Comparison,
  listed: Listed,
  transaction: TossTransaction,
  ours: OurPayment | undefined,
): Judged[] {
  const { transactionKey, paymentKey, orderId, kind, amount, currency } = transaction;
  const found = (code: Code, as: Judged['as'] = 'difference', here?: Side): Judged[] => {
    const side = here ?? (ours === undefined ? null : ourSide(ours));
    const psp = pspSide(transaction);
    return [{ as, finding: { code, orderId, paymentKey, transactionKey, psp, here: side, ledger: null } }];
  };
  if (listed.transactionKeys.has(transactionKey)) return found('TRANSACTION_KEY_DOUBLED');
  listed.transactionKeys.add(transactionKey);
  const isApprovedAgain = kind === 'approval' && listed.approvedKeys.has(paymentKey);
  if (kind === 'approval') listed.approvedKeys.add(paymentKey);
  if (currency !== OUR_CURRENCY) return found('FOREIGN_CURRENCY');
  if (kind === 'other' || amount === null) return found('UNFORESEEN_TRANSACTION');
  if (ours === undefined) return found('UNKNOWN_ORDER', 'look');
  // An order without a claim has no key yet.
  if (ours.paymentKey !== null && ours.paymentKey !== paymentKey) return found('OTHER_PAYMENT_KEY', 'look');
  if (isApprovedAgain) return found('APPROVED_TWICE');
  return kind === 'approval'
    ? judgeApproval(comparison, transaction, ours, found)
    : judgeCancel(comparison, transaction, ours, found);
}

type Found = (code: Code, as?: Judged['as'], here?: Side) => Judged[];

function judgeApproval(
  comparison: Comparison,
  transaction: TossTransaction,
  ours: OurPayment,
  found: Found,
): Judged[] {
  if (transaction.amount !== ours.totalAmount) return found('AMOUNT_DIFFERS');
  if (ours.status === 'FAILURE') return found('PAID_AT_PSP_FAILED_HERE', 'look');
  if (isPaid(ours.status)) return judgeMoment(comparison, transaction.at, ours.approvedAt, found);
  const isOnItsWay = isYoung(comparison, transaction.at) || isYoung(comparison, ours.claimedAt);
  return found('PAID_AT_PSP_OPEN_HERE', isOnItsWay ? 'in-flight' : 'difference');
}

function judgeCancel(
  comparison: Comparison,
  transaction: TossTransaction,
  ours: OurPayment,
  found: Found,
): Judged[] {
  // Whether a late approval was taken back whole is seen at the payment.
  if (ours.status === 'FAILURE') return found('PAID_AT_PSP_FAILED_HERE', 'look');
  const cancel = ours.cancels.find(({ transactionKey }) => transactionKey === transaction.transactionKey);
  if (cancel === undefined) {
    const isOnItsWay = isYoung(comparison, transaction.at);
    return found('CANCELED_AT_PSP_NOT_HERE', isOnItsWay ? 'in-flight' : 'difference');
  }
  const here = cancelSide(ours, cancel);
  if (cancel.amount !== transaction.amount) return found('CANCEL_AMOUNT_DIFFERS', 'difference', here);
  if (cancel.status === 'UNALLOCATED') return found('CANCEL_UNALLOCATED', 'difference', here);
  return judgeMoment(comparison, transaction.at, cancel.canceledAt, (code, as) => found(code, as, here));
}

/** The PSP's moment and ours: the same, or on both sides of a midnight, or a difference. */
function judgeMoment({ day }: Comparison, atPsp: Date, atUs: Date | null, found: Found): Judged[] {
  if (atUs === null || Math.abs(atPsp.getTime() - atUs.getTime()) > SAME_MOMENT_MS)
    return found('MOMENT_DIFFERS');
  return isWithin(day, atPsp) === isWithin(day, atUs) ? [] : found('MOMENT_DIFFERS', 'note');
}

/**
 * Judges one of our payments of the day, when the PSP's whole list is known: what it does not list, what is still open,
 * and the sellers' ledger.
 */
export function judgePayment(comparison: Comparison, listed: Readonly<Listed>, ours: OurPayment): Judged[] {
  const { day } = comparison;
  const isPaidToday = isPaid(ours.status) && ours.approvedAt !== null && isWithin(day, ours.approvedAt);
  const isListed = listed.approvedKeys.has(ours.paymentKey ?? '');
  const isOpen = ours.status === 'EXECUTING' || ours.status === 'UNKNOWN';
  const isClaimedToday = ours.claimedAt !== null && isWithin(day, ours.claimedAt);
  const judged: Judged[] = [];
  if (isPaidToday && !isListed) {
    const as = isYoung(comparison, ours.approvedAt) ? 'in-flight' : 'look';
    judged.push({ as, finding: ourFinding('PAID_HERE_NOT_AT_PSP', ours) });
  }
  if (isOpen && isClaimedToday && !isListed) {
    const as = isYoung(comparison, ours.claimedAt) ? 'in-flight' : 'difference';
    judged.push({ as, finding: ourFinding('OUTCOME_OPEN', ours) });
  }
  const cancels = ours.cancels.flatMap((cancel) => judgeOurCancel(comparison, listed, ours, cancel));
  return [...judged, ...cancels, ...judgeLedger(comparison, ours)];
}

const ourFinding = (code: Code, ours: OurPayment, cancel?: OurCancel): Finding => ({
  code,
  orderId: ours.orderId,
  paymentKey: ours.paymentKey,
  transactionKey: cancel?.transactionKey ?? null,
  psp: null,
  here: cancel === undefined ? ourSide(ours) : cancelSide(ours, cancel),
  ledger: null,
});

function judgeOurCancel(
  comparison: Comparison,
  listed: Readonly<Listed>,
  ours: OurPayment,
  cancel: OurCancel,
): Judged[] {
  const { day } = comparison;
  if (isInFlight(cancel.status)) {
    if (!isWithin(day, cancel.createdAt)) return [];
    const as = isYoung(comparison, cancel.createdAt) ? 'in-flight' : 'difference';
    return [{ as, finding: ourFinding('CANCEL_OPEN', ours, cancel) }];
  }
  const { transactionKey, canceledAt } = cancel;
  if (transactionKey === null || canceledAt === null || !isWithin(day, canceledAt)) return [];
  if (listed.transactionKeys.has(transactionKey)) return [];
  const as = isYoung(comparison, canceledAt) ? 'in-flight' : 'look';
  return [{ as, finding: ourFinding('CANCELED_HERE_NOT_AT_PSP', ours, cancel) }];
}

/** The ledger has, of an order, exactly what was paid and what was canceled. */
function judgeLedger(comparison: Comparison, ours: OurPayment): Judged[] {
  const paid = isPaid(ours.status) ? ours.totalAmount : 0n;
  const canceled = sumWon(
    ours.cancels.filter(({ status }) => status === 'SUCCESS').map(({ amount }) => amount),
  );
  const ledger = (amount: Won): Side => ({
    amount,
    currency: ours.currency,
    status: 'ledger',
    at: ours.lastEventAt,
  });
  const book = (short: Code, over: Code, has: Won, wants: Won): Judged[] => {
    if (has === wants) return [];
    // What is missing may still come. Too much never passes: the ledger books only what was committed here before, and
    // both were read in one snapshot.
    const isOver = has > wants;
    const as = !isOver && isYoung(comparison, ours.lastEventAt) ? 'in-flight' : 'difference';
    const code = isOver ? over : short;
    const here = { ...ourSide(ours), amount: wants };
    return [{ as, finding: { ...ourFinding(code, ours), here, ledger: ledger(has) } }];
  };
  return [
    ...book('NOT_CREDITED', 'OVERCREDITED', ours.credited, paid),
    ...book('NOT_DEBITED', 'OVERDEBITED', ours.debited, canceled),
  ];
}

/** What a look at the payment makes of a finding that the list alone does not tell. The look was answered. */
export function judgeLook(
  comparison: Comparison,
  finding: Finding,
  ours: OurPayment | undefined,
  answer: Exclude<PspAnswer, { kind: 'none' }>,
): Judged[] {
  const difference = (code: Code = finding.code, psp: Side | null = finding.psp): Judged[] => [
    { as: 'difference', finding: { ...finding, code, psp } },
  ];
  if (answer.kind === 'error') return difference();
  const { payment } = answer;
  switch (finding.code) {
    case 'UNKNOWN_ORDER':
    case 'OTHER_PAYMENT_KEY':
      // Somebody has given all of it back.
      return payment.balanceAmount === 0n ? [{ as: 'note', finding }] : difference();
    case 'PAID_AT_PSP_FAILED_HERE':
      return judgeReversal(comparison, finding, ours, payment);
    case 'PAID_HERE_NOT_AT_PSP': {
      const { totalAmount: amount, approvedAt } = payment;
      const known = isTaken(payment) && approvedAt !== null ? { amount, at: approvedAt } : undefined;
      return judgeUnlisted(comparison, finding, payment, known, difference);
    }
    case 'CANCELED_HERE_NOT_AT_PSP': {
      const entry = payment.cancels.find(({ transactionKey }) => transactionKey === finding.transactionKey);
      const known = entry && { amount: entry.cancelAmount, at: entry.canceledAt };
      return judgeUnlisted(comparison, finding, payment, known, difference);
    }
    default:
      return difference();
  }
}

/** A payment that failed here and was approved there: is the money back, and is that noted? */
function judgeReversal(
  comparison: Comparison,
  finding: Finding,
  ours: OurPayment | undefined,
  { balanceAmount, approvedAt, cancels }: TossPayment,
): Judged[] {
  const judged = (code: Code, since: (Date | null)[]): Judged[] => {
    const as = since.some((moment) => isYoung(comparison, moment)) ? 'in-flight' : 'difference';
    return [{ as, finding: { ...finding, code } }];
  };
  if (balanceAmount > 0n) return judged(finding.code, [approvedAt]);
  if (ours?.failureCode === LATE_APPROVAL_REVERSED) return [];
  // The PSP was asked after our row was read: it may have been noted since.
  return judged(
    'REVERSAL_NOT_NOTED',
    cancels.map(({ canceledAt }) => canceledAt),
  );
}

/** Does the PSP know it (`known`), though not on this day's list? */
function judgeUnlisted(
  { day }: Comparison,
  finding: Finding,
  { status, currency, totalAmount }: TossPayment,
  known: { amount: Won; at: Date } | undefined,
  difference: (code?: Code, psp?: Side | null) => Judged[],
): Judged[] {
  const psp: Side = { amount: known?.amount ?? totalAmount, currency, status, at: known?.at ?? null };
  if (known === undefined) return difference(finding.code, psp);
  if (known.amount !== finding.here?.amount) {
    const isApproval = finding.code === 'PAID_HERE_NOT_AT_PSP';
    return difference(isApproval ? 'AMOUNT_DIFFERS' : 'CANCEL_AMOUNT_DIFFERS', psp);
  }
  if (isWithin(day, known.at)) return difference('NOT_IN_PSP_LIST', psp);
  const atUs = finding.here.at;
  const isSame = atUs !== null && Math.abs(known.at.getTime() - atUs.getTime()) <= SAME_MOMENT_MS;
  return isSame
    ? [{ as: 'note', finding: { ...finding, code: 'MOMENT_DIFFERS', psp } }]
    : difference('MOMENT_DIFFERS', psp);
}
