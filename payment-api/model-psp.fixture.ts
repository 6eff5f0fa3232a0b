import type { Psp, PspAnswer } from './toss/toss-client';
import type { TossCancel, TossPayment } from './toss/toss-payment';

// A PSP in memory, as the model of the money: what it has taken and given back is the truth that our rows must come to.

/** What happens to one call. `late`: no answer now, and the request arrives at the PSP some time later. */
export const FAULTS = [
  'none',
  'lost-answer',
  'lost-request',
  'late',
  'error',
  'error-after-work',
  'refuse',
] as const;
export type Fault = (typeof FAULTS)[number];

const SILENCE: PspAnswer = { kind: 'none', reason: 'model' };
const error = (code: string): PspAnswer => ({ kind: 'error', http: 400, code, message: code });

export class ModelPsp {
  readonly payments = new Map<string, TossPayment>();
  /** Requests that are still on their way. */
  readonly underWay: (() => void)[] = [];
  readonly #answers = new Map<string, PspAnswer>();
  #transactions = 0;
  readonly #run: string;

  /** @param run makes keys unique over runs on one database */
  constructor(run: string) {
    this.#run = run;
  }

  authenticate(orderId: string, totalAmount: bigint): string {
    const paymentKey = `key-${this.#run}-${this.payments.size}`;
    this.payments.set(paymentKey, {
      paymentKey,
      orderId,
      status: 'IN_PROGRESS',
      currency: 'KRW',
      totalAmount,
      balanceAmount: totalAmount,
      approvedAt: null,
      cancels: [],
      raw: '{}',
    });
    return paymentKey;
  }

  ofOrder(orderId: string): TossPayment[] {
    return [...this.payments.values()].filter((payment) => payment.orderId === orderId);
  }

  /** The shop's client; each call meets the fault that `next` names. */
  client(next: (operation: string) => Promise<Fault>, answered: () => Promise<void>): Psp {
    const post = async (
      operation: string,
      key: string,
      work: () => PspAnswer,
      refuse: () => PspAnswer,
    ): Promise<PspAnswer> => {
      const answer = this.#meet(await next(operation), `${operation} ${key}`, work, refuse);
      await answered();
      return answer;
    };
    const get = async (found: () => TossPayment | undefined): Promise<PspAnswer> => {
      const fault = await next('lookup');
      const payment = found();
      await answered();
      if (fault === 'error' || fault === 'error-after-work') return error('PROVIDER_ERROR');
      if (fault !== 'none' && fault !== 'refuse') return SILENCE;
      return payment === undefined ? error('NOT_FOUND_PAYMENT') : { kind: 'payment', payment };
    };
    return {
      confirm: ({ paymentKey }, key) =>
        post(
          'confirm',
          key,
          () => this.#confirm(paymentKey),
          () => this.#refuse(paymentKey),
        ),
      cancel: ({ paymentKey, cancelAmount, refundableAmount, cancelReason }, key) =>
        post(
          'cancel',
          key,
          () => this.#cancel(paymentKey, cancelAmount, cancelReason, refundableAmount),
          () => error('REFUND_REJECTED'),
        ),
      lookUp: (paymentKey) => get(() => this.payments.get(paymentKey)),
      lookUpOrder: (orderId) =>
        get(() => {
          const tries = this.ofOrder(orderId);
          return tries.find(({ approvedAt }) => approvedAt !== null) ?? tries.at(-1);
        }),
    };
  }

  /** Somebody at the PSP gives money back. */
  backOffice(paymentKey: string, amount: bigint): void {
    const payment = this.payments.get(paymentKey);
    if (
      payment !== undefined &&
      payment.approvedAt !== null &&
      amount > 0n &&
      amount <= payment.balanceAmount
    )
      this.#cancel(paymentKey, amount, 'back office', payment.balanceAmount);
  }

  #meet(fault: Fault, identity: string, work: () => PspAnswer, refuse: () => PspAnswer): PspAnswer {
    /** A key brings its first answer again, an error too. */
    const once = (first: () => PspAnswer): PspAnswer => {
      const before = this.#answers.get(identity);
      if (before !== undefined) return before;
      const answer = first();
      this.#answers.set(identity, answer);
      return answer;
    };
    switch (fault) {
      case 'none':
        return once(work);
      case 'lost-answer':
        once(work);
        return SILENCE;
      case 'lost-request':
        return SILENCE;
      case 'late':
        this.underWay.push(() => void once(work));
        return SILENCE;
      case 'error':
        return once(() => error('PROVIDER_ERROR'));
      case 'error-after-work':
        return once(() => {
          work();
          return error('FAILED_INTERNAL_SYSTEM_PROCESSING');
        });
      case 'refuse':
        return once(refuse);
    }
  }

  #confirm(paymentKey: string): PspAnswer {
    const payment = this.payments.get(paymentKey);
    if (payment === undefined) return error('NOT_FOUND_PAYMENT');
    if (payment.status !== 'IN_PROGRESS') return error('ALREADY_PROCESSED_PAYMENT');
    const done: TossPayment = { ...payment, status: 'DONE', approvedAt: new Date() };
    this.payments.set(paymentKey, done);
    return { kind: 'payment', payment: done };
  }

  /** The card is refused: the payment is ABORTED, unless it was approved before. */
  #refuse(paymentKey: string): PspAnswer {
    const payment = this.payments.get(paymentKey);
    if (payment?.status !== 'IN_PROGRESS') return this.#confirm(paymentKey);
    this.payments.set(paymentKey, { ...payment, status: 'ABORTED' });
    return error('REJECT_CARD_PAYMENT');
  }

  #cancel(paymentKey: string, cancelAmount: bigint, reason: string, refundable: bigint): PspAnswer {
    const payment = this.payments.get(paymentKey);
    if (payment === undefined) return error('NOT_FOUND_PAYMENT');
    if (payment.approvedAt === null) return error('NOT_CANCELABLE_PAYMENT');
    if (payment.balanceAmount === 0n) return error('ALREADY_CANCELED_PAYMENT');
    if (payment.balanceAmount !== refundable) return error('NOT_MATCHES_REFUNDABLE_AMOUNT');
    if (cancelAmount > payment.balanceAmount) return error('NOT_CANCELABLE_AMOUNT');
    const balanceAmount = payment.balanceAmount - cancelAmount;
    this.#transactions += 1;
    const entry: TossCancel = {
      transactionKey: `tx-${this.#run}-${this.#transactions}`,
      cancelAmount,
      refundableAmount: balanceAmount,
      reason,
      canceledAt: new Date(),
    };
    const after: TossPayment = {
      ...payment,
      status: balanceAmount === 0n ? 'CANCELED' : 'PARTIAL_CANCELED',
      balanceAmount,
      cancels: [...payment.cancels, entry],
    };
    this.payments.set(paymentKey, after);
    return { kind: 'payment', payment: after };
  }
}

/** A process of ours that is stopped before and after every call to the PSP. */
export class Stepper {
  readonly name: string;
  result: Promise<unknown> = Promise.resolve();
  isDone = false;
  #fault: Fault = 'none';
  #go: () => void = () => {};
  #arrived: () => void = () => {};

  constructor(name: string) {
    this.name = name;
  }

  /** Waits until the driver lets the process go on. */
  stop = async (): Promise<Fault> => {
    const gone = new Promise<void>((resolve) => (this.#go = resolve));
    this.#arrived();
    await gone;
    return this.#fault;
  };

  /** Runs the process up to its first stop. */
  async start(work: () => Promise<unknown>): Promise<void> {
    const arrived = new Promise<void>((resolve) => (this.#arrived = resolve));
    this.result = work().catch((failure: unknown) => failure);
    void this.result.then(() => {
      this.isDone = true;
      this.#arrived();
    });
    await arrived;
  }

  /** Runs the process up to its next stop; its call meets `fault`. */
  async advance(fault: Fault): Promise<void> {
    if (this.isDone) return;
    this.#fault = fault;
    const arrived = new Promise<void>((resolve) => (this.#arrived = resolve));
    this.#go();
    await arrived;
  }
}
