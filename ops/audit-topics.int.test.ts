import { randomUUID } from 'node:crypto';
import type { Admin, Kafka, Producer } from 'kafkajs';
import { createKafka } from '#kit/kafka';
import { createLog } from '#kit/log';
import { brokerOfTheRun } from '#kit/testing.config';
import { createTopics } from '#kit/topics.fixture';
import { until } from '#kit/until.fixture';
import { audit, auditText, type AuditOptions, type AuditReport } from './audit';
import { TOPIC_CHECKS } from './audit.topics';
import { decode, LEDGER, useMarket, writeLedger } from './market.fixture';
import { openTopicReader } from './topic-reader';

// The market's outbox is published on a real broker as Debezium does it: in transactions, keyed by the order. Then the
// database is changed behind its back, or the topic is.

const { run, database } = useMarket();
const log = createLog('test', 'silent');
let kafka: Kafka;
let admin: Admin;
let producer: Producer;
const made: string[] = [];
let names: { payment: string; wallet: string };

beforeAll(async () => {
  kafka = createKafka(brokerOfTheRun(), `test-${randomUUID()}`, log);
  admin = kafka.admin();
  producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    transactionalId: `test-${randomUUID()}`,
  });
  await Promise.all([admin.connect(), producer.connect()]);
});
afterAll(async () => {
  await admin.deleteTopics({ topics: made });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});
beforeEach(async () => {
  names = { payment: `payment-${randomUUID()}`, wallet: `wallet-${randomUUID()}` };
  made.push(...Object.values(names));
  await createTopics(
    admin,
    Object.values(names).map((topic) => ({ topic, numPartitions: 2 })),
  );
  // Events have ids of the form that consumers take as one.
  for (const { id } of await run('SELECT id FROM outbox ORDER BY no')) {
    const uuid = randomUUID();
    await run('UPDATE inbox SET event_id = ? WHERE event_id = ?', [uuid, id]);
    await run('UPDATE outbox SET id = ? WHERE id = ?', [uuid, id]);
  }
  await run(`UPDATE inbox i JOIN outbox o ON o.id = i.event_id SET i.payload_hash = SHA2(o.payload, 256)`);
});

interface Event {
  topic: 'payment' | 'wallet';
  key: string;
  value: Buffer;
  headers: Record<string, string>;
  /** When it was published, in milliseconds. */
  timestamp?: string;
}
/** Later than the promised time and the audit's overlap. */
const LONG_AGO = String(Date.now() - 3 * 60 * 60 * 1_000);

const eventOf = (row: Record<string, unknown>): Event => ({
  topic: row['aggregate_type'] as Event['topic'],
  key: String(row['aggregate_id']),
  value: row['payload'] as Buffer,
  headers: {
    id: String(row['id']),
    eventType: String(row['event_type']),
    aggregateSeq: String(row['event_seq']),
  },
});

async function rows(where = 'TRUE'): Promise<Event[]> {
  return (await run(`SELECT * FROM outbox WHERE ${where} ORDER BY no`)).map(eventOf);
}

async function publish(events: readonly Event[]): Promise<void> {
  const transaction = await producer.transaction();
  const sent = [];
  for (const { topic, ...message } of events)
    sent.push(...(await transaction.send({ topic: names[topic], messages: [message] })));
  await transaction.commit();
  // The broker writes the markers of a commit after it has answered; until then nothing of it can be read.
  for (const topic of new Set(sent.map(({ topicName }) => topicName))) {
    const own = sent.filter(({ topicName }) => topicName === topic);
    for (let isVisible = false; !isVisible;) {
      const ends = new Map((await admin.fetchTopicOffsets(topic)).map((end) => [end.partition, end.high]));
      isVisible = own.every(
        ({ partition, baseOffset }) => BigInt(ends.get(partition) ?? 0) > BigInt(baseOffset ?? 0),
      );
    }
  }
}

const forged = (changes: Partial<Event> = {}): Event => ({
  topic: 'payment',
  key: 'order-paid',
  value: Buffer.from('0000000007', 'hex'),
  headers: { id: randomUUID(), eventType: 'x.Y', aggregateSeq: '9' },
  timestamp: LONG_AGO,
  ...changes,
});

const auditNow = (options: AuditOptions = {}): Promise<AuditReport> =>
  audit(database(), { decode, topics: openTopicReader(brokerOfTheRun(), { topics: names }), ...options });
const brokenIn = ({ findings }: AuditReport): string[] =>
  findings.filter(({ holds }) => !holds).map(({ check }) => check);
const rowsOf = ({ findings }: AuditReport, name: string) =>
  findings.find(({ check }) => check === name)?.rows ?? [];
const [READ, EVENTS, ROWS, AS_PUBLISHED] = Object.values(TOPIC_CHECKS).map(([name]) => name) as [
  string,
  string,
  string,
  string,
];

describe('the topics as a witness', () => {
  it('When topics, outbox and ledger agree, then the audit holds and says what it has compared', async () => {
    await publish(await rows());
    const report = await auditNow();
    expect(report.findings.flatMap(({ rows: broken }) => broken)).toEqual([]);
    expect(report.findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([READ, EVENTS, ROWS, AS_PUBLISHED]),
    );
    expect(report.topics).toEqual({
      isRead: true,
      events: 10,
      refused: 0,
      purged: 0,
      isFull: true,
    });
    expect(auditText(report)).toMatch(/\ntopics: 10 events compared\naudit holds$/);
  });

  it('When somebody rewrites a whole chain in ledger, outbox and checkpoints, then only the topic knows', async () => {
    await publish(await rows());
    expect(brokenIn(await auditNow())).toEqual([]);
    // A won more for seller 1, everywhere: ledger, heads, events, checkpoints, payment, and what the PSP said.
    const [, ...others] = LEDGER;
    await writeLedger(run, [[1, 'CREDIT', 1001, 1, 'order-paid'], ...others]);
    await run('UPDATE payment_orders SET amount = 1001 WHERE no = 1');
    await run(
      "UPDATE payment_events SET total_amount = 2501, psp_raw_data = REPLACE(psp_raw_data, '2500', '2501') WHERE no = 1",
    );
    await run(
      `INSERT INTO ledger_checkpoints SELECT no, last_seq, last_hash, balance, NOW(3) FROM wallets WHERE last_seq > 0`,
    );
    await run('UPDATE inbox i JOIN outbox o ON o.id = i.event_id SET i.payload_hash = SHA2(o.payload, 256)');
    expect(brokenIn(await audit(database(), { decode }))).toEqual([]);
    const report = await auditNow();
    expect(brokenIn(report)).toEqual([EVENTS, AS_PUBLISHED]);
    expect(
      rowsOf(report, AS_PUBLISHED)
        .map(({ wallet_no: no, wallet_seq: seq, problem }) => [no, seq, problem])
        .sort(),
    ).toEqual([1n, 2n, 3n, 4n].map((seq) => [1n, seq, 'it was published with another hash']));
    expect(rowsOf(report, EVENTS).map(({ problem }) => problem)).toContain(
      'its outbox row has another content',
    );
  });

  it('When a line and its outbox row are removed, then the topic tells of it', async () => {
    await publish(await rows());
    const tail = LEDGER.slice(0, -1);
    await run(
      "DELETE FROM outbox WHERE aggregate_type = 'wallet' AND aggregate_id = 'order-canceled' AND event_seq = 2",
    );
    await writeLedger(run, tail);
    const report = await auditNow();
    expect(brokenIn(report)).toContain(EVENTS);
  });

  it.each([
    [
      'amount',
      'UPDATE wallet_transactions SET amount = 1500.01 WHERE wallet_no = 2 AND wallet_seq = 1',
      /the amount 1500/,
    ],
    [
      'order',
      "UPDATE wallet_transactions SET order_id = 'order-open' WHERE wallet_no = 2 AND wallet_seq = 1",
      /of another order/,
    ],
    [
      'type',
      "UPDATE wallet_transactions SET type = 'DEBIT' WHERE wallet_no = 2 AND wallet_seq = 1",
      /as a CREDIT/,
    ],
    [
      'payment line',
      'UPDATE wallet_transactions SET reference_id = 5 WHERE wallet_no = 2 AND wallet_seq = 1',
      /of another payment line/,
    ],
    [
      'hash',
      "UPDATE wallet_transactions SET line_hash = REPEAT('f', 64) WHERE wallet_no = 2 AND wallet_seq = 1",
      /another hash/,
    ],
    [
      'place',
      'UPDATE wallet_transactions SET wallet_seq = 9 WHERE wallet_no = 2 AND wallet_seq = 1',
      /is gone/,
    ],
  ])(
    'When a line has another %s than was published, then that is said',
    async (_what, statement, problem) => {
      await publish(await rows());
      await run(statement);
      const report = await auditNow();
      expect(rowsOf(report, AS_PUBLISHED)).toMatchObject([
        { wallet_no: 2n, wallet_seq: 1n, problem: expect.stringMatching(problem) as unknown },
      ]);
    },
  );

  it('When an event on a topic has no outbox row, then it is found, unless its consumer has refused it', async () => {
    const stranger = forged();
    await publish([...(await rows()), stranger]);
    const found = await auditNow();
    expect(brokenIn(found)).toEqual([EVENTS]);
    expect(rowsOf(found, EVENTS)).toMatchObject([
      {
        topic: 'payment',
        event_id: stranger.headers['id'],
        problem: 'no outbox row has this event, and its consumer has not taken it',
      },
    ]);
    const arrive = (applied: boolean) =>
      run(
        `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash, applied)
         VALUES ('wallet-service', ?, 'payment', 0, 0, 'order-paid', 9, SHA2(X'0000000007', 256), ?)
         ON DUPLICATE KEY UPDATE applied = VALUES(applied)`,
        [stranger.headers['id'], applied],
      );
    await arrive(true);
    expect(rowsOf(await auditNow(), EVENTS)).toMatchObject([
      { problem: 'no outbox row has this event, and its consumer has applied it' },
    ]);
    await arrive(false);
    const refused = await auditNow();
    expect(brokenIn(refused)).toEqual([]);
    expect(refused.topics).toMatchObject({ events: 11, refused: 1 });
    expect(auditText(refused)).toContain('11 events compared, 1 that are none of ours and were refused');
    await run('UPDATE inbox SET payload_hash = ? WHERE event_id = ?', [
      '0'.repeat(64),
      stranger.headers['id'],
    ]);
    expect(rowsOf(await auditNow(), EVENTS)).toMatchObject([
      { problem: 'no outbox row has this event, and its consumer has taken another content' },
    ]);
  });

  it('When an event without a row is young, then it is left to the next audit: MySQL may not show its row yet', async () => {
    await auditNow();
    await publish([...(await rows()), forged({ timestamp: String(Date.now()) })]);
    const young = await auditNow();
    expect(brokenIn(young)).toEqual([]);
    // Nobody could still call it young, and it lies behind no checkpoint.
    expect(brokenIn(await auditNow({ alwaysFullLines: 0, graceS: 0 }))).toEqual([EVENTS]);
    // An event from the future would be young for ever.
    await publish([forged({ timestamp: String(Date.now() + 60_000) })]);
    expect(rowsOf(await auditNow(), EVENTS)).toHaveLength(1);
  });

  it('When a row is removed, then it is found; when all were purged on purpose, then their events still count', async () => {
    await publish((await rows()).map((event) => ({ ...event, timestamp: LONG_AGO })));
    await run("DELETE FROM outbox WHERE aggregate_type = 'payment' AND aggregate_id = 'order-paid'");
    const report = await auditNow();
    expect(brokenIn(report)).toEqual([EVENTS]);
    expect(rowsOf(report, EVENTS)).toMatchObject([{ topic: 'payment', order_id: 'order-paid' }]);
    await run('DELETE FROM outbox');
    // Nothing purges by itself: a whole outbox that is gone was taken away, unless somebody says otherwise.
    expect(rowsOf(await auditNow(), EVENTS)).toHaveLength(10);
    const tooEarly = new Date(Number(LONG_AGO) - 60_000);
    expect(rowsOf(await auditNow({ purgedBefore: tooEarly }), EVENTS)).toHaveLength(10);
    const options: AuditOptions = { purgedBefore: new Date(Number(LONG_AGO) + 60_000) };
    const purged = await auditNow(options);
    expect(brokenIn(purged)).toEqual([]);
    expect(purged.topics).toMatchObject({ events: 10, purged: 10 });
    // The lines of purged events are still compared.
    await run('UPDATE wallet_transactions SET reference_id = 5 WHERE wallet_no = 2 AND wallet_seq = 1');
    expect(brokenIn(await auditNow(options))).toContain(AS_PUBLISHED);
  });

  it.each([
    ['content', { value: Buffer.from('0000000008', 'hex') }],
    ['key', { key: 'order-open' }],
    ['type', { headers: { eventType: 'x.Z' } }],
    ['number', { headers: { aggregateSeq: '2' } }],
  ])('When an event has another %s than its row, then that is found', async (what, change) => {
    const [first, ...others] = await rows();
    if (first === undefined) throw new Error('no rows');
    const headers = { ...first.headers, ...('headers' in change ? change.headers : {}) } as Event['headers'];
    await publish([{ ...first, ...change, headers }, ...others]);
    expect(rowsOf(await auditNow(), EVENTS)).toMatchObject([
      { problem: `its outbox row has another ${what}` },
    ]);
  });

  it('When an event was published on another topic than its row says, then both is found', async () => {
    const [first, ...others] = await rows("aggregate_type = 'payment'");
    if (first === undefined) throw new Error('no rows');
    await publish([{ ...first, topic: 'wallet' }, ...others, ...(await rows("aggregate_type = 'wallet'"))]);
    expect(brokenIn(await auditNow())).toEqual(expect.arrayContaining([EVENTS, ROWS]));
  });

  it('When a row never reached its topic, then it is found although its consumer is said to have it', async () => {
    const [first, ...others] = await rows();
    if (first === undefined) throw new Error('no rows');
    await publish(others);
    const report = await auditNow();
    expect(brokenIn(report)).toEqual([ROWS]);
    expect(rowsOf(report, ROWS)).toMatchObject([{ topic: first.topic, event_id: first.headers['id'] }]);
    await run('UPDATE outbox SET created_at = NOW(3) WHERE id = ?', [first.headers['id']]);
    expect(brokenIn(await auditNow())).toEqual([]);
  });

  it('When the topic no longer retains an event, then its row is not missed, if its consumer had it from there', async () => {
    await publish(await rows());
    const offsets = await admin.fetchTopicOffsets(names.payment);
    await admin.deleteTopicRecords({
      topic: names.payment,
      partitions: offsets.map(({ partition, high }) => ({ partition, offset: high })),
    });
    await run("UPDATE inbox SET `partition` = 0, `offset` = 0 WHERE topic = 'payment'");
    // Only a partition that has lost something vouches for what came from it.
    const lost = offsets.find(({ high }) => high !== '0');
    await run("UPDATE inbox SET `partition` = ? WHERE topic = 'payment'", [lost?.partition ?? 0]);
    const report = await auditNow();
    expect(brokenIn(report)).toEqual([]);
    expect(report.topics).toMatchObject({ events: 5 });
    await run("UPDATE inbox SET `offset` = 99 WHERE topic = 'payment' AND aggregate_id = 'order-paid'");
    expect(rowsOf(await auditNow(), ROWS)).toMatchObject([{ topic: 'payment', aggregate_id: 'order-paid' }]);
  });
});

describe('reading the topics', () => {
  it('When Kafka cannot be reached, then the audit fails and says so, in text and in the report', async () => {
    const topics = openTopicReader(
      { ...brokerOfTheRun(), KAFKA_BROKERS: ['127.0.0.1:1'] },
      { topics: names },
    );
    const report = await auditNow({ topics });
    expect(brokenIn(report)).toEqual([READ]);
    expect(report.topics).toEqual({
      isRead: false,
      because: expect.stringContaining('ECONNREFUSED') as unknown,
    });
    expect(auditText(report)).toMatch(
      /\ntopics: NOT READ \(.*ECONNREFUSED.*\): judged from rows alone\nAUDIT FAILED$/,
    );
  });

  it('When a topic does not exist, then it could not be read', async () => {
    const topics = openTopicReader(brokerOfTheRun(), {
      topics: { ...names, payment: `none-${randomUUID()}` },
    });
    expect(brokenIn(await auditNow({ topics }))).toEqual([READ]);
  });

  it('When it is done, then no consumer group is left on the broker', async () => {
    await publish(await rows());
    await auditNow();
    const { groups } = await admin.listGroups();
    expect(groups.map(({ groupId }) => groupId).filter((id) => id.startsWith('payment-eda-audit'))).toEqual(
      [],
    );
  });

  it('When a transaction was aborted, or is still open, then what it holds is not published, and not waited for', async () => {
    await publish(await rows());
    const aborted = await producer.transaction();
    await aborted.send({ topic: names.payment, messages: [forged()] });
    await aborted.abort();
    const report = await auditNow();
    expect(brokenIn(report)).toEqual([]);
    expect(report.topics).toMatchObject({ events: 10 });
    const open = await producer.transaction();
    await open.send({ topic: names.payment, messages: [forged()] });
    try {
      const held = await auditNow();
      expect(brokenIn(held)).toEqual([]);
      expect(held.topics).toMatchObject({ events: 10 });
    } finally {
      await open.abort();
    }
  });

  it('When a large ledger is audited again, then only what was published since is read; --full reads all', async () => {
    const incremental: AuditOptions = { alwaysFullLines: 0 };
    const all = await rows();
    await publish(all);
    expect((await auditNow()).topics).toMatchObject({ events: 10, isFull: true });
    expect((await auditNow(incremental)).topics).toMatchObject({ events: 0, isFull: false });
    await publish(all.slice(0, 1));
    const again = await auditNow(incremental);
    expect(brokenIn(again)).toEqual([]);
    expect(again.topics).toMatchObject({ events: 1, isFull: false });
    await publish([forged()]);
    expect(brokenIn(await auditNow(incremental))).toEqual([EVENTS]);
    // What was found is not remembered as sound.
    expect(brokenIn(await auditNow(incremental))).toEqual([EVENTS]);
    expect((await auditNow({ ...incremental, isFull: true })).topics).toMatchObject({
      events: 12,
      isFull: true,
    });
  });

  it('When --full misses a row, then the next audit misses it, too, until a full one has its events', async () => {
    const incremental: AuditOptions = { alwaysFullLines: 0 };
    await publish(await rows());
    await auditNow(incremental);
    await run("DELETE FROM outbox WHERE aggregate_type = 'payment' AND aggregate_id = 'order-paid'");
    expect(brokenIn(await auditNow({ ...incremental, isFull: true }))).toEqual([EVENTS]);
    expect(brokenIn(await auditNow(incremental))).toEqual([EVENTS]);
    // An audit without the topics says nothing about them.
    await audit(database(), { decode, ...incremental, isFull: true });
    expect(brokenIn(await auditNow(incremental))).toEqual([EVENTS]);
  });

  it('When a consumer lags, then an event that an earlier audit has read is not missing on its topic', async () => {
    const incremental: AuditOptions = { alwaysFullLines: 0 };
    const [first, ...others] = await rows();
    if (first === undefined) throw new Error('no rows');
    await run('DELETE FROM inbox WHERE event_id = ?', [first.headers['id']]);
    await run('UPDATE outbox SET created_at = NOW(3) WHERE id = ?', [first.headers['id']]);
    await publish([first, ...others]);
    expect(brokenIn(await auditNow(incremental))).toEqual([]);
    await run('UPDATE outbox SET created_at = NOW(3) - INTERVAL 61 SECOND WHERE id = ?', [
      first.headers['id'],
    ]);
    const late = await auditNow(incremental);
    expect(late.topics).toMatchObject({ isFull: false, events: 0 });
    expect(brokenIn(late)).toEqual(['nothing-unpublished']);
  });

  it('When a topic was made anew and has grown past the checkpoint, then that is noticed, and all of it is read', async () => {
    const incremental: AuditOptions = { alwaysFullLines: 0 };
    const old = (await rows()).map((event) => ({ ...event, timestamp: LONG_AGO }));
    await publish(old);
    await auditNow(incremental);
    await admin.deleteTopics({ topics: Object.values(names) });
    // The broker deletes behind its answer.
    await until('the topics are gone', async () => {
      const there = await admin.listTopics();
      return Object.values(names).every((topic) => !there.includes(topic));
    });
    await createTopics(
      admin,
      Object.values(names).map((topic) => ({ topic, numPartitions: 2 })),
    );
    await publish([forged(), ...old, ...old]);
    const report = await auditNow(incremental);
    expect(report.topics).toMatchObject({ isFull: true, events: 21 });
    expect(brokenIn(report)).toEqual([EVENTS]);
  });

  it('When retention empties a partition while it is read, then that is no silence', async () => {
    await publish(await rows());
    const reader = openTopicReader(brokerOfTheRun(), { topics: names });
    const before = await reader.stretches();
    const offsets = await admin.fetchTopicOffsets(names.payment);
    await admin.deleteTopicRecords({
      topic: names.payment,
      partitions: offsets.map(({ partition, high }) => ({ partition, offset: high })),
    });
    let read = 0;
    await reader.read(before, async (page) => void (read += page.length));
    expect(read).toBe(5);
  });

  it('When the topics were made anew, then they are read from their beginning', async () => {
    await publish(await rows());
    await auditNow();
    await run('UPDATE topic_checkpoints SET next_offset = 1000');
    expect((await auditNow({ alwaysFullLines: 0 })).topics).toMatchObject({ events: 10, isFull: true });
  });
});
