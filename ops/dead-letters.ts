import { RegistryUnavailableError, UndecodableError, type Decode, type DecodedEvent } from '#contracts/codec';
import { HEADER } from '#contracts/topics';
import type { Ids } from '#kit/ids';
import { isTraceparent } from '#kit/trace-context';
import type { Database, Tx } from '#prisma/database';
import { deadLettersOf } from '#prisma/dead-letters';
import { headerText, type StoredHeader } from '#prisma/stored-headers';
import { letterBefore, nextSeq } from '#prisma/dead-letters.rules';
import { inTransaction } from '#prisma/transaction';
import { CommandError } from './command';
import { adviceFor, firstMissing, whyNotRedrivable, type Origin, type SeqRange } from './dead-letters.rules';
import * as store from './dead-letters.store';
import type { Action, Letter } from './dead-letters.store';

const LIST_MAX = 1_000;

export async function listDeadLetters(
  db: Database,
  { withResolved, countMax = LIST_MAX }: { withResolved: boolean; countMax?: number },
): Promise<{ deadLetters: Letter[]; hasMore: boolean }> {
  const letters = await store.listLetters(db, { withResolved, countMax: countMax + 1 });
  return { deadLetters: letters.slice(0, countMax), hasMore: letters.length > countMax };
}

export interface ShownLetter extends Letter {
  /** As they came, a name perhaps several times. */
  headers: StoredHeader[];
  key: string | null;
  payload: Buffer | null;
  /** What the bytes say, or why they say nothing. */
  decoded: DecodedEvent | { unreadable: string };
  /** Are they what was published under its number? */
  origin: Origin;
  /** The consumer's last number of this order, and the one that is due. */
  lastSeq: number;
  dueSeq: number;
  /** The letter of the same order that has to be dealt with before. */
  behind: string | null;
  /** Other letters of its number that are not resolved: with other bytes, and with the same. */
  rivals: string[];
  twins: string[];
  /** Later messages of the order that wait behind this one. */
  waiting: number;
  whyNotRedrivable: string | null;
  advice: string;
  actions: Action[];
}

/** Everything about one dead letter. @throws CommandError when there is none of this id */
export async function showDeadLetter(db: Database, decode: Decode, id: string): Promise<ShownLetter> {
  const letter = await store.findLetter(db, id);
  if (letter === undefined) throw new CommandError(`there is no dead letter ${id}`);
  const { headers, key, payload } = await store.messageOf(db, id);
  const { orderId, seq } = letter;
  const siblings = orderId === null ? [] : await deadLettersOf(db, letter.consumer, [orderId]);
  const own = siblings.find((sibling) => sibling.id === id);
  const lastSeq = orderId === null ? 0 : await store.lastSeqOf(db, letter);
  const [origin, isTaken] = [await store.originOf(db, letter), await store.isTaken(db, letter)];
  const claims = await store.claimsOf(db, letter);
  const others = (isSame: boolean): string[] =>
    claims.filter((claim) => claim.isSame === isSame).map((claim) => claim.id);
  const [rivals, twins] = [others(false), others(true)];
  const isBooked = await store.isBooked(db, letter);
  const open = siblings.filter((sibling) => sibling.status !== 'RESOLVED' && sibling !== own);
  const dueSeq = nextSeq(lastSeq, siblings);
  return {
    ...letter,
    headers,
    key: key?.toString('utf8') ?? null,
    payload,
    decoded: await decodeOrSay(decode, payload),
    origin,
    lastSeq,
    dueSeq,
    behind: (seq === null ? undefined : letterBefore(seq, own, siblings))?.id ?? null,
    rivals,
    twins,
    waiting: open.filter((sibling) => seq === null || (sibling.seq ?? 0) > seq).length,
    whyNotRedrivable: whyNotRedrivable({ ...letter, origin }) ?? null,
    advice: adviceFor({
      ...letter,
      origin,
      isTaken,
      isBooked,
      isPassed: seq !== null && seq < dueSeq,
      isDue: seq === dueSeq,
      rivals,
      twins,
    }),
    actions: await store.actionsOf(db, letter.no),
  };
}

async function decodeOrSay(decode: Decode, payload: Buffer | null): Promise<ShownLetter['decoded']> {
  try {
    return await decode(payload);
  } catch (error) {
    const isExpected = error instanceof UndecodableError || error instanceof RegistryUnavailableError;
    if (!isExpected) throw error;
    return { unreadable: error.message };
  }
}

export interface RedriveWorld {
  db: Database;
  ids: Pick<Ids, 'eventId'>;
  /** Who does it, for the record. */
  by: string;
}

export interface Redriven {
  id: string;
  orderId: string | null;
  seq: number | null;
  /** Id of the new event. */
  eventId: string;
}

export interface RedriveReport {
  redriven: Redriven[];
  /** Letters that stay as they are, and why. */
  left: { id: string; orderId: string | null; reason: string }[];
}

/**
 * Publishes one parked message again. Its letter is REDRIVING until its consumer has taken the message (RESOLVED) or
 * has parked it again (OPEN). Of two operators one is told that the other was faster.
 *
 * @param again also when it is on its way already: harmless, whichever copy comes first counts
 * @throws CommandError when it cannot be redriven, with what to do instead
 */
export function redriveOne(
  world: RedriveWorld,
  id: string,
  { again }: { again: boolean },
): Promise<RedriveReport> {
  return inTransaction(world.db, async (tx) => {
    const letter = await store.lockLetter(tx, id);
    if (letter === undefined) throw new CommandError(`there is no dead letter ${id}`);
    refuseUnlessOpen(letter, again);
    const reason = await whyNotNow(tx, letter);
    if (reason !== undefined) throw new CommandError(`${id} cannot be redriven: ${reason}`);
    return { redriven: [await redrive(tx, world, letter)], left: [] };
  });
}

function refuseUnlessOpen(letter: Letter, again: boolean): void {
  const { id, status, redrivenBy, redrivenAt, resolvedBy, resolvedAt, resolution } = letter;
  if (status === 'RESOLVED') {
    const when = resolvedAt?.toISOString() ?? '';
    throw new CommandError(`${id} was resolved by ${resolvedBy} at ${when}: ${resolution}`);
  }
  if (status === 'REDRIVING' && !again) {
    const when = redrivenAt?.toISOString() ?? '';
    throw new CommandError(
      `${id} is being redriven since ${when} by ${redrivenBy}. If it does not arrive, redrive it --again.`,
    );
  }
}

async function whyNotNow(tx: Tx, letter: Letter): Promise<string | undefined> {
  const { id, consumer, orderId, seq } = letter;
  const origin = await store.originOf(tx, letter);
  const reason = whyNotRedrivable({ ...letter, origin });
  if (reason !== undefined || orderId === null || seq === null) return reason;
  const rival = (await store.claimsOf(tx, letter)).find(({ isSame }) => !isSame);
  if (origin !== 'published' && rival !== undefined)
    return `${rival.id} has other bytes under the same number, and the outbox does not say which were published; resolve the wrong one with --seq none`;
  const siblings = await deadLettersOf(tx, consumer, [orderId]);
  const open = siblings.filter(({ status }) => status === 'OPEN');
  const own = open.find((sibling) => sibling.id === id);
  const before = letterBefore(seq, own, open);
  if (before !== undefined)
    return `it would wait behind ${before.id} of the same order; redrive or resolve that first`;
  const lastSeq = await store.lastSeqOf(tx, letter);
  if (seq < nextSeq(lastSeq, siblings) && !(await store.isTaken(tx, letter)))
    return `it would be parked again: number ${seq} of its order was taken by another content, or given up`;
  const missing = firstMissing(seq, lastSeq, siblings);
  return missing === undefined
    ? undefined
    : `it would be parked again: number ${missing} of its order has not been taken`;
}

async function redrive(tx: Tx, { ids, by }: RedriveWorld, letter: Letter): Promise<Redriven> {
  const { id, no, orderId, seq } = letter;
  const { headers } = await store.messageOf(tx, id);
  const traceparent = headerText(headers, HEADER.traceparent) ?? '';
  const eventId = ids.eventId();
  await store.departAgain(tx, letter, {
    eventId,
    traceparent: isTraceparent(traceparent) ? traceparent : null,
  });
  await store.markRedriving(tx, no, by);
  await store.recordAction(tx, no, { action: 'REDRIVE', by, reason: null, eventId });
  return { id, orderId, seq, eventId };
}

/**
 * Publishes every open message again, each order's in the order of their numbers, one transaction per order. What stands
 * behind one that cannot be redriven stays with it.
 */
export async function redriveAll(world: RedriveWorld): Promise<RedriveReport> {
  const report: RedriveReport = { redriven: [], left: [] };
  for (const letter of await store.openLettersWithoutOrder(world.db)) {
    report.left.push({
      id: letter.id,
      orderId: null,
      reason: whyNotRedrivable({ ...letter, origin: 'unknown' }) ?? 'of no order',
    });
  }
  for (const { consumer, orderId } of await store.ordersWithOpenLetters(world.db)) {
    const { redriven, left } = await inTransaction(world.db, (tx) =>
      redriveOrder(tx, world, consumer, orderId),
    );
    report.redriven.push(...redriven);
    report.left.push(...left);
  }
  return report;
}

async function redriveOrder(
  tx: Tx,
  world: RedriveWorld,
  consumer: string,
  orderId: string,
): Promise<RedriveReport> {
  const report: RedriveReport = { redriven: [], left: [] };
  for (const letter of await store.lockLettersOfOrder(tx, consumer, orderId)) {
    if (letter.status !== 'OPEN') continue;
    const reason = await whyNotNow(tx, letter);
    if (reason === undefined) report.redriven.push(await redrive(tx, world, letter));
    else report.left.push({ id: letter.id, orderId, reason });
  }
  return report;
}

export interface Resolved {
  id: string;
  resolvedBy: string;
  reason: string;
  /** The numbers of the order's sequence that were given up: the consumer goes on behind them. */
  gaveUp: SeqRange | null;
  /** Messages of the same order that are still parked. */
  waiting: number;
}

/**
 * Closes a dead letter by hand; nothing of its message is ever booked. By default it gives up its own number if it has
 * the bytes that were published under it and nobody else has them, and none otherwise: closing somebody's junk, or one of
 * two copies, must not hide that the real event is missing.
 *
 * @param options.seq numbers to give up instead
 * @throws CommandError when it is closed already, and for numbers that were taken, or never published
 */
export function resolveByHand(
  db: Database,
  id: string,
  { by, reason, seq }: { by: string; reason: string; seq?: SeqRange | null },
): Promise<Resolved> {
  return inTransaction(db, async (tx) => {
    // Of two who close two copies of one event at once, the second sees what the first has done.
    const found = await store.findLetter(tx, id);
    if (found?.orderId != null) await store.lockLettersOfOrder(tx, found.consumer, found.orderId);
    const letter = await store.lockLetter(tx, id);
    if (letter === undefined) throw new CommandError(`there is no dead letter ${id}`);
    refuseUnlessOpen(letter, true);
    if (seq !== undefined && seq !== null) await refuseUnlessMissing(tx, letter, seq);
    const gaveUp = seq === undefined ? await ownNumber(tx, letter) : seq;
    await store.markResolved(tx, letter.no, { by, reason, gaveUp });
    await store.recordAction(tx, letter.no, { action: 'RESOLVE', by, reason, eventId: null });
    const { consumer, orderId } = letter;
    const siblings = orderId === null ? [] : await deadLettersOf(tx, consumer, [orderId]);
    const waiting = siblings.filter(({ status }) => status !== 'RESOLVED').length;
    return { id, resolvedBy: by, reason, gaveUp, waiting };
  });
}

async function refuseUnlessMissing(tx: Tx, letter: Letter, { fromSeq, toSeq }: SeqRange): Promise<void> {
  const lastSeq = await store.lastSeqOf(tx, letter);
  if (fromSeq <= lastSeq)
    throw new CommandError(`number ${fromSeq} is not missing: its order has been taken up to ${lastSeq}`);
  const published = await store.publishedSeqOf(tx, letter);
  if (published !== undefined && toSeq > published)
    throw new CommandError(`number ${toSeq} was never published: its order has come to ${published}`);
}

async function ownNumber(tx: Tx, letter: Letter): Promise<SeqRange | null> {
  const { seq } = letter;
  if (seq === null || (await store.originOf(tx, letter)) !== 'published') return null;
  // What was taken from another message, or is still parked as another, is not lost.
  if (await store.isTaken(tx, letter)) return null;
  const isParkedElsewhere = (await store.claimsOf(tx, letter)).some(({ isSame }) => isSame);
  return isParkedElsewhere ? null : { fromSeq: seq, toSeq: seq };
}
