import { PAYLOAD_BYTES_MAX } from '#contracts/topics';
import { nextSeq, type DeadLetterState, type ParkCause } from '#prisma/dead-letters.rules';
import { CommandError } from './command';

const PAYLOAD_BYTES_MIN = 5;
/** Topics that a consumer parks from, and that the outbox publishes to. */
const TOPICS = ['payment', 'wallet'];
/** What `outbox.event_type` takes. */
const EVENT_TYPE = /^[\x20-\x7e]{1,100}$/;
const SEQ_MAX = 999_999_999;

/** A message against the outbox: its number's own bytes, other bytes than those, or nothing stands there. */
export type Origin = 'published' | 'altered' | 'unknown';

export interface Redrivable {
  topic: string;
  orderId: string | null;
  seq: number | null;
  eventType: string | null;
  /** Bytes of the value; `null` for a tombstone. */
  payloadSize: number | null;
  origin: Origin;
}

/** Why a message cannot leave through the outbox once more, or would surely be parked again; absent when it can. */
export function whyNotRedrivable(letter: Redrivable): string | undefined {
  const { topic, orderId, seq, eventType, payloadSize, origin } = letter;
  if (!TOPICS.includes(topic)) return `nothing is published to the topic ${topic}`;
  if (orderId === null) return 'its key is no order id, so it belongs to no order';
  if (payloadSize === null || payloadSize < PAYLOAD_BYTES_MIN) {
    return `its value of ${payloadSize ?? 'no'} bytes is no event`;
  }
  if (payloadSize > PAYLOAD_BYTES_MAX) {
    return `its value of ${payloadSize} bytes exceeds the ${PAYLOAD_BYTES_MAX} that the outbox takes`;
  }
  if (seq === null) return 'it has no sequence number: its place among the order’s events is not known';
  if (eventType === null || !EVENT_TYPE.test(eventType)) return 'its header names no event type';
  // Its consumer does not read the outbox, and would take it if it is well-formed.
  if (origin === 'altered') return `other bytes than these were published as number ${seq} of its order`;
  return undefined;
}

export interface Advised {
  id: string;
  cause: ParkCause;
  orderId: string | null;
  origin: Origin;
  /** The consumer has taken this very content, from another message. */
  isTaken: boolean;
  /** The consumer has taken something under its number. */
  isBooked: boolean;
  /** The consumer has gone past its number. */
  isPassed: boolean;
  /** Every earlier number has been taken, or given up. */
  isDue: boolean;
  /** Other parked messages of its number, with other bytes. */
  rivals: readonly string[];
  /** Other parked messages of its number, with the same bytes. */
  twins: readonly string[];
}

const dlq = (command: string, ids: readonly string[]): string =>
  ids.map((id) => `npm run dlq -- ${command.replace('ID', id)}`).join(', ');
const SHOW = 'show ID';
const REDRIVE = 'redrive ID';
const CLOSE = 'resolve ID --reason TEXT';

/** What an operator can do about a message that was parked for this reason. */
export function adviceFor(letter: Advised): string {
  const { id, isTaken, origin, twins } = letter;
  if (isTaken)
    return `This very content has been taken under its number: nothing is missing. Close it: ${dlq(CLOSE, [id])}.`;
  const advice = origin === 'altered' ? adviceOnAlteredCopy(letter) : adviceByCause(letter);
  if (twins.length === 0) return advice;
  return `${advice} The same bytes are parked as ${twins.join(', ')}: see to one of them; what is left can be closed then without loss.`;
}

function adviceByCause(letter: Advised): string {
  const { id, cause, rivals, origin, isDue } = letter;
  if (rivals.length > 0) return adviceOnTwoContents(letter);
  switch (cause) {
    case 'conflict':
      return adviceOnTwoContents(letter);
    case 'behind':
    case 'gap':
      if (isDue)
        return `Every earlier event of the order has been taken by now. Redrive it: ${dlq(REDRIVE, [id])}.`;
      return cause === 'behind'
        ? 'An earlier message of the order is parked: see to that one first, and then redrive this one.'
        : 'An earlier event of the order has not arrived. Once it has been taken, redrive this one. If it is lost for good, settle both by hand, and resolve this one with --seq from the missing number to its own.';
    case 'unknown_seller':
      return 'Make the seller, then redrive.';
    case 'undecodable':
      return origin === 'unknown'
        ? `The bytes could not be read, and the outbox has nothing under its number: unless that was purged, it is no event of ours. Close it: ${dlq(CLOSE, [id])}.`
        : 'The bytes could not be read. If a newer version of this consumer can, deploy it and redrive; otherwise resolve.';
    case 'already_posted':
    case 'not_credited':
    case 'unknown_cancel':
      return 'It contradicts what is booked already. Compare with npm run trace before you resolve it.';
    case 'invalid':
    case 'refused':
    case 'unknown_order':
      return 'Remove the reason and redrive, or resolve it by hand.';
  }
}

function adviceOnAlteredCopy({ id, rivals, isBooked, isPassed }: Advised): string {
  const other =
    rivals.length === 0 ? '' : ` Then see to the other message of its number: ${dlq(SHOW, rivals)}.`;
  // Whoever closes it must not believe that all is well.
  const missing =
    isBooked || isPassed || rivals.length > 0
      ? ''
      : ' What was published has not been taken, and closing this does not bring it: npm run audit tells whether it is still to come.';
  return `Other bytes were published under its number: this is an altered copy. Close it: ${dlq(CLOSE, [id])}.${other}${missing}`;
}

/** One of the two is a corrupted or forged copy: only the other may ever be booked. */
function adviceOnTwoContents({ id, orderId, origin, isBooked, isPassed, rivals }: Advised): string {
  const redriveThis = dlq(REDRIVE, [id]);
  const closeThis = dlq(CLOSE, [id]);
  if (isPassed) {
    const trace = `npm run trace -- ${orderId}`;
    if (!isBooked)
      return `Its number was given up, and nothing was booked under it: it cannot be redriven. Look (${trace}); if what it says is true, it has to be paid by hand. Then ${closeThis}.`;
    return origin === 'published'
      ? `This is what was published, but its order has gone on with another content: it cannot be redriven. Compare (${trace}), set right by hand what was booked, and then ${closeThis}.`
      : `The number was taken by another content: one of both is wrong. Compare (${trace}), and when this one is not wanted, ${closeThis}.`;
  }
  if (origin === 'published') {
    return rivals.length === 0
      ? `This is what was published under its number; what came before it was an altered copy. Redrive it: ${redriveThis}.`
      : `This is what was published under its number; another message claims the place. Compare: ${dlq(SHOW, rivals)}. Close the other first: ${dlq(`${CLOSE} --seq none`, rivals)}. Then redrive this one: ${redriveThis}.`;
  }
  const compare = rivals.length === 0 ? 'npm run dlq -- list --all' : dlq(SHOW, rivals);
  return `Two contents claim its place, and the outbox has neither. Compare with the other: ${compare}. Close the wrong one first (${CLOSE} --seq none), then redrive the right one (${REDRIVE}); this one: ${closeThis}, or ${redriveThis}.`;
}

/** Numbers of a sequence, both ends included. */
export interface SeqRange {
  fromSeq: number;
  toSeq: number;
}

/** Reads `--seq`: "3", "3-5" or "none". @throws CommandError */
export function seqRange(text: string): SeqRange | null {
  if (text === 'none') return null;
  const match = /^([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?$/.exec(text);
  const fromSeq = Number(match?.[1]);
  const toSeq = Number(match?.[2] ?? match?.[1]);
  if (match === null || fromSeq > toSeq || toSeq > SEQ_MAX) {
    throw new CommandError(`--seq takes a number, a range like 3-5, or none; not ${JSON.stringify(text)}`);
  }
  return { fromSeq, toSeq };
}

/** A name or reason for the record. @throws CommandError when it is blank or too long */
export function forTheRecord(what: string, text: string | undefined, charactersMax: number): string {
  const trimmed = text?.trim() ?? '';
  if (trimmed === '') throw new CommandError(`${what} is missing`);
  if (trimmed.length > charactersMax)
    throw new CommandError(`${what} is longer than ${charactersMax} characters`);
  return trimmed;
}

/**
 * The first number before `seq` of which its consumer would say that it is missing: not taken, not given up, and not on
 * its way by another letter.
 */
export function firstMissing(
  seq: number,
  lastSeq: number,
  siblings: readonly DeadLetterState[],
): number | undefined {
  const underWay = new Set(siblings.flatMap((letter) => (letter.status === 'RESOLVED' ? [] : [letter.seq])));
  let next = nextSeq(lastSeq, siblings);
  while (next < seq && underWay.has(next)) next = nextSeq(next, siblings);
  return next < seq ? next : undefined;
}
