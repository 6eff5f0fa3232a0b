import type { StoredHeader } from '#prisma/stored-headers';
import type { Letter } from './dead-letters.store';
import type { RedriveReport, Resolved, ShownLetter } from './dead-letters';
import type { Origin, SeqRange } from './dead-letters.rules';

const HEX_BYTES_SHOWN = 64;
const ORIGIN_TEXT: Record<Origin, string> = {
  published: 'what was published under its number',
  altered: 'not what was published under its number',
  unknown: 'nothing of its topic, order and number was published',
};

/** What a result looks like with `--json`: bigints as digits, bytes in base64. */
export function deadLetterJson(result: unknown): string {
  return JSON.stringify(result, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    const bytes = value as { type?: unknown; data?: unknown } | null;
    if (bytes?.type === 'Buffer' && Array.isArray(bytes.data))
      return Buffer.from(bytes.data as number[]).toString('base64');
    return value;
  });
}

const place = ({ topic, partition, offset }: Letter): string => `${topic}:${partition}:${offset}`;
const rangeText = ({ fromSeq, toSeq }: SeqRange): string =>
  fromSeq === toSeq ? `number ${fromSeq}` : `numbers ${fromSeq} to ${toSeq}`;

export function listText({ deadLetters, hasMore }: { deadLetters: Letter[]; hasMore: boolean }): string {
  if (deadLetters.length === 0) return 'no dead letters';
  const lines = deadLetters.map(
    (letter) =>
      `${letter.id}  ${letter.status.padEnd(9)}  ${letter.parkedAt.toISOString()}  ${letter.consumer}  ` +
      `order ${letter.orderId ?? '–'} #${letter.seq ?? '–'}  ${letter.eventType ?? '–'}  ${letter.error}`,
  );
  return [...lines, ...(hasMore ? ['… and more: --limit N shows them'] : [])].join('\n');
}

function decodedText(decoded: ShownLetter['decoded']): string[] {
  if ('unreadable' in decoded) return [`not readable: ${decoded.unreadable}`];
  const digits = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value;
  return [decoded.record, ...JSON.stringify(decoded.value, digits, 2).split('\n')];
}

function historyText(letter: ShownLetter): string[] {
  const { actions, status, resolvedBy, resolvedAt, resolution, closedFromSeq, closedToSeq } = letter;
  const lines = actions.map(
    ({ action, by, reason, eventId, at }) =>
      `${at.toISOString()} ${action} by ${by}${reason === null ? '' : `: ${reason}`}${eventId === null ? '' : `, event ${eventId}`}`,
  );
  if (status === 'RESOLVED') {
    const gaveUp =
      closedFromSeq === null || closedToSeq === null
        ? ''
        : `; gave up ${rangeText({ fromSeq: closedFromSeq, toSeq: closedToSeq })}`;
    lines.push(`${resolvedAt?.toISOString()} resolved by ${resolvedBy}: ${resolution}${gaveUp}`);
  }
  return lines;
}

function headerValueText(value: StoredHeader[1]): string {
  if (value === null) return '(no value)';
  return typeof value === 'string' ? value : `base64 ${value.base64}`;
}

export function showText(letter: ShownLetter): string {
  const { payload, headers, key, behind, rivals, twins, waiting, lastSeq, dueSeq } = letter;
  const section = (title: string, lines: string[]): string[] =>
    lines.length === 0 ? [] : [`\n${title}`, ...lines.map((line) => `  ${line}`)];
  const shown = payload?.subarray(0, HEX_BYTES_SHOWN).toString('hex') ?? '';
  const rest =
    payload === null || payload.length <= HEX_BYTES_SHOWN
      ? ''
      : ` … (${payload.length} bytes, --json has all)`;
  return [
    `dead letter ${letter.id}, ${letter.status}`,
    `  parked     ${letter.parkedAt.toISOString()} by ${letter.consumer}`,
    `  because    ${letter.cause}: ${letter.error}`,
    `  from       ${place(letter)}, event ${letter.eventId}, ${letter.eventType ?? 'no event type'}`,
    `  order      ${letter.orderId ?? 'none'}, number ${letter.seq ?? 'none'}; taken up to ${lastSeq}, due is ${dueSeq}`,
    ...(behind === null ? [] : [`  behind     ${behind}`]),
    ...(rivals.length === 0 ? [] : [`  rivals     ${rivals.join(', ')}`]),
    ...(twins.length === 0 ? [] : [`  twins      ${twins.join(', ')}`]),
    ...(letter.seq === null ? [] : [`  bytes      ${ORIGIN_TEXT[letter.origin]}`]),
    ...(waiting === 0 ? [] : [`  before     ${waiting} later messages of its order`]),
    ...(letter.status === 'RESOLVED'
      ? []
      : [
          letter.whyNotRedrivable === null
            ? `  what next  ${letter.advice}`
            : `  what next  It cannot be redriven: ${letter.whyNotRedrivable}. Resolve it by hand.`,
        ]),
    ...section('history', historyText(letter)),
    ...section('key and headers', [
      `key ${key ?? 'none'}`,
      ...headers.map(([name, value]) => `${name}: ${headerValueText(value)}`),
    ]),
    ...section('value', [...decodedText(letter.decoded), `${shown === '' ? 'no bytes' : shown}${rest}`]),
  ].join('\n');
}

export function redriveText({ redriven, left }: RedriveReport): string {
  const lines = [
    ...redriven.map(
      ({ id, orderId, seq, eventId }) => `redriven  ${id}  order ${orderId} #${seq}, event ${eventId}`,
    ),
    ...left.map(({ id, reason }) => `left      ${id}  ${reason}`),
  ];
  if (lines.length === 0) return 'nothing is open';
  return [...lines, `${redriven.length} redriven, ${left.length} left`].join('\n');
}

export function resolvedText({ id, resolvedBy, gaveUp, waiting }: Resolved): string {
  const what =
    gaveUp === null
      ? 'nothing of the order’s sequence was given up'
      : `${rangeText(gaveUp)} of the order ${gaveUp.fromSeq === gaveUp.toSeq ? 'was' : 'were'} given up`;
  const rest = waiting === 0 ? '' : `\n${waiting} messages of the same order are still parked: redrive them`;
  return `${id} is resolved by ${resolvedBy}; ${what}${rest}`;
}
