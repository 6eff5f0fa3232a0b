/**
 * What an error code of Toss means for a payment (docs.tosspayments.com/reference/error-codes#결제-승인). Classified by
 * code, not by HTTP status: PROVIDER_ERROR is a 400, and temporary.
 */
export type CodeMeaning =
  /** The shopper's means of payment was refused: final. */
  | 'refusal'
  /** Our keys or contract are wrong: nothing was charged, an operator must act. */
  | 'misconfiguration'
  /** The PSP does not know this payment key, or no longer: the shopper may authenticate again. */
  | 'unusable-key'
  /** Somebody has confirmed this payment key before: look it up. */
  | 'already-processed'
  /** The first request with this idempotency key still runs. */
  | 'in-progress'
  /** May pass by itself, or a code nobody knows: only a lookup tells. */
  | 'unclear';

const REFUSALS = [
  'REJECT_CARD_PAYMENT',
  'REJECT_CARD_COMPANY',
  'REJECT_ACCOUNT_PAYMENT',
  'REJECT_TOSSPAY_INVALID_ACCOUNT',
  'INVALID_STOPPED_CARD',
  'INVALID_REJECT_CARD',
  'INVALID_CARD_EXPIRATION',
  'INVALID_CARD_NUMBER',
  'INVALID_CARD_LOST_OR_STOLEN',
  'INVALID_CARD_INSTALLMENT_PLAN',
  'INVALID_PASSWORD',
  'NOT_ALLOWED_POINT_USE',
  'NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT',
  'NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN_BELOW_AMOUNT',
  'NOT_AVAILABLE_PAYMENT',
  'NOT_AVAILABLE_BANK',
  'EXCEED_MAX_DAILY_PAYMENT_COUNT',
  'EXCEED_MAX_PAYMENT_AMOUNT',
  'EXCEED_MAX_AMOUNT',
  'EXCEED_MAX_CARD_INSTALLMENT_PLAN',
  'EXCEED_MAX_ONE_DAY_AMOUNT',
  'EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT',
  'EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT',
  'EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT',
  'EXCEED_MAX_AUTH_COUNT',
  'BELOW_MINIMUM_AMOUNT',
  'RESTRICTED_TRANSFER_ACCOUNT',
  'INVALID_ACCOUNT_INFO_RE_REGISTER',
];

const MEANINGS: ReadonlyMap<string, CodeMeaning> = new Map<string, CodeMeaning>([
  ...REFUSALS.map((code) => [code, 'refusal'] as const),
  ['UNAUTHORIZED_KEY', 'misconfiguration'],
  ['INVALID_API_KEY', 'misconfiguration'],
  ['FORBIDDEN_REQUEST', 'misconfiguration'],
  ['NOT_FOUND_PAYMENT', 'unusable-key'],
  ['NOT_FOUND_PAYMENT_SESSION', 'unusable-key'],
  ['INVALID_REQUEST', 'unusable-key'],
  ['ALREADY_PROCESSED_PAYMENT', 'already-processed'],
  ['ALREADY_COMPLETED_PAYMENT', 'already-processed'],
  ['IDEMPOTENT_REQUEST_PROCESSING', 'in-progress'],
]);

export function meaningOf(code: string): CodeMeaning {
  return MEANINGS.get(code) ?? 'unclear';
}
