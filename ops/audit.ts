import type { Database, Prisma, Reader } from '#prisma/database';
import { inTransaction } from '#prisma/transaction';
import { AUDIT_CHECKS } from './audit.checks';

/** How old an event or a paid order may be before its waiting is a finding. */
export const PROMISED_S = 60;
const ROWS_MAX = 20;
const AUDIT_TIMEOUT_MS = 10 * 60_000;

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
    /** Paid, and its settlement or acknowledgement still under way. */
    inFlight: number;
    ledgerLines: number;
    /** Messages that a consumer has parked and nobody has resolved. */
    parked: number;
  };
  /** Sellers who owe money after a refund: information, not a broken invariant. */
  negativeBalances: NegativeBalances;
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
}

async function negativeBalances(db: Reader): Promise<NegativeBalances> {
  const [total] = await db.$queryRaw<{ sellers: bigint; owed: Prisma.Decimal | null }[]>`
    SELECT COUNT(*) AS sellers, SUM(owed) AS owed FROM wallets WHERE owed IS NOT NULL`;
  const rows = await db.$queryRaw<{ seller_no: bigint; balance: Prisma.Decimal }[]>`
    SELECT seller_no, balance FROM wallets WHERE owed IS NOT NULL ORDER BY owed DESC, no LIMIT ${ROWS_MAX}`;
  return {
    sellers: Number(total?.sellers ?? 0),
    owed: total?.owed?.toFixed(0) ?? '0',
    rows: rows.map((row) => ({ sellerNo: String(row.seller_no), balance: row.balance.toFixed(0) })),
  };
}

/**
 * Judges every money invariant over one consistent snapshot, so that a running load gives no false alarm.
 *
 * @param graceS age in seconds up to which an event may still be on its way
 */
export function audit(db: Database, graceS: number = PROMISED_S): Promise<AuditReport> {
  return inTransaction(
    db,
    async (tx) => {
      const findings: AuditFinding[] = [];
      for (const { name, guarantees, offenders } of AUDIT_CHECKS) {
        const rows = await tx.$queryRaw<Record<string, unknown>[]>(offenders(graceS, ROWS_MAX));
        findings.push({ check: name, guarantees, holds: rows.length === 0, rows });
      }
      const [counts] = await tx.$queryRaw<CountsRow[]>`
        SELECT (SELECT COUNT(*) FROM payment_events) AS payments,
               (SELECT COUNT(*) FROM payment_events WHERE is_payment_done) AS paid,
               (SELECT COUNT(*) FROM payment_events WHERE is_payment_done AND NOT is_wallet_done) AS in_flight,
               (SELECT COUNT(*) FROM wallet_transactions) AS ledger_lines,
               (SELECT COUNT(*) FROM dead_letters WHERE status <> 'RESOLVED') AS parked`;
      if (counts === undefined) throw new Error('a SELECT without a row');
      return {
        holds: findings.every((finding) => finding.holds),
        findings,
        counts: {
          payments: Number(counts.payments),
          paid: Number(counts.paid),
          inFlight: Number(counts.in_flight),
          ledgerLines: Number(counts.ledger_lines),
          parked: Number(counts.parked),
        },
        negativeBalances: await negativeBalances(tx),
      };
    },
    // The first read opens the snapshot that all later ones see.
    { isolation: 'RepeatableRead', timeoutMs: AUDIT_TIMEOUT_MS },
  );
}

/** A row's values as an operator reads them: bigints and decimals as digits, times in ISO. */
export function rowText(row: Record<string, unknown>): string {
  return Object.entries(row)
    .map(([column, value]) => `${column}=${value instanceof Date ? value.toISOString() : String(value)}`)
    .join(' ');
}

function negativeText({ sellers, owed, rows }: NegativeBalances): string[] {
  if (sellers === 0) return [];
  return [
    `note    below zero                 ${sellers} sellers owe ${owed} won after refunds`,
    ...rows.map(({ sellerNo, balance }) => `          seller_no=${sellerNo} balance=${balance}`),
  ];
}

export function auditText(report: AuditReport): string {
  const { payments, paid, inFlight, ledgerLines, parked } = report.counts;
  const lines = report.findings.flatMap(({ check, guarantees, holds, rows }) => [
    `${holds ? 'holds ' : 'BROKEN'}  ${check.padEnd(26)} ${guarantees}`,
    ...rows.map((row) => `          ${rowText(row)}`),
  ]);
  return [
    ...lines,
    ...negativeText(report.negativeBalances),
    `${payments} payments, ${paid} paid, ${inFlight} in flight, ${ledgerLines} ledger lines, ${parked} parked messages`,
    report.holds ? 'audit holds' : 'AUDIT FAILED',
  ].join('\n');
}
