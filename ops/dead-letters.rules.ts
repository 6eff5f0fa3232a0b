import { PAYLOAD_BYTES_MAX } from '#contracts/topics';
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
  error: string;
  orderId: string | null;
  origin: Origin;
  /** The consumer has taken this very content, from another message. */
  isTaken: boolean;
  /** The consumer has gone past its number. */
  isPassed: boolean;
  /** Other parked messages that claim its place. */
  rivals: readonly string[];
}

/** What an operator can do about a message that was parked for this reason. */
export function adviceFor(letter: Advised): string {
  const { error, origin } = letter;
  if (origin === 'altered') return adviceOnAlteredCopy(letter);
  if (/^held:|is missing$/.test(error)) {
    return 'An earlier event of the order has not arrived. Once it has been taken, redrive this one. If it is lost for good, resolve with --seq gives its number up.';
  }
  if (/behind/.test(error)) return 'An earlier message of the order is parked: see to that one first.';
  if (/no seller/.test(error)) return 'Make the seller, then redrive.';
  if (/another content/.test(error)) {
    return adviceOnTwoContents(letter);
  }
  if (/schema|Avro|no value|unknown record/.test(error)) {
    return 'The bytes could not be read. If a newer version of this consumer can, deploy it and redrive; otherwise resolve.';
  }
  if (/MySQL error 1062|was not credited|unknown cancel/.test(error)) {
    return 'It contradicts what is booked already. Compare with npm run trace before you resolve it.';
  }
  return 'Remove the reason and redrive, or resolve it by hand.';
}

const dlq = (command: string, ids: readonly string[]): string =>
  ids.map((id) => `npm run dlq -- ${command.replace('ID', id)}`).join(', ');
const SHOW = 'show ID';
const CLOSE = 'resolve ID --reason TEXT';

function adviceOnAlteredCopy({ id, rivals }: Advised): string {
  const other =
    rivals.length === 0 ? '' : ` Then see to the other message of its number: ${dlq(SHOW, rivals)}.`;
  return `Other bytes were published under its number: this is an altered copy. Close it: ${dlq(CLOSE, [id])}.${other}`;
}

/** One of the two is a corrupted or forged copy: only the other may ever be booked. */
function adviceOnTwoContents({ id, orderId, origin, isTaken, isPassed, rivals }: Advised): string {
  const redriveThis = dlq('redrive ID', [id]);
  const closeThis = dlq(CLOSE, [id]);
  if (isTaken)
    return `This very content has been taken under its number: nothing is missing. Close it: ${closeThis}.`;
  if (isPassed) {
    const trace = `npm run trace -- ${orderId}`;
    return origin === 'published'
      ? `This is what was published, but its order has gone on with another content: redriven, it is parked again. Compare (${trace}), set right by hand what was booked, and then ${closeThis}.`
      : `The number was taken by another content: one of both is wrong. Compare (${trace}), and when this one is not wanted, ${closeThis}.`;
  }
  if (origin === 'published') {
    return rivals.length === 0
      ? `This is what was published under its number; what came before it was an altered copy. Redrive it: ${redriveThis}.`
      : `This is what was published under its number; another message claims the place. Compare: ${dlq(SHOW, rivals)}. Close the other first: ${dlq(`${CLOSE} --seq none`, rivals)}. Then redrive this one: ${redriveThis}.`;
  }
  const compare = rivals.length === 0 ? 'npm run dlq -- list --all' : dlq(SHOW, rivals);
  return `Two contents claim its place, and the outbox has neither. Compare with the other: ${compare}. Close the wrong one first (${CLOSE} --seq none), then redrive the right one (redrive ID); this one: ${closeThis}, or ${redriveThis}.`;
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
