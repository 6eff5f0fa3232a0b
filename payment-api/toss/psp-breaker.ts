import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  handleWhenResult,
  SamplingBreaker,
} from 'cockatiel';
import type { Logger } from '#kit/log';
import { Refusal } from '#kit/refusal';
import type { Psp, PspAnswer } from './toss-client';

/**
 * That share of the calls of the last seconds failed, and there were enough of them: the PSP is taken for down. Less than
 * half, because a failed confirm is followed by a look that may well succeed. More calls than the three that one payment
 * whose answers are lost can make: one shopper does not close the shop for all.
 */
const FAILED_SHARE = 0.4;
const WINDOW_MS = 30_000;
const CALLS_MIN = 8;

/** May a new request go to the PSP? @returns PEC0014 while the circuit is open */
export type PspGate = () => Refusal | undefined;

export interface PspBreaker {
  /** The PSP; a call that is not made because the circuit is open is answered `none`, and says that it was not sent. */
  psp: Psp;
  gate: PspGate;
  isOpen: () => boolean;
}

/** No answer, an error of the server, "too many requests": the PSP is in trouble. A refusal is not trouble. */
const isTrouble = (answer: PspAnswer): boolean =>
  answer.kind === 'none' || (answer.kind === 'error' && (answer.http >= 500 || answer.http === 429));

const NOT_SENT: PspAnswer = { kind: 'none', reason: 'not sent: the PSP is taken for down', isSent: false };

/**
 * Puts a circuit breaker before the PSP. While it is open nobody waits for a PSP that does not answer, and no payment is
 * claimed. After `openMs` one call tries whether the PSP is back.
 */
export function breakerOf(psp: Psp, { openMs, log }: { openMs: number; log: Logger }): PspBreaker {
  const policy = circuitBreaker(
    handleWhenResult((answer) => isTrouble(answer as PspAnswer)),
    {
      halfOpenAfter: openMs,
      breaker: new SamplingBreaker({
        threshold: FAILED_SHARE,
        duration: WINDOW_MS,
        minimumRps: CALLS_MIN / (WINDOW_MS / 1000),
      }),
    },
  );
  let openedAtMs = 0;
  policy.onBreak(() => {
    openedAtMs = performance.now();
    log.error({ openMs }, 'ALARM: the PSP is taken for down; confirms and cancels are refused');
  });
  policy.onReset(() => log.info('the PSP answers again'));

  const guarded = (call: () => Promise<PspAnswer>): Promise<PspAnswer> =>
    policy.execute(call).catch((error: unknown) => {
      if (error instanceof BrokenCircuitError) return NOT_SENT;
      throw error;
    });
  const leftMs = (): number => Math.max(openedAtMs + openMs - performance.now(), 0);
  const isShut = (): boolean =>
    policy.state === CircuitState.HalfOpen || (policy.state === CircuitState.Open && leftMs() > 0);

  return {
    psp: {
      confirm: (request, key) => guarded(() => psp.confirm(request, key)),
      cancel: (request, key) => guarded(() => psp.cancel(request, key)),
      lookUp: (paymentKey) => guarded(() => psp.lookUp(paymentKey)),
      lookUpOrder: (orderId) => guarded(() => psp.lookUpOrder(orderId)),
    },
    gate() {
      if (!isShut()) return undefined;
      return new Refusal('PEC0014', {
        retryAfterSeconds: Math.max(1, Math.ceil(leftMs() / 1000)),
        internal: 'the circuit breaker towards the PSP is open',
      });
    },
    isOpen: () => policy.state !== CircuitState.Closed,
  };
}
