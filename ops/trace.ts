import { PAYMENT_SERVICE, WALLET_SERVICE, type RecordName } from '#contracts/topics';
import { Prisma, type Database, type Reader } from '#prisma/database';
import { CommandError } from './command';
import { rowText } from './audit';

const PAYMENT_CANCELED: RecordName = 'payment.PaymentCanceled';

export interface TracedEvent {
  eventId: string;
  eventType: string;
  topic: string;
  seq: number | null;
  schemaId: number;
  traceparent: string | null;
  /** The dead letter whose bytes it has once more. */
  redriveOf: string | null;
  /** The transaction that wrote the row. */
  writtenAt: Date;
  /** Its place on the topic and its consumer's moment; absent until it was consumed. */
  consumed: {
    consumer: string;
    partition: number;
    offset: bigint;
    publishedAt: Date | null;
    at: Date;
    /** False: it was parked, or had nothing left to do. */
    applied: boolean;
  } | null;
}

export interface Trace {
  payment: {
    orderId: string;
    orderName: string;
    status: string;
    amount: string;
    paymentKey: string | null;
    checkedOutAt: Date;
    claimedAt: Date | null;
    approvedAt: Date | null;
    isWalletDone: boolean;
  };
  history: {
    at: Date;
    paymentOrderNo: bigint;
    from: string | null;
    to: string;
    changedBy: string;
    reason: string;
  }[];
  events: TracedEvent[];
  ledger: Record<string, unknown>[];
  deadLetters: Record<string, unknown>[];
}

interface EventRow {
  id: string;
  event_type: string;
  aggregate_type: string;
  event_seq: number | null;
  frame_head: Uint8Array;
  traceparent: string | null;
  redrive_of: string | null;
  created_at: Date;
  consumer: string | null;
  partition_no: number | null;
  offset_no: bigint | null;
  published_at: Date | null;
  processed_at: Date | null;
  applied: boolean | number | null;
}

async function eventsOf(db: Reader, orderId: string): Promise<TracedEvent[]> {
  const rows = await db.query<EventRow>`
    SELECT o.id, o.event_type, o.aggregate_type, o.event_seq, LEFT(o.payload, 5) AS frame_head, o.traceparent,
           o.redrive_of, o.created_at, i.consumer, i.\`partition\` AS partition_no, i.\`offset\` AS offset_no, i.published_at,
           i.processed_at, i.applied
    FROM outbox o
    LEFT JOIN inbox i ON i.event_id = o.id
      AND i.consumer = IF(o.aggregate_type = 'payment', ${WALLET_SERVICE}, ${PAYMENT_SERVICE})
    WHERE o.aggregate_id = ${orderId} ORDER BY o.no`;
  return rows.map((row) => ({
    eventId: row.id,
    eventType: row.event_type,
    topic: row.aggregate_type,
    seq: row.event_seq === null ? null : Number(row.event_seq),
    schemaId: Buffer.from(row.frame_head).readUInt32BE(1),
    traceparent: row.traceparent,
    redriveOf: row.redrive_of,
    writtenAt: row.created_at,
    consumed:
      row.consumer === null || row.processed_at === null
        ? null
        : {
            consumer: row.consumer,
            partition: Number(row.partition_no),
            offset: BigInt(row.offset_no ?? 0),
            publishedAt: row.published_at,
            at: row.processed_at,
            applied: Boolean(row.applied),
          },
  }));
}

/**
 * Everything that is known of one order, in the order it happened.
 *
 * @throws CommandError for an order that does not exist
 */
export async function traceOrder(db: Database, orderId: string): Promise<Trace> {
  const payment = await db.paymentEvent.findUnique({ where: { orderId } });
  if (payment === null) throw new CommandError(`there is no order ${orderId}`);
  const history = await db.paymentOrderHistory.findMany({
    where: { paymentOrder: { paymentEventNo: payment.no } },
    orderBy: { no: 'asc' },
  });
  const ledger = await db.query<Record<string, unknown>>(Prisma.sql`
    SELECT t.no, w.seller_no, t.wallet_no, t.wallet_seq, t.type, t.amount, t.balance_after, t.reference_id,
           t.event_id, t.created_at
    FROM wallet_transactions t JOIN wallets w ON w.no = t.wallet_no WHERE t.order_id = ${orderId} ORDER BY t.no`);
  const deadLetters = await db.query<Record<string, unknown>>(Prisma.sql`
    SELECT id, consumer, topic, \`partition\`, \`offset\`, event_seq, event_id, status, error, parked_at
    FROM dead_letters WHERE aggregate_id = ${orderId} ORDER BY no`);
  return {
    payment: {
      orderId,
      orderName: payment.orderName,
      status: payment.status,
      amount: payment.totalAmount.toFixed(0),
      paymentKey: payment.paymentKey,
      checkedOutAt: payment.createdAt,
      claimedAt: payment.claimedAt,
      approvedAt: payment.approvedAt,
      isWalletDone: payment.isWalletDone,
    },
    history: history.map((row) => ({
      at: row.createdAt,
      paymentOrderNo: row.paymentOrderNo,
      from: row.previousStatus,
      to: row.newStatus,
      changedBy: row.changedBy,
      reason: row.reason,
    })),
    events: await eventsOf(db, orderId),
    ledger,
    deadLetters,
  };
}

interface Moment {
  at: Date;
  what: string;
  where: string;
}

/** What its consumer did with an event: an inbox row alone says only that it was met. */
function outcomeOf(
  { eventId, eventType, topic, seq, redriveOf, consumed }: TracedEvent,
  { deadLetters }: Trace,
): string {
  if (consumed?.applied !== true) {
    const ofItsNumber = deadLetters.filter(
      (letter) => letter['consumer'] === consumed?.consumer && letter['event_seq'] === seq,
    );
    // An altered copy that had its id first is another letter: what is open tells more than what is closed.
    const parked =
      ofItsNumber.find(({ status }) => status !== 'RESOLVED') ??
      deadLetters.find((letter) => letter['id'] === redriveOf || letter['event_id'] === eventId);
    return parked === undefined ? 'known already, nothing to do' : `parked, now ${String(parked['status'])}`;
  }
  if (topic !== 'payment') return 'settlement acknowledged';
  return eventType === PAYMENT_CANCELED ? 'sellers debited' : 'sellers credited';
}

function momentsOf(trace: Trace): Moment[] {
  const { payment, events } = trace;
  const moments: Moment[] = [
    { at: payment.checkedOutAt, what: 'order checked out', where: 'payment_events' },
  ];
  if (payment.claimedAt !== null) {
    moments.push({ at: payment.claimedAt, what: 'payment claimed, PSP asked', where: 'payment_events' });
  }
  for (const event of events) {
    const { eventType, topic, writtenAt, consumed } = event;
    moments.push({ at: writtenAt, what: `${eventType} written`, where: 'outbox' });
    if (consumed === null) continue;
    const place = `topic ${topic}, partition ${consumed.partition}, offset ${consumed.offset}`;
    if (consumed.publishedAt !== null) {
      moments.push({ at: consumed.publishedAt, what: 'read from the binlog by Debezium', where: place });
    }
    moments.push({ at: consumed.at, what: outcomeOf(event, trace), where: `inbox of ${consumed.consumer}` });
  }
  return moments;
}

/** The order's way as a timeline: what, where, and how many milliseconds after the moment before. */
export function timelineText(trace: Trace): string {
  let before: Date | undefined;
  return momentsOf(trace)
    .map(({ at, what, where }) => {
      const hop = before === undefined ? '' : `+${at.getTime() - before.getTime()} ms`;
      before = at;
      return `  ${at.toISOString().slice(11, 23)}  ${hop.padStart(9)}  ${what.padEnd(36)} ${where}`;
    })
    .join('\n');
}

export function traceText(trace: Trace): string {
  const { payment, history, events, ledger, deadLetters } = trace;
  const section = (title: string, lines: string[]): string[] => [
    `\n${title}`,
    ...lines.map((line) => `  ${line}`),
  ];
  return [
    `order ${payment.orderId}: ${payment.orderName}, ${payment.amount} won, ${payment.status}`,
    timelineText(trace),
    ...section(
      'statuses',
      history.map(
        (row) =>
          `${row.at.toISOString()} line ${row.paymentOrderNo}: ${row.from ?? '–'} → ${row.to} by ${row.changedBy}, ${row.reason}`,
      ),
    ),
    ...section(
      'events',
      events.map((event) => {
        const { consumed } = event;
        const isOurs = event.topic === 'payment' || event.topic === 'wallet';
        const place =
          consumed === null
            ? isOurs
              ? 'not consumed yet'
              : 'for whoever reads that topic'
            : `partition ${consumed.partition}, offset ${consumed.offset}`;
        return `${event.eventType} #${event.seq ?? '–'} ${event.eventId} schema ${event.schemaId}, topic ${event.topic}, ${place}, trace ${event.traceparent ?? '–'}`;
      }),
    ),
    ...section('ledger', ledger.map(rowText)),
    ...(deadLetters.length === 0 ? [] : section('parked', deadLetters.map(rowText))),
  ].join('\n');
}
