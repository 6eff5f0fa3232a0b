import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '#kit/clock';
import { createLog } from '#kit/log';
import { kstText } from './kst';
import { startSimulator, type Simulator } from './simulator';
import { contractTarget, type AuthenticatedPayment } from './toss-contract.config';
import {
  basic,
  CALLS,
  CANCEL_CODES,
  CODES_OF_ALL_CALLS,
  CODES_WITHOUT_REFERENCE,
  CONFIRM_CODES,
  errorShape,
  paymentShape,
  REFUSED,
  speak,
  transactionShape,
  type Answer,
  type Json,
  type Request,
} from './toss-contract.fixture';

// Toss's contract, spoken over raw HTTP. `npm test` asks the simulator; `npm run toss-contract` asks Toss's test
// environment the same, where only what Toss documents is expected.

const target = contractTarget();
const isSimulator = target.kind === 'simulator';
const SIMULATOR_KEY = 'test_sk_contract';
const secretKey = target.kind === 'toss' ? target.secretKey : SIMULATOR_KEY;
/** Toss processes one cancel of a payment a second. */
const CANCEL_SPACING_MS = 1_100;
/** The list of transactions may lag behind. */
const LIST_LAG_MS_MAX = isSimulator ? 0 : 60_000;
const DAY_MS = 86_400_000;

let simulator: Simulator | undefined;
let dir: string | undefined;
let baseUrl = target.kind === 'toss' ? target.baseUrl : '';
beforeAll(async () => {
  if (!isSimulator) return;
  dir = mkdtempSync(join(tmpdir(), 'toss-contract-'));
  const log = createLog('psp-simulator', 'silent');
  simulator = await startSimulator({
    port: 0,
    host: '127.0.0.1',
    dir,
    clock: systemClock,
    log,
    secretKey: SIMULATOR_KEY,
  });
  baseUrl = simulator.url;
});
afterAll(async () => {
  await simulator?.close();
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
});

const ask = (request: Request): Promise<Answer> => speak(baseUrl, secretKey, request);

function expectError(answer: Answer, status: number, codes: readonly string[]): void {
  const body = errorShape.parse(answer.body);
  expect(answer.status).toBe(status);
  expect(codes).toContain(body.code);
}

function expectSome4xx(answer: Answer): void {
  errorShape.parse(answer.body);
  expect(Math.floor(answer.status / 100)).toBe(4);
}

/** A payment that a shopper has just authenticated: the simulator makes one, Toss needs a browser. */
async function authenticated(): Promise<AuthenticatedPayment> {
  if (target.kind === 'toss' && target.payment !== undefined) return target.payment;
  const order = { orderId: `contract-${randomUUID()}`, amount: 6000 };
  const { body } = await ask({ method: 'POST', path: '/simulator/payments', body: order });
  return { ...order, paymentKey: body.paymentKey };
}

const confirm = (body: AuthenticatedPayment, key: string): Promise<Answer> =>
  ask({ method: 'POST', path: '/v1/payments/confirm', body, headers: { 'idempotency-key': key } });

describe('authorization', () => {
  test.each(CALLS)('When a %s comes without a key, then it is refused', async (_what, request) => {
    const answer = await ask({ ...request, headers: { authorization: '' } });
    if (isSimulator) expectError(answer, 401, ['UNAUTHORIZED_KEY']);
    else expectSome4xx(answer);
  });

  test.each(CALLS)('When a %s comes with a key that Toss has not given, then 401', async (_what, request) => {
    const answer = await ask({ ...request, headers: { authorization: basic('test_sk_nobodys0key:') } });
    expectError(answer, 401, ['UNAUTHORIZED_KEY']);
  });

  test('When the key is encoded without its colon, then that is said', async () => {
    const [, request] = CALLS[2] ?? [];
    if (request === undefined) throw new Error('no call');
    const answer = await ask({ ...request, headers: { authorization: basic(secretKey) } });
    expectError(answer, 403, ['INCORRECT_BASIC_AUTH_FORMAT']);
  });
});

describe('what cannot be done', () => {
  test.each(REFUSED.map((one) => [one.what, one] as const))(
    'When %s, then it is refused',
    async (_what, { request, documented, simulator: simulated }) => {
      const answer = await ask(request);
      if (isSimulator) expectError(answer, simulated.status, [simulated.code]);
      if (documented === 'some 4xx') expectSome4xx(answer);
      else expectError(answer, documented.status, documented.codes);
    },
  );
});

describe('the header TossPayments-Test-Code', () => {
  const withoutReference = isSimulator ? CODES_WITHOUT_REFERENCE : [];
  const of = (what: string, codes: typeof CONFIRM_CODES) =>
    [...codes, ...CODES_OF_ALL_CALLS, ...withoutReference].map(
      ([code, status]) => [what, code, status] as const,
    );
  const requests = new Map(CALLS);

  test.each([...of('confirm', CONFIRM_CODES), ...of('cancel', CANCEL_CODES)])(
    'When a %s names %s, then it is answered with that error and HTTP %i',
    async (what, code, status) => {
      const request = requests.get(what);
      if (request === undefined) throw new Error(`no call ${what}`);
      expectError(await ask({ ...request, headers: { 'TossPayments-Test-Code': code } }), status, [code]);
    },
  );
});

describe('the idempotency key', () => {
  const unknown = { paymentKey: 'contract-no-such-key', orderId: 'contract-no-such-order', amount: 1000 };

  test('When an error was answered under it, then the same error is answered again, to the letter', async () => {
    const key = `contract-${randomUUID()}`;
    const first = await confirm(unknown, key);
    expectSome4xx(first);
    const second = await confirm(unknown, key);
    expect([second.status, second.text]).toEqual([first.status, first.text]);
  });

  test('When it is longer than 300 characters, then it is refused', async () => {
    expectError(await confirm(unknown, 'k'.repeat(301)), 400, ['INVALID_IDEMPOTENCY_KEY']);
  });

  if (isSimulator) {
    test('When the second request asks for something else, then the first answer comes all the same', async () => {
      const key = `contract-${randomUUID()}`;
      const first = await confirm(unknown, key);
      const second = await ask({
        method: 'POST',
        path: '/v1/payments/confirm',
        body: await authenticated(),
        headers: { 'idempotency-key': key, 'TossPayments-Test-Code': 'PROVIDER_ERROR' },
      });
      expect([second.status, second.text]).toEqual([first.status, first.text]);
    });
  }
});

/** Transactions of the last days, up to this moment. */
async function transactions(query: string, days = 1): Promise<Json[]> {
  const from = kstText(Date.now() - days * DAY_MS).slice(0, 19);
  const until = kstText(Date.now() + DAY_MS).slice(0, 19);
  const path = `/v1/transactions?startDate=${from}&endDate=${until}${query}`;
  const answer = await ask({ method: 'GET', path });
  expect(answer.status).toBe(200);
  return transactionShape.array().parse(answer.body);
}

describe('the list of transactions', () => {
  beforeAll(async () => {
    if (!isSimulator) return;
    for (let sold = 0; sold < 3; sold += 1) await confirm(await authenticated(), randomUUID());
  });

  test('When it is paged, then each page goes on after the last one seen, and no more than asked for is given', async () => {
    const all = await transactions('&limit=3', 6);
    expect(all.length).toBeLessThanOrEqual(3);
    // Toss's environment may have none.
    expect(all.length).toBeGreaterThanOrEqual(isSimulator ? 3 : 0);
    const [first, second] = all;
    expect(await transactions('&limit=1', 6)).toEqual(all.slice(0, 1));
    if (first === undefined) return;
    const rest = await transactions(`&limit=1&startingAfter=${first.transactionKey}`, 6);
    expect(rest.map((one) => one.transactionKey)).toEqual(
      second === undefined ? [] : [second.transactionKey],
    );
  });

  test('When a span has no transactions, then the list is empty', async () => {
    const path = '/v1/transactions?startDate=2020-01-01T00:00:00&endDate=2020-01-01T23:59:59';
    expect(await ask({ method: 'GET', path })).toMatchObject({ status: 200, body: [] });
  });
});

const isLifeKnown = isSimulator || target.payment !== undefined;
if (isLifeKnown) {
  test('A payment’s life: confirmed once, looked up, canceled in part and whole, and all of it listed', async () => {
    const { paymentKey, orderId, amount } = await authenticated();
    const key = `contract-${randomUUID()}`;
    const part = Math.floor(amount / 2);
    const cancel = async (body: object, idempotencyKey: string = randomUUID()): Promise<Answer> => {
      await sleep(CANCEL_SPACING_MS);
      const path = `/v1/payments/${paymentKey}/cancel`;
      return ask({ method: 'POST', path, body, headers: { 'idempotency-key': idempotencyKey } });
    };
    const payment = (answer: Answer): Json => {
      expect(answer).toMatchObject({ status: 200, body: { paymentKey, orderId, totalAmount: amount } });
      return paymentShape.parse(answer.body);
    };

    const confirmed = await confirm({ paymentKey, orderId, amount }, key);
    const done = payment(confirmed);
    expect(done).toMatchObject({ status: 'DONE', balanceAmount: amount, currency: 'KRW', cancels: null });
    expect(done.suppliedAmount + done.vat + done.taxFreeAmount).toBe(amount);
    expect((await confirm({ paymentKey, orderId, amount }, key)).text).toBe(confirmed.text);
    expectError(await confirm({ paymentKey, orderId, amount }, randomUUID()), 400, [
      'ALREADY_PROCESSED_PAYMENT',
    ]);

    expect(payment(await ask({ method: 'GET', path: `/v1/payments/${paymentKey}` }))).toEqual(done);
    expect(payment(await ask({ method: 'GET', path: `/v1/payments/orders/${orderId}` }))).toEqual(done);

    const wrong = { cancelReason: 'contract', cancelAmount: part, refundableAmount: amount - 1 };
    expectError(await cancel(wrong), 400, ['NOT_MATCHES_REFUNDABLE_AMOUNT']);
    const right = { ...wrong, refundableAmount: amount };
    const cancelKey = `contract-${randomUUID()}`;
    const first = await cancel(right, cancelKey);
    expect(payment(first)).toMatchObject({
      status: 'PARTIAL_CANCELED',
      balanceAmount: amount - part,
      cancels: [{ cancelAmount: part, refundableAmount: amount - part, cancelReason: 'contract' }],
    });
    expect((await cancel(right, cancelKey)).text).toBe(first.text);
    const rest = payment(await cancel({ cancelReason: 'the rest' }));
    expect(rest).toMatchObject({ status: 'CANCELED', balanceAmount: 0 });
    expect(rest.cancels.map((entry: Json) => entry.cancelAmount).toSorted()).toEqual(
      [part, amount - part].toSorted(),
    );
    expect(rest.cancels.map((entry: Json) => entry.transactionKey)).toContain(rest.lastTransactionKey);
    expectError(await cancel({ cancelReason: 'once more' }), 400, ['ALREADY_CANCELED_PAYMENT']);

    const listed = await untilListed(paymentKey, 3);
    expect(listed.map(({ status }) => status).toSorted()).toEqual(['CANCELED', 'DONE', 'PARTIAL_CANCELED']);
    const keys = [done.lastTransactionKey, ...rest.cancels.map((entry: Json) => entry.transactionKey)];
    expect(listed.map(({ transactionKey }) => transactionKey).toSorted()).toEqual(keys.toSorted());
    // The reference does not say which sign a cancel has.
    expect(listed.map((one) => Math.abs(one.amount)).toSorted((a, b) => a - b)).toEqual(
      [part, amount - part, amount].toSorted((a, b) => a - b),
    );
  });
}

/** The transactions of a payment, when there are as many as expected. */
async function untilListed(paymentKey: string, count: number): Promise<Json[]> {
  const deadlineMs = Date.now() + LIST_LAG_MS_MAX;
  for (;;) {
    const listed: Json[] = [];
    let page = await transactions('&limit=100');
    while (page.length > 0) {
      listed.push(...page.filter((one) => one.paymentKey === paymentKey));
      page = await transactions(`&limit=100&startingAfter=${page.at(-1).transactionKey}`);
    }
    if (listed.length >= count || Date.now() > deadlineMs) return listed;
    await sleep(2_000);
  }
}
