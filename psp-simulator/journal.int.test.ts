import { appendFileSync, cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from '#kit/temp-folder.fixture';
import { Book } from './book';
import { closeFixtures, fixture, type Fixture } from './simulator.fixture';

afterEach(closeFixtures);

const orderId = 'order-journal';
const amount = 6000;

/** What a SIGKILL at this moment would leave: the files, without anybody having closed them. */
async function afterKill(made: Fixture): Promise<Fixture> {
  const dir = tempFolder('psp-simulator');
  cpSync(made.dir, dir, { recursive: true });
  return fixture({ dir });
}

describe('survival', () => {
  it('When the process is killed after an answer, then payments, calls and answers are there', async () => {
    const made = await fixture({ cancelIntervalMs: 0 });
    const paymentKey = await made.shopper(orderId, amount);
    const confirmed = await made.confirm({ paymentKey, orderId, amount }, 'key-1');
    const cancel = { cancelReason: 'a', cancelAmount: 1000 };
    await made.toss('POST', `/v1/payments/${paymentKey}/cancel`, cancel);
    const before = await made.toss('GET', `/v1/payments/${paymentKey}`);
    const callsBefore = await made.calls();

    const again = await afterKill(made);
    expect(await again.toss('GET', `/v1/payments/${paymentKey}`)).toEqual(before);
    expect((await again.calls()).slice(0, callsBefore.length)).toEqual(callsBefore);
    expect(await again.confirm({ paymentKey, orderId, amount }, 'key-1')).toEqual(confirmed);
    const list = await again.toss('GET', '/v1/transactions?startDate=2026-11-22&endDate=2026-11-22');
    expect(list.body.map((one: { amount: number }) => one.amount)).toEqual([6000, -1000]);
    expect((await again.confirm({ paymentKey, orderId, amount }, 'key-2')).body.code).toBe(
      'ALREADY_PROCESSED_PAYMENT',
    );
  });

  it('When the answer was dropped before the kill, then the approval and its answer are there', async () => {
    const made = await fixture();
    const paymentKey = await made.shopper(orderId, amount);
    await made.control('PUT', '/simulator/faults', { dropResponseRate: 1, times: 1 });
    await expect(made.confirm({ paymentKey, orderId, amount }, 'key-1')).rejects.toThrow('fetch failed');
    const again = await afterKill(made);
    expect(await again.calls(orderId)).toMatchObject([{ status: 200, dropped: true }]);
    expect((await again.confirm({ paymentKey, orderId, amount }, 'key-1')).body.status).toBe('DONE');
  });

  it('When the last line is torn, at any byte, then it is cut off and the rest is whole', async () => {
    const made = await fixture();
    const paymentKey = await made.shopper(orderId, amount);
    const whole = statSync(join(made.dir, 'journal.jsonl')).size;
    await made.confirm({ paymentKey, orderId, amount }, 'key-1');
    const text = readFileSync(join(made.dir, 'journal.jsonl'));
    for (const bytes of [whole, whole + 1, text.length - 2, text.length - 1]) {
      const dir = tempFolder('psp-simulator');
      writeFileSync(join(dir, 'journal.jsonl'), text.subarray(0, bytes));
      const again = await fixture({ dir });
      expect((await again.toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('IN_PROGRESS');
      expect((await again.confirm({ paymentKey, orderId, amount }, 'key-1')).body.status).toBe('DONE');
      const third = await afterKill(again);
      expect((await third.toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('DONE');
    }
  });

  it('When a line in the middle is damaged, then the simulator says where and does not start', async () => {
    const dir = tempFolder('psp-simulator');
    writeFileSync(join(dir, 'journal.jsonl'), '{}\n');
    appendFileSync(join(dir, 'journal.jsonl'), 'garbage\n{}\n');
    await expect(fixture({ dir })).rejects.toThrow('damaged at byte 3');
  });

  it('When the journal is larger than what is read at once, then every line is found again', async () => {
    const dir = tempFolder('psp-simulator');
    const book = await Book.open({ dir, callsMax: 10 });
    const body = '한'.repeat(1000);
    const answers = Array.from({ length: 600 }, (_, n) => ({
      answer: { identity: `id-${n}`, firstUsedAtMs: 0, status: 200, code: null, body: `${body}${n}` },
    }));
    await Promise.all(answers.map((record) => book.commit(record)));
    await book.close();
    const again = await Book.open({ dir, callsMax: 10 });
    for (const { answer } of answers) {
      const found = again.idempotency.begin(answer.identity, 1);
      if (found.kind !== 'answered') throw new Error(`${answer.identity} is lost`);
      expect(await again.answerAt(found.place)).toEqual(answer);
    }
    await again.close();
  });

  it('When it was closed, then it is not healthy and takes nothing more', async () => {
    const dir = tempFolder('psp-simulator');
    const book = await Book.open({ dir, callsMax: 10 });
    expect(book.healthy).toBe(true);
    await book.close();
    expect(book.healthy).toBe(false);
    await expect(book.commit({})).rejects.toThrow('closed');
  });
});

describe('health', () => {
  it('When the simulator runs, then it is live and ready', async () => {
    const { control } = await fixture();
    expect(await control('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'UP' } });
    expect(await control('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'UP' } });
  });

  it('When its port is taken, then starting fails and leaves nothing open', async () => {
    const { simulator } = await fixture();
    await expect(fixture({ port: simulator.port })).rejects.toThrow('EADDRINUSE');
  });

  it('When the body is no JSON or too large, then it is refused in the form of Toss', async () => {
    const { simulator } = await fixture();
    const post = (body: string) =>
      fetch(`${simulator.url}/v1/payments/confirm`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', connection: 'close' },
      });
    const malformed = await post('{');
    expect(malformed.status).toBe(400);
    expect(await malformed.json()).toMatchObject({ code: 'INVALID_REQUEST' });
    expect((await post(JSON.stringify('x'.repeat(70_000)))).status).toBe(413);
  });
});
