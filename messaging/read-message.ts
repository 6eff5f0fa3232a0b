import { UndecodableError, type Decode } from '#contracts/codec';
import { HEADER } from '#contracts/topics';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { isTraceparent } from '#kit/trace-context';
import { arrivalOf, eventTypeOf, redriveOf } from '#prisma/dead-letters';
import type { Headed, Incoming, MessageService } from './message-service';

/** Reads key and headers; the value is only hashed. Never throws. */
export function headedOf(message: ConsumedMessage): Headed {
  const traceparent = message.headers[HEADER.traceparent] ?? '';
  return {
    message,
    arrival: arrivalOf(message),
    eventType: eventTypeOf(message),
    redriveOf: redriveOf(message),
    traceparent: isTraceparent(traceparent) ? traceparent : null,
  };
}

/** What every event of ours has: its id, its type and its order's key in the headers. @returns what is wrong */
export function envelopeProblems(
  { message, arrival, eventType }: Headed,
  record: string,
  orderId: string,
): string[] {
  return [
    ...(arrival.eventId === message.headers[HEADER.eventId] ? [] : [`no usable header ${HEADER.eventId}`]),
    ...(eventType === record
      ? []
      : [`header ${HEADER.eventType} says ${eventType ?? 'nothing'}, the value is a ${record}`]),
    ...(arrival.eventSeq === null ? [`no usable header ${HEADER.aggregateSeq}`] : []),
    ...(arrival.aggregateId === orderId ? [] : ["the key is not the value's order id"]),
  ];
}

/** @throws RegistryUnavailableError: then nobody can say whether the bytes are good */
export async function readMessage<Content extends object, State>(
  service: MessageService<Content, State>,
  decode: Decode,
  message: ConsumedMessage,
): Promise<Incoming<Content>> {
  const headed = headedOf(message);
  try {
    return { ...headed, content: service.read(headed, await decode(message.value)) };
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    return { ...headed, content: { cause: 'undecodable', reason: error.message } };
  }
}
