import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { TOPICS } from '#contracts/topics';
import { createKafka } from '#kit/kafka';
import { createLog } from '#kit/log';
import { PATIENCE_MS, until } from '#kit/until.fixture';
import { apply, isRunning, plan } from './apply';
import type { ConnectSettings } from './config';
import { command, ConnectBusyError, ConnectError, getConfig, getStatus, validate } from './rest';
import { openTestConnector, type TestConnector } from './test-connector.fixture';
import { ensureTopics } from './topics';

// On the run's real Kafka Connect, with a connector of the test's own on a database of its own.

const log = createLog('connect', 'silent');
let NAME: string;
let own: TestConnector;
let database: TestConnector['database'];
let settings: ConnectSettings;
beforeAll(async () => {
  own = await openTestConnector();
  ({ name: NAME, database, settings } = own);
});
afterAll(() => own.close());

describe('apply', () => {
  it('When the connector is absent, then plan says so and apply brings it to RUNNING', async () => {
    expect(await plan(settings)).toEqual([{ name: NAME, verdict: 'absent' }]);
    const said: string[] = [];
    await apply(settings, { log, timeoutMs: PATIENCE_MS, report: (line) => said.push(line) });
    expect(said.at(-1)).toBe(`connector ${NAME} applied, 1 task running`);
    expect(isRunning(await getStatus(settings, NAME))).toBe(true);
    expect(await plan(settings)).toEqual([{ name: NAME, verdict: 'same' }]);
  });

  it('When it is applied again, then nothing changes', async () => {
    const before = await getConfig(settings, NAME);
    const said: string[] = [];
    await apply(settings, { log, timeoutMs: PATIENCE_MS, report: (line) => said.push(line) });
    expect(said).toEqual([`connector ${NAME} was there already, 1 task running`]);
    expect(await getConfig(settings, NAME)).toEqual(before);
  });

  it('When a row is committed, then it is published with its key, headers and the very bytes', async () => {
    const payload = Buffer.from('0000000007ff00fe', 'hex');
    const orderId = `order-${NAME}`;
    const kafka = createKafka(settings.kafka, NAME, log);
    const consumer = kafka.consumer({ groupId: NAME, maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topics: ['wallet_payment_dlq'], fromBeginning: true });
    const arrived = new Promise<{ value: Buffer | null; headers: Record<string, string> }>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          if (message.key?.toString() !== orderId) return;
          const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
          resolve({ value: message.value, headers: Object.fromEntries(headers) as Record<string, string> });
        },
      });
    });
    await database.administer(
      `INSERT INTO outbox (id, aggregate_type, aggregate_id, event_seq, event_type, idempotency_key, payload, redrive_of)
       VALUES ('event-1', 'wallet_payment_dlq', ?, 5, 'x.Y', 'k', ?, 'd-1')`,
      [orderId, payload],
    );
    const { value, headers } = await arrived;
    await consumer.disconnect();
    expect(value).toEqual(payload);
    expect(headers).toMatchObject({ id: 'event-1', eventType: 'x.Y', aggregateSeq: '5', redriveOf: 'd-1' });
    expect(Object.keys(headers).filter((name) => name.startsWith('__debezium'))).toEqual([]);
  });

  it('When the file says something else, then plan tells the key and apply makes it so', async () => {
    own.write({ 'poll.interval.ms': '20' });
    expect(await plan(settings)).toEqual([
      {
        name: NAME,
        verdict: 'differs',
        differences: [{ key: 'poll.interval.ms', actual: '10', desired: '20' }],
      },
    ]);
    await apply(settings, { log, timeoutMs: PATIENCE_MS });
    expect(await plan(settings)).toEqual([{ name: NAME, verdict: 'same' }]);
  });

  it('When it was stopped by hand, then apply says what is, instead of waiting for ever', async () => {
    await command(settings, NAME, 'pause');
    await until('it is paused', async () => (await getStatus(settings, NAME))?.connector.state === 'PAUSED');
    await expect(apply(settings, { log, timeoutMs: 1_000 })).rejects.toThrow(
      /is PAUSED: npm run connect -- resume/,
    );
    await command(settings, NAME, 'resume');
  });

  it('When the password is wrong, then Debezium’s reason is said, and nothing was changed', async () => {
    // The resumption before may still be a rebalance.
    let before: Awaited<ReturnType<typeof getConfig>>;
    await until('Connect has time to answer', async () => {
      before = await getConfig(settings, NAME).catch((error: unknown) => {
        if (error instanceof ConnectBusyError) return undefined;
        throw error;
      });
      return before !== undefined;
    });
    own.write({ 'database.password': 'wrong' });
    const error: unknown = await apply(settings, { log, timeoutMs: PATIENCE_MS }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as Error).message).toMatch(
      new RegExp(
        `connector ${NAME} is not valid:\\n {2}database\\.hostname: .*Access denied for user 'debezium'`,
      ),
    );
    expect((error as Error).message).not.toMatch(/NullPointer|500/);
    expect(await getConfig(settings, NAME)).toEqual(before);
    own.write();
  });

  it('When an option is nonsense, then it is named', async () => {
    const problems = await validate(settings, {
      name: 'nonsense',
      config: { 'connector.class': 'io.debezium.connector.mysql.MySqlConnector', 'snapshot.mode': 'maybe' },
    });
    expect(problems.join('\n')).toMatch(/^snapshot\.mode: /m);
    expect(problems.join('\n')).toMatch(/^topic\.prefix: /m);
  });

  it('When Kafka Connect is not there, then one sentence says so', async () => {
    await expect(plan({ ...settings, url: 'http://127.0.0.1:9' })).rejects.toThrow(
      'Kafka Connect does not answer at http://127.0.0.1:9. Is it running? (npm run stack -- status)',
    );
  });
});

describe('topics', () => {
  it('have their partition counts, and are not touched when they are there', async () => {
    expect(await ensureTopics(settings, log)).toEqual({ created: [], differing: [] });
    const admin = createKafka(settings.kafka, NAME, log).admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: Object.keys(TOPICS) });
    await admin.disconnect();
    expect(
      Object.fromEntries(topics.map(({ name, partitions }) => [name, { partitions: partitions.length }])),
    ).toEqual(TOPICS);
  });

  it('When Kafka is not there, then that is a ConnectError', async () => {
    const nowhere = { ...settings, kafka: { ...settings.kafka, KAFKA_BROKERS: ['127.0.0.1:9'] } };
    await expect(ensureTopics(nowhere, log)).rejects.toThrow(ConnectError);
  });
});

describe('the command', () => {
  interface Ended {
    exitCode: number | null;
    stdout: string;
    stderr: string;
  }
  const run = (args: string[], env?: NodeJS.ProcessEnv): Promise<Ended> =>
    new Promise((resolve) => {
      const main = join(__dirname, '..', 'dist', 'connect', 'main.js');
      const child = spawn(process.execPath, [main, ...args], env === undefined ? {} : { env });
      const ended: Ended = { exitCode: null, stdout: '', stderr: '' };
      child.stdout.on('data', (chunk: Buffer) => (ended.stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (ended.stderr += chunk.toString()));
      child.on('close', (exitCode) => resolve({ ...ended, exitCode }));
    });

  /** A Kafka Connect that answers as told. */
  async function withConnect(answer: (path: string) => [number, unknown], args: string[]): Promise<Ended> {
    const server = createServer((req, res) => {
      const [status, body] = answer(req.url ?? '');
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ended = await run(args, { CONNECT_URL: url });
    await new Promise((resolve) => server.close(resolve));
    return ended;
  }
  const of = (state: string, task: string) => (): [number, unknown] => [
    200,
    { name: 'a', connector: { state }, tasks: [{ id: 0, state: task, trace: 'x\nCaused by: the reason' }] },
  ];

  it('plan exits 0 when all is as it should be, 2 when it differs or is absent, 1 on an error', async () => {
    expect(await run(['plan'])).toMatchObject({ exitCode: 0, stdout: 'payment-eda-outbox: same\n' });
    expect(await withConnect(() => [404, {}], ['plan'])).toMatchObject({
      exitCode: 2,
      stdout: 'payment-eda-outbox: absent\n',
    });
    const differs = await withConnect(() => [200, { 'tasks.max': '9' }], ['plan']);
    expect(differs.exitCode).toBe(2);
    expect(differs.stdout).toMatch(/tasks\.max\n {4}is {5}9\n {4}should 1\n/);
    const failed = await withConnect(() => [500, { message: 'no' }], ['plan']);
    expect(failed).toMatchObject({ exitCode: 1, stdout: '' });
    expect(failed.stderr).toMatch(/500 no/);
  });

  it('status exits 0 while connector and task run, 1 otherwise, and says why', async () => {
    expect(await run(['status'])).toMatchObject({
      exitCode: 0,
      stdout: 'payment-eda-outbox: connector RUNNING, task 0 RUNNING\n',
    });
    expect(await withConnect(of('RUNNING', 'FAILED'), ['status'])).toMatchObject({
      exitCode: 1,
      stdout: 'payment-eda-outbox: connector RUNNING, task 0 FAILED\n  Caused by: the reason\n',
    });
    expect((await withConnect(of('PAUSED', 'PAUSED'), ['status'])).exitCode).toBe(1);
    expect((await withConnect(() => [404, {}], ['status'])).stdout).toBe('payment-eda-outbox: absent\n');
    const json = await withConnect(of('RUNNING', 'RUNNING'), ['status', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject([{ name: 'payment-eda-outbox', status: { name: 'a' } }]);
  });

  it('When it is called wrongly, then the usage is said and it exits 1', async () => {
    expect(await run([])).toMatchObject({ exitCode: 1, stdout: '' });
    expect((await run(['fly'])).stderr).toMatch(/unknown: fly\nnpm run connect/);
  });
});
