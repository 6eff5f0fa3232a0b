import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { readRecordSchemas } from '#contracts/records';
import { searchPath } from '#kit/testing.config';
import { openBooks, type Books } from './reconcile.fixture';

// The command as an operator runs it: a process of its own, its exit status, what it prints where.

const SCRIPT = join(__dirname, '..', '..', 'dist', 'payment-api', 'reconcile', 'reconcile.main.js');
/** As in the tests' codec. */
const FIRST_SCHEMA_ID = 100;

let books: Books;
beforeAll(async () => {
  books = await openBooks();
  for (const [index, { record, fingerprint }] of readRecordSchemas().entries()) {
    await books.api.database.administer(
      'INSERT INTO event_schemas (record, version, schema_id, fingerprint) VALUES (?, 1, ?, ?)',
      [record, FIRST_SCHEMA_ID + index, fingerprint],
    );
  }
});
afterAll(() => books.close());

interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command. The environment is the given one and nothing else. */
function command(args: string[], over: Record<string, string> = {}): Promise<Ended> {
  const { url } = books.api.database;
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    env: {
      PATH: searchPath(),
      OPS_DATABASE_URL: url('ops'),
      PAYMENT_DATABASE_URL: url('paymentApi'),
      PSP_BASE_URL: books.pspUrl,
      PSP_PAUSE_MS: '1',
      ...over,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended: Ended = { exitCode: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (ended.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ended.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ ...ended, exitCode }));
  });
}

test('When a difference can be repaired, then 1 without --repair, 0 with it, and 0 ever after', async () => {
  const date = books.newDay();
  await books.paid();
  const { orderId } = await books.approvedAtPsp();

  const compared = await command(['--date', date]);
  expect(compared.exitCode).toBe(1);
  expect(compared.stdout).toContain('PAID_AT_PSP_OPEN_HERE: paid at the PSP, and not ended here');
  expect(compared.stdout).toContain(orderId);
  expect(compared.stdout).toContain(`${date} 12:00:00.000 KST`);
  expect(compared.stdout).toContain('1 DIFFERENCES REMAIN');
  expect(compared.stderr).toContain('PSP: 2 transactions compared');
  expect(await books.api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED' });

  const repaired = await command(['--date', date, '--repair']);
  expect(repaired.exitCode).toBe(0);
  expect(repaired.stdout).toContain(`repaired ${orderId}: open: success`);
  expect(repaired.stdout).toContain('no differences');
  expect(await books.api.payment(orderId)).toMatchObject({ status: 'SUCCESS' });

  const again = await command(['--date', date, '--repair', '--json']);
  expect(again.exitCode).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({
    date,
    holds: true,
    differenceCount: 0,
    sums: { psp: { approvals: { count: 2, amount: '12000' } } },
    differences: [],
    inFlight: [{ code: 'NOT_CREDITED', orderId }],
    repairs: [],
  });
  expect(await books.api.events(orderId)).toHaveLength(1);
});

test('When a difference is left to a person, then 1 with --repair too, and alarms stay off the result', async () => {
  const date = books.newDay();
  const { orderId, paymentKey } = await books.paid([1, 4]);
  await books.cancelAtPsp(paymentKey, 100);
  const { exitCode, stdout, stderr } = await command(['--date', date, '--repair', '--json']);
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    holds: false,
    differences: [
      {
        code: 'CANCEL_UNALLOCATED',
        orderId,
        psp: { amount: '100' },
        repair: expect.stringContaining('allocate'),
      },
    ],
  });
  expect(stderr).toContain('ALARM');
});

test('When no difference is repaired, then the payment API’s user is not needed', async () => {
  const { exitCode, stderr } = await command(['--date', books.newDay()], {
    PAYMENT_DATABASE_URL: 'mysql://nobody:nothing@127.0.0.1:1/payment_eda',
  });
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
});

test.each<[string, string[], Record<string, string>, RegExp]>([
  ['no date', [], {}, /^which day\? npm run reconcile -- --date YYYY-MM-DD/],
  ['no day of the calendar', ['--date', '2026-02-30'], {}, /^"2026-02-30" is no date\./],
  ['a day to come', ['--date', '2999-01-01'], {}, /^2999-01-01 has not begun: in Korea it is /],
  ['an unknown option', ['--dat', '2026-01-01'], {}, /--dat/],
  [
    'no PSP',
    ['--date', '2026-01-01'],
    { PSP_BASE_URL: 'http://127.0.0.1:4' },
    /^no list from the PSP in 5 calls: .*ECONNREFUSED/,
  ],
  [
    'a key that the PSP refuses',
    ['--date', '2026-01-01'],
    { TOSS_SECRET_KEY: 'nonsense' },
    /401 UNAUTHORIZED_KEY/,
  ],
  [
    'no database',
    ['--date', '2026-01-01'],
    { OPS_DATABASE_URL: 'mysql://ops:ops@127.0.0.1:1/payment_eda' },
    /^MySQL does not answer at 127\.0\.0\.1:1: \S.*\. Is the system up \(npm start\), .*\n$/,
  ],
  [
    'default secrets in production',
    ['--date', '2026-01-01'],
    { NODE_ENV: 'production' },
    /^not for production: PSP_BASE_URL/,
  ],
])(
  'When it is run with %s, then one clear sentence and 2: nothing was compared',
  async (_what, args, over, sentence) => {
    const { exitCode, stdout, stderr } = await command(args, over);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
  },
);
