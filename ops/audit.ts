import type { Decode } from '#contracts/codec';
import { wonFromText } from '#kit/money';
import type { Database, Reader, Tx } from '#prisma/database';
import { inSnapshot, inTransaction } from '#prisma/transaction';
import { AUDIT_CHECKS, NOTHING_IS_DUE, type AuditCheck } from './audit.checks';
import { auditLedger, type LedgerReport } from './audit.ledger';
import { markOutcome, markedGroups, type Group, type Outcome } from './audit.marks';
import { conditionsOf, ordersScope, saveHeldAt, type OrdersScope } from './audit.scope';
import {
  auditTopics,
  TOPIC_CHECKS,
  unreadTopics,
  type TopicsCounts,
  type TopicsReport,
} from './audit.topics';
import { databaseDecoder } from './event-decoder';
import { auditMoments, saveCheckpoints } from './ledger.store';
import { TopicsUnreadableError, type Stretch, type TopicReader } from './topic-reader';
import { saveTopicCheckpoints } from './topic.store';

/** How old an event or a paid order may be before its waiting is a finding. */
export const PROMISED_S = 60;
const ROWS_MAX = 20;
const ALWAYS_FULL_LINES = 50_000; // verified in some seconds
const CHECKPOINTS_PER_QUERY = 500;

type Row = Record<string, unknown>;

export interface AuditFinding {
  check: string;
  guarantees: string;
  holds: boolean;
  /** At most 20 rows that break it. */
  rows: Record<string, unknown>[];
}

export interface AuditReport {
  holds: boolean;
  findings: AuditFinding[];
  counts: {
    payments: number;
    paid: number;
    /** Paid, and its settlement or acknowledgement still under way; not those that wait behind a parked message. */
    inFlight: number;
    ledgerLines: number;
    /** Messages that a consumer has parked and nobody has resolved. */
    parked: number;
    /** Paid orders that wait behind such a message. */
    parkedOrders: number;
  };
  ledger: {
    /** Was it verified from its first line, or from the last audit's checkpoints? */
    isFull: boolean;
    verifiedLines: number;
    /** Lines whose events have left the outbox before any audit has compared them. */
    unwitnessedLines: number;
  };
  /** `isRead: false`: what is published was not looked at, because nobody asked for it or Kafka could not be read. */
  topics: ({ isRead: true } & TopicsCounts) | { isRead: false; because: string };
  /** Sellers who owe money after a refund: information, not a broken invariant. */
  negativeBalances: NegativeBalances;
  /** Orders with events that an operator has given up: information, and out of the checks. */
  givenUp: GivenUp;
}

export interface NegativeBalances {
  sellers: number;
  /** Won that they owe together, in digits. */
  owed: string;
  /** At most 20, those that owe most first. */
  rows: { sellerNo: string; balance: string }[];
}

interface CountsRow {
  payments: bigint;
  paid: bigint;
  in_flight: bigint;
  ledger_lines: bigint;
  parked: bigint;
  parked_orders: bigint;
}

export interface GivenUp {
  orders: number;
  /** At most 20, the latest first: what was closed by hand without being booked, by whom and why. */
  rows: Row[];
}

async function givenUp(db: Reader): Promise<GivenUp> {
  const [total] = await db.query<{ orders: bigint }>`
    SELECT COUNT(DISTINCT aggregate_id) AS orders FROM dead_letters
    WHERE status = 'RESOLVED' AND closed_from_seq IS NOT NULL AND aggregate_id IS NOT NULL`;
  const rows = await db.query<Row>`
    SELECT aggregate_id AS order_id, consumer, closed_from_seq AS from_seq, closed_to_seq AS to_seq, id AS dead_letter,
           resolved_by, resolution
    FROM dead_letters WHERE status = 'RESOLVED' AND closed_from_seq IS NOT NULL AND aggregate_id IS NOT NULL
    ORDER BY no DESC LIMIT ${ROWS_MAX}`;
  return { orders: Number(total?.orders ?? 0), rows };
}

async function negativeBalances(db: Reader): Promise<NegativeBalances> {
  const [total] = await db.query<{ sellers: bigint; owed: string | null }>`
    SELECT COUNT(*) AS sellers, SUM(owed) AS owed FROM wallets WHERE owed IS NOT NULL`;
  const rows = await db.query<{ seller_no: bigint; balance: string }>`
    SELECT seller_no, balance FROM wallets WHERE owed IS NOT NULL ORDER BY owed DESC, no LIMIT ${ROWS_MAX}`;
  return {
    sellers: Number(total?.sellers ?? 0),
    owed: String(wonFromText(total?.owed ?? '0.00')),
    rows: rows.map((row) => ({ sellerNo: String(row.seller_no), balance: String(wonFromText(row.balance)) })),
  };
}

export interface AuditOptions {
  /** Age in seconds up to which an event may still be on its way. */
  graceS?: number;
  /** Verify the ledger from its first line, whatever earlier audits have verified. */
  isFull?: boolean;
  /** A ledger of up to this many lines is verified whole in any case. */
  alwaysFullLines?: number;
  /**
   * Rows of the outbox that were written before this moment may have been purged. Without it a row that is gone, and a
   * ledger line that nothing tells of any more, is a finding.
   */
  purgedBefore?: Date;
  /** Reads the topics; without it the audit judges from rows alone, and says so. */
  topics?: TopicReader;
  /** Told of every step when it is done. */
  onStep?: (step: string, ms: number) => void;
  /** Reads the wallet's events; by default those that this build's contracts can read. */
  decode?: Decode;
}

/**
 * Judges every money invariant over one consistent snapshot, so that a running load gives no false alarm, and compares it
 * with what the topics have. When ledger and topics are sound, checkpoints remember it: the next audit of a large ledger
 * reads what has come since.
 *
 * @param db as the operators' user
 */
export async function audit(db: Database, options: AuditOptions = {}): Promise<AuditReport> {
  const { graceS = PROMISED_S, isFull = false, alwaysFullLines = ALWAYS_FULL_LINES, purgedBefore } = options;
  const decode = options.decode ?? (await databaseDecoder(db));
  const bounds = { graceS, isFull, alwaysFullLines, purgedBefore };
  // Before the snapshot: of every event below these ends the snapshot has the row, but for the last moment's.
  const published = await endsOf(options.topics);
  const { report, ledger, topics, rows, marked } = await inSnapshot(db, (tx) =>
    judge(tx, decode, { ...bounds, published, step: stepper(options.onStep) }),
  );
  const failing = report.findings.filter(({ holds }) => !holds).map(({ check }) => check);
  const ledgerHolds = ledger.findings.every(({ rows: broken }) => broken.length === 0);
  const moment = { marked, readAt: ledger.readAt };
  // First what was found: an audit that is interrupted here must not leave the old checkpoints behind alone.
  await markOutcome(db, 'rows', rows, moment);
  await markOutcome(
    db,
    'ledger',
    { holds: ledgerHolds, isFull: ledger.isFull, isOnlyWaiting: false },
    moment,
  );
  if (topics !== undefined) {
    const names = topics.findings.map(({ check }) => check);
    const outcome = outcomeOf(failing.filter((name) => names.includes(name)));
    await markOutcome(db, 'topics', { ...outcome, isFull: topics.counts.isFull }, moment);
  }
  if (rows.holds) await inTransaction(db, (tx) => saveHeldAt(tx, ledger.readAt));
  if (ledgerHolds) {
    for (let from = 0; from < ledger.checkpoints.length; from += CHECKPOINTS_PER_QUERY) {
      const places = ledger.checkpoints.slice(from, from + CHECKPOINTS_PER_QUERY);
      await inTransaction(db, (tx) => saveCheckpoints(tx, places, ledger.readAt));
    }
    if (topics !== undefined && topics.findings.every(({ rows: broken }) => broken.length === 0))
      await inTransaction(db, (tx) => saveTopicCheckpoints(tx, topics.checkpoints));
  }
  return report;
}

/** What time alone mends. */
const WAITING = ['nothing-unpublished', TOPIC_CHECKS.rows[0]] as const;

const outcomeOf = (failing: readonly string[]): Omit<Outcome, 'isFull'> => ({
  holds: failing.length === 0,
  isOnlyWaiting: failing.every((name) => WAITING.some((one) => one === name)),
});

type Published =
  | { isRead: true; reader: TopicReader; stretches: Stretch[] }
  | { isRead: false; because: string; isFault: boolean };

async function endsOf(reader: TopicReader | undefined): Promise<Published> {
  if (reader === undefined) return { isRead: false, because: 'not asked for', isFault: false };
  try {
    return { isRead: true, reader, stretches: await reader.stretches() };
  } catch (error) {
    return unreadBecause(error);
  }
}

function unreadBecause(error: unknown): Published & { isRead: false } {
  if (!(error instanceof TopicsUnreadableError)) throw error;
  return { isRead: false, because: error.message, isFault: true };
}

type Step = <T>(name: string, work: Promise<T>) => Promise<T>;

const stepper =
  (onStep: NonNullable<AuditOptions['onStep']> = () => {}): Step =>
  async (name, work) => {
    const beganMs = performance.now();
    const result = await work;
    onStep(name, performance.now() - beganMs);
    return result;
  };

interface JudgeScope {
  step: Step;
  graceS: number;
  isFull: boolean;
  alwaysFullLines: number;
  published: Published;
  purgedBefore: Date | undefined;
}

async function judge(
  tx: Tx,
  decode: Decode,
  { graceS, published, step, ...scope }: JudgeScope,
): Promise<{
  report: AuditReport;
  ledger: LedgerReport;
  topics: TopicsReport | undefined;
  /** Of every check of the rows that keeps to a scope. */
  rows: Outcome;
  /** What has failed before. */
  marked: ReadonlySet<Group>;
}> {
  // Opens the snapshot. Ages are judged by this moment: what has grown old while the audit ran was young in what it sees.
  const { now: readAt } = await auditMoments(tx);
  const lateBefore = new Date(readAt.getTime() - graceS * 1_000);
  const findings: AuditFinding[] = [];
  const add = (check: string, guarantees: string, rows: Row[]): void =>
    void findings.push({ check, guarantees, holds: rows.length === 0, rows });
  const marked = await markedGroups(tx);
  const scopeOf = (group: Group): typeof scope => ({ ...scope, isFull: scope.isFull || marked.has(group) });
  const orders = await step('orders to look at', ordersScope(tx, scopeOf('rows')));
  for (const check of AUDIT_CHECKS)
    add(
      check.name,
      check.guarantees,
      await step(check.name, offendersOf(tx, check, orders, { lateBefore, readAt })),
    );
  const failing = findings.filter(({ holds }) => !holds).map(({ check }) => check);
  const kept = AUDIT_CHECKS.filter(
    ({ name, isEverywhere }) => isEverywhere !== true && failing.includes(name),
  );
  const rows = { ...outcomeOf(kept.map(({ name }) => name)), isFull: orders.orderIds === undefined };
  const ledger = await step('ledger', auditLedger(tx, decode, { ...scopeOf('ledger'), rowsMax: ROWS_MAX }));
  for (const found of ledger.findings) add(found.check, found.guarantees, found.rows);
  const topicsFull = ledger.isFull || marked.has('topics');
  const topicsScope = {
    purgedBefore: scope.purgedBefore,
    isFull: topicsFull,
    readAt,
    lateBefore,
    rowsMax: ROWS_MAX,
  };
  const { topics, unread } = await step('topics', judgeTopics(tx, decode, published, topicsScope));
  const ofTopics = topics?.findings ?? (unread?.isFault === true ? unreadTopics(unread.because) : []);
  for (const found of ofTopics) add(found.check, found.guarantees, found.rows);
  const report: AuditReport = {
    holds: findings.every((finding) => finding.holds),
    findings,
    counts: await step('counts', countsOf(tx)),
    ledger: {
      isFull: ledger.isFull,
      verifiedLines: ledger.verifiedLines,
      unwitnessedLines: ledger.unwitnessedLines,
    },
    topics:
      topics === undefined
        ? { isRead: false, because: unread?.because ?? '' }
        : { isRead: true, ...topics.counts },
    negativeBalances: await negativeBalances(tx),
    givenUp: await givenUp(tx),
  };
  return { report, ledger, topics, rows, marked };
}

/** At most `ROWS_MAX` rows, of the orders in the scope. */
async function offendersOf(
  tx: Tx,
  { offenders, isEverywhere }: AuditCheck,
  orders: OrdersScope,
  moments: { lateBefore: Date; readAt: Date },
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const only of conditionsOf(isEverywhere === true ? { orderIds: undefined } : orders)) {
    if (rows.length >= ROWS_MAX) break;
    const query = offenders({ rowsMax: ROWS_MAX - rows.length, ...moments, only });
    rows.push(...(await tx.query<Row>(query)));
  }
  return rows;
}

async function judgeTopics(
  tx: Tx,
  decode: Decode,
  published: Published,
  scope: Omit<Parameters<typeof auditTopics>[3], 'stretches'>,
): Promise<{ topics?: TopicsReport; unread?: Published & { isRead: false } }> {
  if (!published.isRead) return { unread: published };
  const { reader, stretches } = published;
  try {
    return { topics: await auditTopics(tx, decode, reader, { ...scope, stretches }) };
  } catch (error) {
    return { unread: unreadBecause(error) };
  }
}

async function countsOf(tx: Tx): Promise<AuditReport['counts']> {
  const [counts] = await tx.query<CountsRow>`
    SELECT (SELECT COUNT(*) FROM payment_events) AS payments,
           (SELECT COUNT(*) FROM payment_events WHERE status IN ('SUCCESS', 'PARTIAL_CANCELED', 'CANCELED')) AS paid,
           (SELECT COUNT(*) FROM payment_events p LEFT JOIN settlements s ON s.order_id = p.order_id
            WHERE is_payment_done AND is_wallet_done = FALSE AND (EXISTS (
              SELECT 1 FROM dead_letters d WHERE d.aggregate_id = p.order_id AND d.status <> 'RESOLVED'
                AND d.consumer IN ('wallet-service', 'payment-service')) OR NOT (${NOTHING_IS_DUE}))) AS in_flight,
           (SELECT CAST(COALESCE(SUM(last_seq), 0) AS SIGNED) FROM wallets) AS ledger_lines,
           (SELECT COUNT(*) FROM dead_letters WHERE status <> 'RESOLVED') AS parked,
           (SELECT COUNT(*) FROM payment_events p WHERE is_payment_done AND is_wallet_done = FALSE AND EXISTS (
              SELECT 1 FROM dead_letters d WHERE d.aggregate_id = p.order_id AND d.status <> 'RESOLVED'
                AND d.consumer IN ('wallet-service', 'payment-service'))) AS parked_orders`;
  if (counts === undefined) throw new Error('a SELECT without a row');
  return {
    payments: Number(counts.payments),
    paid: Number(counts.paid),
    inFlight: Number(counts.in_flight) - Number(counts.parked_orders),
    ledgerLines: Number(counts.ledger_lines),
    parked: Number(counts.parked),
    parkedOrders: Number(counts.parked_orders),
  };
}

/** A row's values as an operator reads them: bigints and decimals as digits, times in ISO. */
export function rowText(row: Record<string, unknown>): string {
  return Object.entries(row)
    .map(([column, value]) => `${column}=${value instanceof Date ? value.toISOString() : String(value)}`)
    .join(' ');
}

function topicsText(topics: AuditReport['topics']): string {
  if (!topics.isRead) return `topics: NOT READ (${topics.because}): judged from rows alone`;
  const { events, refused, purged, isFull } = topics;
  const further = [
    [purged, 'whose rows were purged'],
    [refused, 'that are none of ours and were refused'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`, ${count} ${what}`]));
  return `topics: ${events} events compared${isFull ? '' : ' since the last audit (--full: all)'}${further.join('')}`;
}

function negativeText({ sellers, owed, rows }: NegativeBalances): string[] {
  if (sellers === 0) return [];
  return [
    `note    below zero                 ${sellers} sellers owe ${owed} won after refunds`,
    ...rows.map(({ sellerNo, balance }) => `          seller_no=${sellerNo} balance=${balance}`),
  ];
}

function givenUpText({ orders, rows }: GivenUp): string[] {
  if (orders === 0) return [];
  return [
    `note    given up                   ${orders} orders have events that an operator has closed without booking them`,
    ...rows.map((row) => `          ${rowText(row)}`),
  ];
}

export function auditText(report: AuditReport): string {
  const { payments, paid, inFlight, ledgerLines, parked, parkedOrders } = report.counts;
  const { isFull, verifiedLines, unwitnessedLines } = report.ledger;
  const lines = report.findings.flatMap(({ check, guarantees, holds, rows }) => [
    `${holds ? 'holds ' : 'BROKEN'}  ${check.padEnd(26)} ${guarantees}`,
    ...rows.map((row) => `          ${rowText(row)}`),
  ]);
  return [
    ...lines,
    ...negativeText(report.negativeBalances),
    ...givenUpText(report.givenUp),
    `${payments} payments, ${paid} paid, ${inFlight} in flight, ${ledgerLines} ledger lines, ${parked} parked messages (${parkedOrders} orders wait)`,
    `ledger: ${verifiedLines} lines verified${isFull ? '' : ' since the last audit (--full: all)'}${
      unwitnessedLines === 0 ? '' : `, ${unwitnessedLines} of them without their events, which were purged`
    }`,
    topicsText(report.topics),
    report.holds ? 'audit holds' : 'AUDIT FAILED',
  ].join('\n');
}
