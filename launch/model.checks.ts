/** A model in `docs/model/`, by the name of its file. */
export type ModelName = 'payment' | 'cancel' | 'settlement';

/** One question to the checker: a model with some of its switches set. */
export interface ModelCheck {
  model: ModelName;
  /** In words: what is different from the model as it stands. */
  title: string;
  /** `NAME` or `NAME=VALUE`, as the preprocessor takes them. */
  flags: readonly string[];
  /** `liveness`: under weak fairness, what is under way ends. Otherwise what must hold after every step and at rest. */
  kind: 'safety' | 'liveness';
  /** What must come out; a property's name is the one that must be found broken. */
  expected: 'holds' | { broken: string };
  /** Millions of states: compiling with more care pays. */
  isLarge: boolean;
  /** Part of `npm test` too. */
  isShort: boolean;
}

const sound = (
  model: ModelName,
  title: string,
  flags: readonly string[],
  {
    kind = 'safety',
    isLarge = false,
    isShort = false,
  }: Partial<Pick<ModelCheck, 'kind' | 'isLarge' | 'isShort'>> = {},
): ModelCheck => ({ model, title, flags, kind, expected: 'holds', isLarge, isShort });

/** Small payments: what a mutant does wrong shows with two idempotency keys. */
const PAYMENT = ['ATTEMPTS=2'];
const ONE_REQUEST = ['REQUESTS=1'];
const TWO_REQUESTS = ['REQUESTS=2', 'NO_LATE_REQUESTS', 'NO_UNCLEAR_ANSWERS'];
const ONE_CONSUMER = ['CONSUMERS=1', 'EVENTS=3'];

/** The protocol as the code has it: every one of these must hold. */
export const SOUND: readonly ModelCheck[] = [
  sound('payment', 'two servers, a worker, two payment keys', PAYMENT, { isLarge: true }),
  sound(
    'payment',
    'one server, two workers: whoever was stopped wakes up',
    [
      ...PAYMENT,
      'SERVERS=1',
      'WORKERS=2',
      'NO_LATE_REQUESTS',
      'SAME_KEY_CALLS_MAX=1',
      'ATTEMPTS_MAX=1',
      'ONE_KEY',
    ],
    { isLarge: true },
  ),
  sound('payment', 'one server, a worker', [...PAYMENT, 'SERVERS=1', 'SAME_KEY_CALLS_MAX=1'], {
    isShort: true,
  }),
  sound('payment', 'a PSP that knows idempotency keys only, if nobody is late', [
    ...PAYMENT,
    'SERVERS=1',
    'PSP_WITHOUT_KEY_GUARD',
    'NO_LATE_REQUESTS',
    'LEASES_HOLD',
  ]),
  sound('payment', 'every attempt ends', [...PAYMENT, 'SERVERS=1', 'SAME_KEY_CALLS_MAX=1'], {
    kind: 'liveness',
  }),
  sound('cancel', 'one cancel, requests that come late', ONE_REQUEST, { isShort: true }),
  sound('cancel', 'two cancels', TWO_REQUESTS, { isLarge: true }),
  sound('cancel', 'every cancel ends', ONE_REQUEST, { kind: 'liveness', isShort: true }),
  sound('settlement', 'two consumers of one partition', [], { isLarge: true }),
  sound('settlement', 'one consumer, a confirmation and two cancels', ONE_CONSUMER, { isShort: true }),
  sound('settlement', 'two workers acknowledge', ['CONSUMERS=1', 'WORKERS=2']),
  sound('settlement', 'everything is settled and acknowledged', ONE_CONSUMER, {
    kind: 'liveness',
    isShort: true,
  }),
  // Guards that stand behind another one: nothing breaks when one of them is missing.
  sound('payment', 'spare: released although an earlier call may have charged', [
    'RELEASE_AFTER_ANY_CALL',
    'SERVERS=1',
    ...PAYMENT,
  ]),
  sound('cancel', 'spare: who finds his cancel closed does not ask for a look', [
    'NO_LOOK_WHEN_CLOSED',
    ...ONE_REQUEST,
  ]),
  sound('settlement', 'spare: without the unique keys of the ledger', ['NO_LEDGER_KEY', ...ONE_CONSUMER]),
  sound('settlement', 'spare: without looking whether a debit was credited', [
    'NO_CREDIT_CHECK',
    ...ONE_CONSUMER,
  ]),
  sound('settlement', 'spare: acknowledging without the inbox', ['ACK_WITHOUT_INBOX', ...ONE_CONSUMER]),
];

const mutant = (
  model: ModelName,
  title: string,
  flags: readonly string[],
  broken: string,
  isShort = false,
): ModelCheck => ({ model, title, flags, kind: 'safety', expected: { broken }, isLarge: false, isShort });

/** The protocol with one thing done wrong: in every one of these the named property must be found broken. */
export const MUTANTS: readonly ModelCheck[] = [
  mutant(
    'payment',
    'writes are not fenced by the claim',
    ['NO_FENCE', ...PAYMENT],
    'stale-never-overwrites',
    true,
  ),
  mutant(
    'payment',
    'the claim is read and written without a lock',
    ['CLAIM_WITHOUT_LOCK', ...PAYMENT],
    'stale-never-overwrites',
  ),
  mutant(
    'payment',
    'the outbox row is written after the transaction',
    ['OUTBOX_OUTSIDE', ...PAYMENT],
    'paid-means-published',
    true,
  ),
  mutant(
    'payment',
    'a lost answer is taken for a failure',
    ['LOST_ANSWER_IS_FAILURE', ...PAYMENT],
    'kept-what-was-sold',
  ),
  mutant(
    'payment',
    'a lost answer is asked again under a new key, and the PSP knows idempotency keys only',
    [
      'LOST_ANSWER_NEW_KEY',
      'SERVERS=1',
      'PSP_WITHOUT_KEY_GUARD',
      'NO_LATE_REQUESTS',
      'LEASES_HOLD',
      ...PAYMENT,
    ],
    'charged-at-most-once',
  ),
  mutant(
    'payment',
    'recovery releases what it has taken over',
    ['RECOVERY_RELEASES', ...PAYMENT],
    'released-only-if-nothing-charged',
  ),
  mutant(
    'payment',
    'recovery gives up while the session is open',
    ['FAIL_WITHIN_SESSION', ...PAYMENT],
    'kept-what-was-sold',
  ),
  mutant(
    'payment',
    'a failure for want of news is not looked at once more',
    ['NO_LATE_LOOK', ...PAYMENT],
    'kept-what-was-sold',
  ),
  mutant('payment', 'there is no worker', ['WORKERS=0', ...PAYMENT], 'every-attempt-ends'),
  mutant(
    'payment',
    'assumption: a payment key is approved once',
    ['PSP_WITHOUT_KEY_GUARD', ...PAYMENT],
    'charged-at-most-once',
  ),
  mutant(
    'cancel',
    'writes are not fenced by the claim',
    ['NO_FENCE', ...ONE_REQUEST],
    'stale-never-overwrites',
  ),
  mutant(
    'cancel',
    'the PSP is not told what is left (no compare-and-swap)',
    ['NO_COMPARE_AND_SWAP', ...ONE_REQUEST],
    'given-back-only-what-was-asked',
    true,
  ),
  mutant(
    'cancel',
    'a lost answer is taken for a failure',
    ['LOST_ANSWER_IS_FAILURE', ...ONE_REQUEST],
    'what-we-gave-back-is-recognised',
  ),
  mutant(
    'cancel',
    'a refusal is believed without a look',
    ['REFUSAL_WITHOUT_LOOK', ...ONE_REQUEST],
    'what-we-gave-back-is-recognised',
  ),
  mutant(
    'cancel',
    'two cancels at a time, and the transaction key is not unique',
    ['NO_IN_FLIGHT_KEY', 'NO_TRANSACTION_KEY', ...TWO_REQUESTS],
    'line-canceled-once',
  ),
  mutant('cancel', 'there is no worker', ['WORKERS=0', ...ONE_REQUEST], 'every-cancel-ends'),
  mutant(
    'cancel',
    'a cancel that failed after an earlier call is not looked at once more',
    ['NO_LATE_LOOK', ...ONE_REQUEST],
    'kept-what-was-sold',
  ),
  mutant('settlement', 'no inbox', ['NO_INBOX', ...ONE_CONSUMER], 'nothing-sound-is-parked', true),
  mutant(
    'settlement',
    'no inbox, no sequence',
    ['NO_INBOX', 'NO_SEQUENCE', ...ONE_CONSUMER],
    'nothing-sound-is-parked',
  ),
  mutant(
    'settlement',
    'no inbox, no sequence, no look whether it was credited, no unique keys in the ledger',
    ['NO_INBOX', 'NO_SEQUENCE', 'NO_CREDIT_CHECK', 'NO_LEDGER_KEY', ...ONE_CONSUMER],
    'credited-at-most-once',
  ),
  mutant(
    'settlement',
    'offsets are committed before the transaction',
    ['OFFSET_BEFORE_COMMIT', ...ONE_CONSUMER],
    'everything-published-is-settled',
    true,
  ),
  mutant(
    'settlement',
    'the answer is published outside the transaction',
    ['ANSWER_OUTSIDE', ...ONE_CONSUMER],
    'everything-settled-is-acknowledged',
  ),
  mutant(
    'settlement',
    'the topic is not keyed by the order',
    ['WITHOUT_KEY', ...ONE_CONSUMER],
    'nothing-sound-is-parked',
  ),
  mutant(
    'settlement',
    'not keyed, no sequence, and a debit needs no credit',
    ['WITHOUT_KEY', 'NO_SEQUENCE', 'NO_CREDIT_CHECK', ...ONE_CONSUMER],
    'debited-after-credited',
  ),
  mutant(
    'settlement',
    'the connector loses rows (snapshot.mode=no_data)',
    ['LOSING_CONNECTOR', ...ONE_CONSUMER],
    'everything-published-is-settled',
  ),
  mutant(
    'settlement',
    'acknowledging without inbox and sequence',
    ['ACK_WITHOUT_INBOX', 'ACK_WITHOUT_SEQUENCE', ...ONE_CONSUMER],
    'everything-settled-is-acknowledged',
  ),
  mutant(
    'settlement',
    'the first acknowledgement makes the wallet done',
    ['DONE_AT_ONCE', ...ONE_CONSUMER],
    'done-means-settled',
  ),
  mutant(
    'settlement',
    'a cancel leaves the wallet done',
    ['CANCEL_KEEPS_DONE', ...ONE_CONSUMER],
    'done-means-settled',
  ),
];
