import type { Won } from '#kit/money';

/** How the two books can differ. The names are stable: alarms and scripts use them. */
export const CODES = {
  UNKNOWN_ORDER: 'the PSP has money for an order that is not ours',
  TRANSACTION_KEY_DOUBLED: 'the PSP lists one transaction key twice',
  APPROVED_TWICE: 'the PSP has approved one payment key twice',
  UNFORESEEN_TRANSACTION: 'the PSP lists what is neither an approval nor a cancel of whole won',
  FOREIGN_CURRENCY: 'a transaction in another currency than KRW',
  OTHER_PAYMENT_KEY: 'the PSP has money for this order under another payment key',
  AMOUNT_DIFFERS: 'the PSP has taken another amount than the order’s',
  PAID_AT_PSP_OPEN_HERE: 'paid at the PSP, and not ended here',
  PAID_AT_PSP_FAILED_HERE: 'paid at the PSP, but failed here',
  REVERSAL_NOT_NOTED: 'failed here, and the PSP has taken the money and given it back',
  CANCELED_AT_PSP_NOT_HERE: 'canceled at the PSP, but not here',
  CANCEL_UNALLOCATED: 'canceled in part at the PSP, and not allocated to lines here',
  CANCEL_AMOUNT_DIFFERS: 'the PSP has given back another amount than the one here',
  PAID_HERE_NOT_AT_PSP: 'paid here, but not at the PSP',
  CANCELED_HERE_NOT_AT_PSP: 'canceled here, but not at the PSP',
  NOT_IN_PSP_LIST: 'the PSP knows it, but does not list it on this day',
  MOMENT_DIFFERS: 'the PSP has it at another time than we do',
  OUTCOME_OPEN: 'a confirm whose outcome is open, and the PSP lists no approval',
  CANCEL_OPEN: 'a cancel whose outcome is open',
  NOT_CREDITED: 'paid, but the sellers’ ledger has not all of its credits',
  OVERCREDITED: 'the sellers’ ledger has more credits than were paid',
  NOT_DEBITED: 'canceled, but the sellers’ ledger has not all of its debits',
  OVERDEBITED: 'the sellers’ ledger has more debits than were canceled',
} as const;

export type Code = keyof typeof CODES;

/** What `--repair` does, or what a person has to do. */
interface Repair {
  /** Done by `--repair`. */
  isSafe: boolean;
  words: string;
}

const done = (words: string): Repair => ({ isSafe: true, words: `--repair: ${words}` });
const byHand = (words: string): Repair => ({ isSafe: false, words: `by hand: ${words}` });

const LEDGER = byHand(
  '`npm run trace -- ORDER_ID` shows where its event is, `npm run dlq -- list` whether it was parked, `npm run audit` the ledger',
);

export const REPAIRS: Readonly<Record<Code, Repair>> = {
  UNKNOWN_ORDER: byHand(
    'find out who takes payments with this secret key; give the money back at the PSP if it is nobody’s',
  ),
  TRANSACTION_KEY_DOUBLED: byHand(
    'ask the PSP: a transaction key names one transaction, and settlement would count it twice',
  ),
  APPROVED_TWICE: byHand('ask the PSP to take the second approval back'),
  UNFORESEEN_TRANSACTION: byHand('look at it in the PSP’s back office; this shop takes cards and won only'),
  FOREIGN_CURRENCY: byHand('give it back in the PSP’s back office; this shop takes won only'),
  OTHER_PAYMENT_KEY: byHand(
    'the shopper has paid more than this order: cancel the other payment in the PSP’s back office',
  ),
  AMOUNT_DIFFERS: byHand(
    'compare both amounts in the PSP’s back office; nobody is paid out until they agree',
  ),
  PAID_AT_PSP_OPEN_HERE: done('looks the payment up and records what the PSP says'),
  PAID_AT_PSP_FAILED_HERE: done('gives the money back at the PSP (LATE_APPROVAL_REVERSED)'),
  REVERSAL_NOT_NOTED: done('notes the reversal (LATE_APPROVAL_REVERSED)'),
  CANCELED_AT_PSP_NOT_HERE: done(
    'takes the cancel over: of the whole, all remaining lines; of a part, UNALLOCATED for an administrator',
  ),
  CANCEL_UNALLOCATED: byHand('POST /api/payments/{orderId}/cancels/{cancelId}/allocate'),
  CANCEL_AMOUNT_DIFFERS: byHand('compare both amounts in the PSP’s back office'),
  PAID_HERE_NOT_AT_PSP: byHand(
    '`npm run trace -- ORDER_ID`, and ask the PSP; the sellers have been credited for it',
  ),
  CANCELED_HERE_NOT_AT_PSP: byHand('`npm run trace -- ORDER_ID`, and ask the PSP; the sellers were debited'),
  NOT_IN_PSP_LIST: byHand('compare again later; ask the PSP if it stays'),
  MOMENT_DIFFERS: byHand(
    'the PSP’s time is the one that counts for its settlement; find out where ours is from',
  ),
  OUTCOME_OPEN: done('looks the payment up and records what the PSP says'),
  CANCEL_OPEN: done('looks the cancel up and goes on as recovery does'),
  NOT_CREDITED: LEDGER,
  OVERCREDITED: LEDGER,
  NOT_DEBITED: LEDGER,
  OVERDEBITED: LEDGER,
};

/** One book's view. */
export interface Side {
  amount: Won | null;
  currency: string;
  status: string;
  at: Date | null;
}

export interface Finding {
  code: Code;
  orderId: string;
  paymentKey: string | null;
  transactionKey: string | null;
  psp: Side | null;
  /** What the payment, or the cancel, says here. */
  here: Side | null;
  /** What the sellers' ledger says, where it is the one that differs. */
  ledger: Side | null;
}

/**
 * A difference; `in-flight`: too young to be one; `note`: explained, and nothing to do; `look`: the list alone does not
 * tell, the PSP is asked about this payment.
 */
export interface Judged {
  as: 'difference' | 'in-flight' | 'note' | 'look';
  finding: Finding;
}
