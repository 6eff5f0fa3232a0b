import type { Request, RequestHandler } from 'express';
import type { Logger } from '#kit/log';
import { type Clock, sleep } from '#kit/clock';
import { authenticate } from './authenticate';
import type { Book } from './book';
import type { Call } from './calls';
import { TossError, tossError, type TossErrorCode } from './errors';
import type { Fault, Faults, Operation, Subject } from './faults/faults';
import { IDEMPOTENCY_KEY_LENGTH_MAX, idempotencyIdentity } from './idempotency';
import type { Payment } from './payments';
import type { Webhooks } from './webhooks/webhooks';

/** What every call of the `/v1` API works with. */
export interface World {
  readonly clock: Clock;
  readonly log: Logger;
  readonly book: Book;
  readonly faults: Faults;
  readonly webhooks: Webhooks;
  readonly secretKey: string;
  /** How long an authenticated payment waits for its confirm. */
  readonly sessionMs: number;
  /** Cancels of one payment must be this far apart. */
  readonly cancelIntervalMs: number;
  /** Aborts when the simulator closes. */
  readonly closing: AbortSignal;
}

/** What a call decided: a body or a refusal, and the payment if that has changed. */
export type Decision =
  | { readonly body: unknown; readonly payment?: Payment }
  | { readonly refusal: TossError; readonly payment?: Payment };

/** One call of the `/v1` API. */
export interface TossCall {
  readonly operation: Operation;
  /** Whom the request concerns, as far as it can be told before it is checked. */
  subject(request: Request): { orderId: string | null; paymentKey: string | null };
  decide(request: Request, nowMs: number): Decision;
  /** The payment after an injected refusal by the card company, if that changes it. */
  refused?(request: Request, error: TossError): Payment | undefined;
}

/** What goes back over the wire, and the payment that changed on the way. */
interface Reply {
  status: number;
  code: string | null;
  body: string;
  payment?: Payment;
  replayed?: true;
}

/** A request on its way through. */
interface Incoming {
  request: Request;
  subject: Subject;
  fault: Fault | undefined;
  apiKey: string;
  atMs: number;
  /** Set when the answer has to be kept for an `Idempotency-Key`. */
  identity?: string;
}

/** A reply and the promise that it is on disk. */
interface Concluded {
  reply: Reply;
  written: Promise<void>;
}

const TEST_CODE_HEADER = 'TossPayments-Test-Code';

/**
 * Everything that calls of the `/v1` API have in common, in Toss's order: authentication, idempotency,
 * injected
 * faults, the work itself, then the answer, once all of it is on disk.
 */
export function tossApi(world: World, call: TossCall): RequestHandler {
  return async (request, response) => {
    const subject: Subject = {
      operation: call.operation,
      method: request.method,
      path: request.originalUrl,
      ...call.subject(request),
    };
    const atMs = world.clock().getTime();
    const login = authenticate(request.headers.authorization, world.secretKey);
    const incoming: Incoming = {
      request,
      subject,
      atMs,
      fault: 'refusal' in login ? undefined : world.faults.take(subject),
      apiKey: 'refusal' in login ? '' : login.apiKey,
    };
    const concluded =
      'refusal' in login
        ? conclude(world, incoming, refusalReply(login.refusal))
        : await carryOut(world, call, incoming);
    await concluded?.written;
    if (incoming.fault?.hold === 'answer') await world.faults.hold(subject, 'answer');
    if (concluded === undefined || incoming.fault?.drop === true || world.closing.aborted)
      return cut(request);
    const { status, body } = concluded.reply;
    response.status(status).type('application/json').send(body);
  };
}

/** @returns undefined when the simulator closes before the work is done. */
async function carryOut(world: World, call: TossCall, incoming: Incoming): Promise<Concluded | undefined> {
  const { request, apiKey, atMs } = incoming;
  // Toss ignores the header on a GET, which is idempotent by itself.
  const key = request.method === 'POST' ? request.get('Idempotency-Key') : undefined;
  if (key === undefined || key === '') return work(world, call, incoming);
  const refuse = (code: TossErrorCode) => conclude(world, incoming, refusalReply(tossError(code)));
  if (key.length > IDEMPOTENCY_KEY_LENGTH_MAX) return refuse('INVALID_IDEMPOTENCY_KEY');

  const { idempotency } = world.book;
  const identity = idempotencyIdentity({ key, apiKey, method: request.method, url: request.originalUrl });
  const beginning = idempotency.begin(identity, atMs);
  if (beginning.kind === 'running') return refuse('IDEMPOTENT_REQUEST_PROCESSING');
  if (beginning.kind === 'answered') {
    await sleep(incoming.fault?.latencyMs ?? 0, world.closing);
    const { status, code, body } = await world.book.answerAt(beginning.place);
    return conclude(world, incoming, { status, code, body, replayed: true });
  }
  try {
    const concluded = await work(world, call, { ...incoming, identity });
    if (concluded === undefined) idempotency.abandon(identity);
    return concluded;
  } catch (error) {
    idempotency.abandon(identity);
    throw error;
  }
}

async function work(world: World, call: TossCall, incoming: Incoming): Promise<Concluded | undefined> {
  const { subject, fault } = incoming;
  if (fault !== undefined && fault.latencyMs > 0) await sleep(fault.latencyMs, world.closing);
  if (fault?.hold === 'request') await world.faults.hold(subject, 'request');
  if (world.closing.aborted) return undefined;
  // No await from here to the commit: what is decided is remembered before another request can decide.
  return conclude(world, incoming, decide(world, call, incoming));
}

function decide(world: World, call: TossCall, { request, fault, apiKey }: Incoming): Reply {
  // Live keys ignore the header, as at Toss.
  const testCode = apiKey.startsWith('test_') ? request.get(TEST_CODE_HEADER) : undefined;
  if (testCode !== undefined) return refusalReply(new TossError(testCode));

  const nowMs = world.clock().getTime();
  if (fault?.error === undefined) return decisionReply(call.decide(request, nowMs));
  const { code, status, afterWork } = fault.error;
  const error = new TossError(code, status === undefined ? {} : { status });
  if (afterWork) return refusalReply(error, call.decide(request, nowMs).payment);
  return refusalReply(error, error.refusal ? call.refused?.(request, error) : undefined);
}

function decisionReply(decision: Decision): Reply {
  if ('refusal' in decision) return refusalReply(decision.refusal, decision.payment);
  return withPayment({ status: 200, code: null, body: JSON.stringify(decision.body) }, decision.payment);
}

function refusalReply(error: TossError, payment?: Payment): Reply {
  const body = JSON.stringify({ code: error.code, message: error.message });
  return withPayment({ status: error.status, code: error.code, body }, payment);
}

function withPayment(reply: Reply, payment: Payment | undefined): Reply {
  return payment === undefined ? reply : { ...reply, payment };
}

/** Starts writing down the call, its answer and what it changed, as one line. */
function conclude(world: World, incoming: Incoming, reply: Reply): Concluded {
  const { request, subject, fault, identity, atMs } = incoming;
  const { status, code, body, payment } = reply;
  const call: Call = {
    method: subject.method,
    path: subject.path,
    idempotencyKey: request.get('Idempotency-Key') ?? null,
    orderId: subject.orderId,
    paymentKey: subject.paymentKey,
    status,
    code,
    at: new Date(atMs).toISOString(),
    ...(reply.replayed === true && { replayed: true }),
    ...(fault?.drop === true && { dropped: true }),
  };
  world.log[status < 400 ? 'debug' : 'info']({ call }, 'call');
  const written = world.book.commit({
    call,
    ...(payment !== undefined && { payment }),
    ...(identity !== undefined && { answer: { identity, firstUsedAtMs: atMs, status, code, body } }),
  });
  if (payment !== undefined)
    void written.then(
      () => world.webhooks.notify(payment),
      () => undefined,
    );
  return { reply, written };
}

/** Ends the connection without a word, like a network that fails. */
function cut(request: Request): void {
  request.socket.destroy();
}
