import { Prisma } from '#prisma/database';

export interface CheckScope {
  rowsMax: number;
  /** What is younger may still be on its way. */
  lateBefore: Date;
  /** The moment of the snapshot, by the database's clock. */
  readAt: Date;
  /** A condition: is the order of this column among those to be judged? */
  only: (orderId: Prisma.Sql) => Prisma.Sql;
}

/** One invariant of the money. */
export interface AuditCheck {
  name: string;
  /** What holds when the check passes. */
  guarantees: string;
  /** Looks at everything at each run: an index leads it to the few rows that it is about. Others keep to a scope. */
  isEverywhere?: true;
  /** Rows that break it; none when it holds. */
  offenders: (scope: CheckScope) => Prisma.Sql;
}

/** Clocks of one system differ by less. */
const CLOCK_AHEAD_MS = 5_000;
/** So many of a table's last rows are looked at for times that lie ahead. */
const LATEST_ROWS = 10_000;

const PAID = Prisma.sql`('SUCCESS', 'PARTIAL_CANCELED', 'CANCELED')`;
/** The consumer of each topic; an event is settled when its consumer's inbox has it. */
const CONSUMER_OF = Prisma.sql`CASE o.aggregate_type WHEN 'payment' THEN 'wallet-service' ELSE 'payment-service' END`;

/** Does a parked message of the order `p` wait for an operator? Such orders are reported by a check of their own. */
const IS_PARKED = Prisma.sql`EXISTS (
  SELECT 1 FROM dead_letters d WHERE d.aggregate_id = p.order_id AND d.consumer IN ('wallet-service', 'payment-service')
    AND d.status <> 'RESOLVED')`;

/** Was a number of the order's sequence given up, by an operator who has closed a letter of that consumer? */
const isGivenUp = (
  consumer: Prisma.Sql,
  orderId: Prisma.Sql,
  seq: Prisma.Sql,
): Prisma.Sql => Prisma.sql`EXISTS (
  SELECT 1 FROM dead_letters g WHERE g.consumer = ${consumer} AND g.aggregate_id = ${orderId} AND g.status = 'RESOLVED'
    AND g.closed_from_seq <= ${seq} AND g.closed_to_seq >= ${seq})`;

/**
 * Is a number behind `after`, up to `last`, due: one that was not given up? The first such number is the one behind
 * `after`, or the one behind a range that was given up.
 */
const isDue = (consumer: Prisma.Sql, orderId: Prisma.Sql, after: Prisma.Sql, last: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`(${last} > ${after} AND (NOT ${isGivenUp(consumer, orderId, Prisma.sql`${after} + 1`)} OR EXISTS (
    SELECT 1 FROM dead_letters d WHERE d.consumer = ${consumer} AND d.aggregate_id = ${orderId} AND d.status = 'RESOLVED'
      AND d.closed_to_seq >= ${after} AND d.closed_to_seq < ${last}
      AND NOT ${isGivenUp(consumer, orderId, Prisma.sql`d.closed_to_seq + 1`)})))`;

const WALLET = Prisma.sql`'wallet-service'`;
const PAYMENT = Prisma.sql`'payment-service'`;
const SETTLED = Prisma.sql`COALESCE(s.last_seq_in, 0)`;

/** Does an event of the order `p` wait for its settlement in `s`? Not one that was given up. */
const AWAITS_SETTLEMENT = isDue(WALLET, Prisma.sql`p.order_id`, SETTLED, Prisma.sql`p.last_event_seq`);

/** The wallet numbers its answers itself: when an event was given up, there are fewer of them. */
const ANSWERS = Prisma.sql`IF(EXISTS (SELECT 1 FROM dead_letters d WHERE d.consumer = ${WALLET} AND d.aggregate_id = p.order_id
  AND d.status = 'RESOLVED' AND d.closed_from_seq IS NOT NULL), COALESCE(s.last_seq_out, 0), p.last_event_seq)`;

const AWAITS_ACKNOWLEDGEMENT = isDue(
  PAYMENT,
  Prisma.sql`p.order_id`,
  Prisma.sql`p.acknowledged_events`,
  ANSWERS,
);

/** Of an order `p` whose money is not done, with its settlement `s`: nothing comes any more, for the rest was given up. */
export const NOTHING_IS_DUE = Prisma.sql`NOT ${AWAITS_SETTLEMENT} AND NOT ${AWAITS_ACKNOWLEDGEMENT}`;

/**
 * Each statement reads its largest table once, by its primary key, and groups by that key alone: MySQL then forms one group
 * after the other, where a longer GROUP BY would fill a temporary table with the whole ledger.
 *
 * Every check reads the same snapshot. A paid order counts as settled once the wallet's inbox has its event; until then
 * it is in flight, and only its age can be wrong.
 */
export const AUDIT_CHECKS: readonly AuditCheck[] = [
  {
    name: 'paid-is-credited-once',
    guarantees: 'every line of a settled payment stands in its seller’s ledger exactly once, with its amount',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT o.order_id, o.no AS payment_order_no, o.seller_no, o.amount,
             COUNT(t.no) AS credits, SUM(t.amount) AS credited
      FROM settlements s
      JOIN payment_orders o ON o.order_id = s.order_id
      LEFT JOIN wallet_transactions t ON t.reference_id = o.no AND t.type = 'CREDIT'
      LEFT JOIN wallets w ON w.no = t.wallet_no
      WHERE s.last_seq_in > 0 AND ${only(Prisma.sql`s.order_id`)}
      GROUP BY o.no
      HAVING COUNT(t.no) <> 1 OR MIN(t.amount) <> o.amount OR MIN(w.seller_no) <> o.seller_no
          OR MIN(t.order_id) <> o.order_id
      LIMIT ${rowsMax}`,
  },
  {
    name: 'credited-is-paid',
    guarantees: 'every credit belongs to a line of a payment that was paid',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT t.no AS transaction_no, t.order_id, t.reference_id, t.amount, p.status
      FROM wallet_transactions t
      LEFT JOIN payment_orders o ON o.no = t.reference_id
      LEFT JOIN payment_events p ON p.no = o.payment_event_no
      WHERE t.type = 'CREDIT' AND ${only(Prisma.sql`t.order_id`)}
        AND (p.status IS NULL OR p.status NOT IN ${PAID})
      LIMIT ${rowsMax}`,
  },
  {
    name: 'debited-is-canceled',
    guarantees: 'every debit belongs to a canceled line that was credited before',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT t.no AS transaction_no, t.order_id, t.reference_id, t.amount, o.payment_order_status
      FROM wallet_transactions t
      LEFT JOIN payment_orders o ON o.no = t.reference_id
      LEFT JOIN wallet_transactions c
        ON c.reference_id = t.reference_id AND c.type = 'CREDIT' AND c.wallet_no = t.wallet_no
      WHERE t.type = 'DEBIT' AND ${only(Prisma.sql`t.order_id`)}
        AND (o.no IS NULL OR o.payment_order_status <> 'CANCELED' OR c.no IS NULL
                                  OR c.amount <> t.amount)
      LIMIT ${rowsMax}`,
  },
  {
    name: 'canceled-is-debited',
    guarantees: 'every canceled line of a settled cancellation was debited exactly once, with its amount',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT o.order_id, o.no AS payment_order_no, o.seller_no, o.amount, o.payment_order_status,
             COUNT(t.no) AS debits, SUM(t.amount) AS debited
      FROM (
        -- Few lines are canceled: the debits lead to theirs, and the canceled lines to those without.
        (SELECT d.reference_id AS no
         FROM wallet_transactions d
         JOIN payment_orders o ON o.no = d.reference_id
         JOIN payment_events p ON p.no = o.payment_event_no
         LEFT JOIN wallets w ON w.no = d.wallet_no
         WHERE d.type = 'DEBIT' AND ${only(Prisma.sql`p.order_id`)}
           AND (d.amount <> o.amount OR w.seller_no <> o.seller_no OR EXISTS (
             SELECT 1 FROM wallet_transactions r
             WHERE r.reference_id = d.reference_id AND r.type = 'DEBIT' AND r.no <> d.no))
         LIMIT ${rowsMax})
        UNION
        (SELECT o.no
         FROM payment_orders o
         JOIN payment_events p ON p.no = o.payment_event_no
         JOIN settlements s ON s.order_id = p.order_id
         WHERE o.payment_order_status = 'CANCELED' AND ${only(Prisma.sql`p.order_id`)}
           AND NOT EXISTS (SELECT 1 FROM wallet_transactions d WHERE d.reference_id = o.no AND d.type = 'DEBIT')
           AND NOT ${isDue(WALLET, Prisma.sql`o.order_id`, Prisma.sql`s.last_seq_in`, Prisma.sql`p.last_event_seq`)}
           AND NOT EXISTS (
             SELECT 1 FROM payment_cancel_lines n JOIN payment_cancels c ON c.no = n.payment_cancel_no
             WHERE n.payment_order_no = o.no AND c.status = 'SUCCESS'
               AND ${isGivenUp(WALLET, Prisma.sql`c.order_id`, Prisma.sql`c.event_seq`)})
         LIMIT ${rowsMax})
      ) broken
      JOIN payment_orders o ON o.no = broken.no
      LEFT JOIN wallet_transactions t ON t.reference_id = o.no AND t.type = 'DEBIT'
      GROUP BY o.no
      LIMIT ${rowsMax}`,
  },
  {
    name: 'canceled-is-given-back',
    guarantees:
      'what the PSP gave back is the sum of the canceled lines, and each of them belongs to one cancel',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.status, p.total_amount, COALESCE(c.given_back, 0) AS given_back,
             COALESCE(l.canceled, 0) AS canceled, COALESCE(l.named_lines, 0) AS named_lines,
             COALESCE(l.canceled_lines, 0) AS canceled_lines
      FROM payment_events p
      LEFT JOIN (SELECT payment_event_no, SUM(cancel_amount) AS given_back FROM payment_cancels
                 WHERE status = 'SUCCESS' AND ${only(Prisma.sql`order_id`)} GROUP BY payment_event_no) c ON c.payment_event_no = p.no
      LEFT JOIN (SELECT o.payment_event_no, SUM(o.amount) AS canceled, COUNT(*) AS canceled_lines,
                        SUM((SELECT COUNT(*) FROM payment_cancel_lines n JOIN payment_cancels c
                               ON c.no = n.payment_cancel_no AND c.status = 'SUCCESS'
                             WHERE n.payment_order_no = o.no)) AS named_lines
                 FROM payment_orders o WHERE o.payment_order_status = 'CANCELED' AND ${only(Prisma.sql`o.order_id`)}
                 GROUP BY o.payment_event_no) l ON l.payment_event_no = p.no
      WHERE ${only(Prisma.sql`p.order_id`)} AND (c.given_back IS NOT NULL OR l.canceled IS NOT NULL)
        AND (COALESCE(c.given_back, 0) <> COALESCE(l.canceled, 0) OR l.named_lines <> l.canceled_lines)
      LIMIT ${rowsMax}`,
  },
  {
    name: 'cancels-are-allocated',
    guarantees: 'every part that the PSP’s back office gave back is allocated to lines',
    isEverywhere: true,
    offenders: ({ rowsMax }) => Prisma.sql`
      SELECT c.order_id, c.id AS cancel_id, c.cancel_amount, c.cancel_reason, c.canceled_at
      FROM payment_cancels c WHERE c.status = 'UNALLOCATED' ORDER BY c.no LIMIT ${rowsMax}`,
  },
  {
    name: 'psp-total-is-ours',
    guarantees: 'what the PSP said it took is the payment’s amount, under our key and order',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.status, p.total_amount, p.payment_key, LEFT(p.psp_raw_data, 300) AS psp_said
      FROM payment_events p
      WHERE p.status IN ${PAID} AND ${only(Prisma.sql`p.order_id`)} AND NOT COALESCE(
        CASE WHEN JSON_VALID(p.psp_raw_data) THEN (
          SELECT psp.total = p.total_amount AND psp.currency = p.currency AND psp.order_id = p.order_id
                 AND psp.payment_key = p.payment_key
          FROM JSON_TABLE(p.psp_raw_data, '$' COLUMNS (
            total       DECIMAL(15, 2) PATH '$.totalAmount',
            currency    VARCHAR(10)    PATH '$.currency',
            order_id    VARCHAR(100)   PATH '$.orderId',
            payment_key VARCHAR(300)   PATH '$.paymentKey')) AS psp) END, FALSE)
      LIMIT ${rowsMax}`,
  },
  {
    name: 'psp-balance-is-ours',
    guarantees: 'what the PSP said was left of a payment after its cancels is what is left here',
    // A cancel tells the PSP what is left, and the PSP refuses another amount; of its own ones it told us. So each row holds
    // a balance of the PSP's, and the least of them is its last.
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.status, p.total_amount, c.canceled, c.psp_balance
      FROM (SELECT payment_event_no, SUM(cancel_amount) AS canceled, MIN(refundable_amount - cancel_amount) AS psp_balance
            FROM payment_cancels WHERE status IN ('SUCCESS', 'UNALLOCATED') AND ${only(Prisma.sql`order_id`)}
            GROUP BY payment_event_no) c
      JOIN payment_events p ON p.no = c.payment_event_no
      WHERE p.total_amount - c.canceled <> c.psp_balance
      LIMIT ${rowsMax}`,
  },
  {
    name: 'total-is-lines',
    guarantees: 'every payment’s amount is the sum of its lines',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.total_amount, COALESCE(SUM(o.amount), 0) AS lines_sum
      FROM payment_events p LEFT JOIN payment_orders o ON o.payment_event_no = p.no
      WHERE ${only(Prisma.sql`p.order_id`)}
      GROUP BY p.no
      HAVING p.total_amount <> lines_sum
      LIMIT ${rowsMax}`,
  },
  {
    name: 'flags-agree',
    guarantees: 'done flags and line statuses agree with the payment’s status',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.status, p.is_payment_done, p.is_wallet_done, p.acknowledged_events, p.last_event_seq,
             p.approved_at, SUM(o.payment_order_status = 'SUCCESS') AS succeeded,
             SUM(o.payment_order_status = 'CANCELED') AS canceled, COUNT(*) AS line_count
      FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
      WHERE ${only(Prisma.sql`o.order_id`)}
      GROUP BY p.no
      HAVING p.is_payment_done <> (p.status IN ${PAID})
          OR p.is_wallet_done <> (p.last_event_seq > 0 AND p.acknowledged_events = p.last_event_seq)
          OR (p.status IN ${PAID} AND (p.approved_at IS NULL OR MIN(p.payment_key) IS NULL))
          OR (p.status = 'PARTIAL_CANCELED'
              AND (succeeded = 0 OR canceled = 0 OR succeeded + canceled <> line_count))
          OR (p.status <> 'PARTIAL_CANCELED'
              AND NOT (MIN(o.payment_order_status) = p.status AND MAX(o.payment_order_status) = p.status))
      LIMIT ${rowsMax}`,
  },
  {
    name: 'paid-has-events',
    guarantees: 'no payment was taken without its event, and every event that was counted exists',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.status, p.last_event_seq, n.events
      FROM payment_events p, LATERAL (
        SELECT COUNT(DISTINCT seq) AS events FROM (
          SELECT aggregate_seq AS seq FROM outbox
          WHERE aggregate_type = 'payment' AND aggregate_id = p.order_id AND aggregate_seq IS NOT NULL
          UNION ALL
          -- A purged outbox row was settled before, or parked. Of what was parked anybody may have made up the number.
          SELECT event_seq FROM inbox
          WHERE consumer = 'wallet-service' AND aggregate_id = p.order_id AND event_seq IS NOT NULL AND applied
          UNION ALL
          SELECT event_seq FROM dead_letters
          WHERE consumer = 'wallet-service' AND aggregate_id = p.order_id AND event_seq <= p.last_event_seq
        ) numbered
      ) n
      WHERE ${only(Prisma.sql`p.order_id`)}
        AND (p.is_payment_done <> (p.last_event_seq > 0) OR p.last_event_seq <> n.events)
      LIMIT ${rowsMax}`,
  },
  {
    name: 'nothing-unpublished',
    guarantees: 'no event waits in the outbox, or on its topic, for longer than the promised time',
    offenders: ({ rowsMax, lateBefore, only }) => Prisma.sql`
      SELECT o.no AS outbox_no, o.event_type, o.aggregate_id, o.created_at
      FROM outbox o
      WHERE o.aggregate_type IN ('payment', 'wallet') AND ${only(Prisma.sql`o.aggregate_id`)}
        AND o.created_at < ${lateBefore}
        AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.event_id = o.id AND i.consumer = ${CONSUMER_OF})
        AND NOT ${isGivenUp(CONSUMER_OF, Prisma.sql`o.aggregate_id`, Prisma.sql`o.event_seq`)}
      ORDER BY o.no LIMIT ${rowsMax}`,
  },
  {
    name: 'nothing-unsettled',
    guarantees: 'no event of a paid order waits for its settlement for longer than the promised time',
    isEverywhere: true,
    offenders: ({ rowsMax, lateBefore }) => Prisma.sql`
      SELECT p.order_id, p.status, p.approved_at, p.last_event_seq, COALESCE(s.last_seq_in, 0) AS last_seq_in
      FROM payment_events p LEFT JOIN settlements s ON s.order_id = p.order_id
      WHERE p.is_payment_done AND p.is_wallet_done = FALSE AND ${AWAITS_SETTLEMENT}
        AND p.updated_at < ${lateBefore} AND NOT ${IS_PARKED}
      ORDER BY p.no LIMIT ${rowsMax}`,
  },
  {
    name: 'nothing-unacknowledged',
    guarantees: 'no settlement waits for its acknowledgement for longer than the promised time',
    isEverywhere: true,
    offenders: ({ rowsMax, lateBefore }) => Prisma.sql`
      SELECT p.order_id, p.status, p.approved_at, s.last_seq_out, p.acknowledged_events
      FROM payment_events p JOIN settlements s ON s.order_id = p.order_id
      WHERE p.is_payment_done AND p.is_wallet_done = FALSE AND NOT ${AWAITS_SETTLEMENT}
        AND ${AWAITS_ACKNOWLEDGEMENT}
        AND GREATEST(p.updated_at, s.updated_at) < ${lateBefore} AND NOT ${IS_PARKED}
      ORDER BY p.no LIMIT ${rowsMax}`,
  },
  {
    name: 'nothing-parked',
    guarantees: 'no paid order waits behind a parked message for longer than the promised time',
    isEverywhere: true,
    offenders: ({ rowsMax, lateBefore }) => Prisma.sql`
      SELECT p.order_id, p.status, p.last_event_seq, p.acknowledged_events, MIN(d.id) AS dead_letter,
             MIN(d.consumer) AS consumer, MIN(d.parked_at) AS parked_at, COUNT(*) AS messages
      FROM dead_letters d JOIN payment_events p ON p.order_id = d.aggregate_id
      WHERE d.status <> 'RESOLVED' AND p.is_payment_done AND p.is_wallet_done = FALSE
        AND d.parked_at < ${lateBefore}
      GROUP BY p.no, p.order_id, p.status, p.last_event_seq, p.acknowledged_events ORDER BY p.no LIMIT ${rowsMax}`,
  },
  {
    name: 'nothing-from-the-future',
    guarantees: 'no event, ledger line or parked message is younger than the moment of the audit',
    isEverywhere: true,
    // A writer's clock that is ahead would keep what waits young. By number, because not every table is led by its time.
    offenders: ({ rowsMax, readAt }) => {
      const ahead = new Date(readAt.getTime() + CLOCK_AHEAD_MS);
      return Prisma.sql`
      SELECT * FROM (
        SELECT 'outbox' AS \`table\`, no, aggregate_id AS order_id, created_at AS written_at
        FROM outbox WHERE created_at > ${ahead}
        UNION ALL
        SELECT 'wallet_transactions', no, order_id, created_at
        FROM (SELECT no, order_id, created_at FROM wallet_transactions ORDER BY no DESC LIMIT ${LATEST_ROWS}) latest
        WHERE created_at > ${ahead}
        UNION ALL
        SELECT 'dead_letters', no, aggregate_id, parked_at
        FROM (SELECT no, aggregate_id, parked_at FROM dead_letters ORDER BY no DESC LIMIT ${LATEST_ROWS}) latest
        WHERE parked_at > ${ahead}) ahead
      LIMIT ${rowsMax}`;
    },
  },
  {
    name: 'settled-was-published',
    guarantees: 'the wallet side has not settled more events of an order than the payment side has published',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT s.order_id, s.last_seq_in, p.last_event_seq
      FROM settlements s LEFT JOIN payment_events p ON p.order_id = s.order_id
      WHERE ${only(Prisma.sql`s.order_id`)} AND s.last_seq_in > COALESCE(p.last_event_seq, 0)
      LIMIT ${rowsMax}`,
  },
  {
    name: 'acknowledged-was-settled',
    guarantees: 'the payment side has not acknowledged more than the wallet side has settled',
    offenders: ({ rowsMax, only }) => Prisma.sql`
      SELECT p.order_id, p.acknowledged_events, s.last_seq_in, s.last_seq_out
      FROM payment_events p LEFT JOIN settlements s ON s.order_id = p.order_id
      WHERE ${only(Prisma.sql`p.order_id`)} AND p.acknowledged_events > COALESCE(s.last_seq_out, 0)
      LIMIT ${rowsMax}`,
  },
];
