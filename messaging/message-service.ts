import type { DecodedEvent } from '#contracts/codec';
import type { TopicName } from '#contracts/topics';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Tx } from '#prisma/database';
import type { ParkCause } from '#prisma/dead-letters.rules';
import type { Arrival } from '#prisma/inbox';

/** A message with what its key and headers say. Every field is safe to store, whatever the producer sent. */
export interface Headed {
  message: ConsumedMessage;
  arrival: Arrival;
  eventType: string | null;
  /** The dead letter that an operator redrives with this message. */
  redriveOf: string | null;
  traceparent: string | null;
}

/** Why a message cannot be applied. */
export interface Problem {
  cause: ParkCause;
  /** For an operator. */
  reason: string;
}

/** A message as read: its content, or why it has none that can be applied. */
export interface Incoming<Content> extends Headed {
  content: Content | Problem;
}

/** An event whose turn it is. */
export interface Due<Content> extends Headed {
  content: Content;
  orderId: string;
  seq: number;
}

export const isProblem = (content: unknown): content is Problem =>
  typeof content === 'object' && content !== null && 'cause' in content && 'reason' in content;

/** The database, or the content itself, refuses an event for good: repeating it cannot help. */
export class UnprocessableError extends Error {
  override readonly name = 'UnprocessableError';
}

/**
 * What a service supplies to the consumer engine: which events it takes, and what they change. Identity, duplicates, order,
 * gaps, redriving, parking, the transaction and the metrics are the engine's.
 */
export interface MessageService<Content extends object, State> {
  /** Consumer group; also the consumer's name in the inbox and on dead letters. */
  consumer: string;
  deadLetterTopic: TopicName;
  /** Validates a decoded event. Pure. */
  read: (headed: Headed, event: DecodedEvent) => Content | Problem;
  /**
   * Reads and locks what the batch needs. Statements that it issues before its first `await` travel in one packet with the
   * engine's own.
   */
  load: (tx: Tx, contents: readonly Content[]) => Promise<State>;
  /** Number of the order's last applied event, 0 before the first; a problem when there is no such order. */
  lastSeq: (state: State, orderId: string) => number | Problem;
  /**
   * Checks an event whose turn has come. When it accepts, it notes the effect in `state`, where the events behind see it.
   */
  accept: (state: State, event: Due<Content>) => Problem | undefined;
  /** Writes every accepted event, in one packet. @throws UnprocessableError */
  apply: (tx: Tx, state: State, accepted: readonly Due<Content>[], now: Date) => Promise<void>;
  /** What the event does to sellers' money; a label of the metrics. */
  typeOf: (content: Content) => 'CREDIT' | 'DEBIT';
  /** Called for each applied event after the commit. */
  onApplied?: (content: Content) => void;
}
