import { CODES, REPAIRS, type Finding, type Side } from './differences';
import { kstText } from './kst-day.rules';
import type { Reconciliation } from './reconcile';

const TEXT_FINDINGS_MAX = 200;

const won = (amount: bigint | null): string =>
  amount === null ? '?' : amount.toString().replaceAll(/\B(?=(\d{3})+$)/g, ',');

function sideText(name: string, side: Side | null): string {
  if (side === null) return `    ${name.padEnd(6)} –`;
  const { amount, currency, status, at } = side;
  const moment = at === null ? '' : `  ${kstText(at)} KST`;
  return `    ${name.padEnd(6)} ${won(amount).padStart(13)} ${currency}  ${status.padEnd(16)}${moment}`;
}

function findingText({ code, orderId, paymentKey, transactionKey, psp, here, ledger }: Finding): string[] {
  return [
    `  ${code}: ${CODES[code]}`,
    `    order  ${orderId}`,
    ...(paymentKey === null ? [] : [`    key    ${paymentKey}`]),
    ...(transactionKey === null ? [] : [`    trans. ${transactionKey}`]),
    ...(ledger === null ? [sideText('psp', psp)] : []),
    sideText('here', here),
    ...(ledger === null ? [] : [sideText('ledger', ledger)]),
  ];
}

function section(title: string, findings: readonly Finding[], withRepair: boolean): string[] {
  if (findings.length === 0) return [];
  const shown = findings.slice(0, TEXT_FINDINGS_MAX);
  const more = findings.length - shown.length;
  return [
    title,
    ...shown.flatMap((finding) => [
      ...findingText(finding),
      ...(withRepair ? [`    ${REPAIRS[finding.code].words}`] : []),
      '',
    ]),
    ...(more > 0 ? [`  and ${more} more: --json has them`] : []),
  ];
}

/** For a person at a terminal. */
export function reconciliationText({ report, repairs }: Reconciliation): string {
  const { day, sums, differenceCount, differences, inFlight, notes } = report;
  const row = (name: string, kind: 'approvals' | 'cancels'): string => {
    const cell = ({ count, amount }: { count: number; amount: bigint }): string =>
      `${String(count).padStart(9)} ${won(amount).padStart(18)} KRW`;
    return `  ${name.padEnd(10)}${cell(sums.psp[kind])}   ${cell(sums.here[kind])}`;
  };
  return [
    `${day.date}, from midnight to midnight in Korea`,
    `  ${''.padEnd(10)}${'at the PSP'.padStart(32)}   ${'here'.padStart(32)}`,
    row('approvals', 'approvals'),
    row('cancels', 'cancels'),
    '',
    ...section('DIFFERENCES', differences, true),
    ...section('in flight, too young to be differences', inFlight, false),
    ...section('explained, nothing to do', notes, false),
    ...repairs.map(({ orderId, outcome }) => `repaired ${orderId}: ${outcome}`),
    differenceCount === 0 ? 'no differences' : `${differenceCount} DIFFERENCES REMAIN`,
  ].join('\n');
}

function sideJson(side: Side | null): object | null {
  return side === null ? null : { ...side, amount: side.amount === null ? null : String(side.amount) };
}

const findingJson = (finding: Finding): object => ({
  ...finding,
  psp: sideJson(finding.psp),
  here: sideJson(finding.here),
  ledger: sideJson(finding.ledger),
  meaning: CODES[finding.code],
  repair: REPAIRS[finding.code].words,
});

/** For a program: amounts are digits, moments are ISO 8601 in UTC. */
export function reconciliationJson({ report, repairs }: Reconciliation): object {
  const { day, sums, differenceCount, differences, inFlight, notes } = report;
  const sumJson = ({ count, amount }: { count: number; amount: bigint }): object => ({
    count,
    amount: String(amount),
  });
  const bookJson = (book: 'psp' | 'here'): object => ({
    approvals: sumJson(sums[book].approvals),
    cancels: sumJson(sums[book].cancels),
  });
  return {
    date: day.date,
    holds: differenceCount === 0,
    differenceCount,
    sums: { psp: bookJson('psp'), here: bookJson('here') },
    differences: differences.map(findingJson),
    inFlight: inFlight.map(findingJson),
    notes: notes.map(findingJson),
    repairs,
  };
}
