import { Type } from 'avsc';
import type { EventRecords } from './generated-types';
import { avroOptions } from './logical-types';
import { readRecordSchemas } from './records';
import type { RecordName } from './topics';

/** First byte of the Confluent wire format; four bytes of schema id follow, big-endian. */
const MAGIC_BYTE = 0x00;
const FRAME_HEADER_BYTES = 5;

/** The bytes are not a frame of ours, or do not hold what their schema says: repeating will not help. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/** The registry could not be asked: the same bytes may well be decodable later. */
export class RegistryUnavailableError extends Error {
  override readonly name = 'RegistryUnavailableError';
}

/** Schema id of each record as the registry gave it: `Map("payment.PaymentConfirmed" → 7)`. */
export type SchemaIds = ReadonlyMap<string, number>;

/** Where writers' schemas come from. @throws UndecodableError unknown id, RegistryUnavailableError no answer. */
export interface WriterSchemas {
  get(schemaId: number): Promise<Type>;
}

export type DecodedEvent = { [R in RecordName]: { record: R; value: EventRecords[R] } }[RecordName];

const readers: ReadonlyMap<string, Type> = new Map(
  readRecordSchemas().map(({ record, schema }) => [
    record,
    Type.forSchema(structuredClone(schema) as never, avroOptions()),
  ]),
);

function readerOf(record: string): Type {
  const reader = readers.get(record);
  if (reader === undefined) throw new UndecodableError(`unknown record ${record}`);
  return reader;
}

/** Schema id of a frame. @throws UndecodableError when the bytes are not a Confluent frame. */
export function schemaIdOf(frame: Buffer | null): number {
  if (frame === null) throw new UndecodableError('no value (tombstone)');
  if (frame.length < FRAME_HEADER_BYTES)
    throw new UndecodableError(`a value of ${frame.length} bytes is no Avro frame`);
  if (frame[0] !== MAGIC_BYTE) {
    throw new UndecodableError(`not an Avro frame: first byte 0x${frame.subarray(0, 1).toString('hex')}`);
  }
  return frame.readUInt32BE(1);
}

/**
 * Encodes events as Confluent frames under ids that were published before (table `event_schemas`); no registry is
 * asked. The returned function throws when the record has no id, or the value does not match the record.
 */
export function createEncoder(schemaIds: SchemaIds) {
  return function encode<R extends RecordName>(record: R, value: EventRecords[R]): Buffer {
    const schemaId = schemaIds.get(record);
    if (schemaId === undefined)
      throw new Error(`no schema id for ${record}: run \`npm run contracts -- publish\``);
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUInt8(MAGIC_BYTE, 0);
    header.writeUInt32BE(schemaId, 1);
    return Buffer.concat([header, readerOf(record).toBuffer(value)]);
  };
}

export type Encode = ReturnType<typeof createEncoder>;

/**
 * Decodes Confluent frames into today's records, whatever compatible version wrote them. Resolvers are built once
 * per writer's schema id: building one costs more than a hundred decodings.
 */
export function createDecoder(writerSchemas: WriterSchemas) {
  const byId = new Map<
    number,
    { record: RecordName; reader: Type; resolver: ReturnType<Type['createResolver']> }
  >();

  async function entryFor(schemaId: number) {
    const known = byId.get(schemaId);
    if (known !== undefined) return known;
    const writer = await writerSchemas.get(schemaId);
    const record = writer.name as RecordName;
    const reader = readerOf(record);
    try {
      const entry = { record, reader, resolver: reader.createResolver(writer) };
      byId.set(schemaId, entry);
      return entry;
    } catch (error) {
      throw new UndecodableError(`schema ${schemaId} cannot be read as ${record}: ${String(error)}`);
    }
  }

  /** @throws UndecodableError the bytes are bad; RegistryUnavailableError the registry did not answer. */
  return async function decode(frame: Buffer | null): Promise<DecodedEvent> {
    const schemaId = schemaIdOf(frame);
    const { record, reader, resolver } = await entryFor(schemaId);
    try {
      const value: unknown = reader.fromBuffer((frame as Buffer).subarray(FRAME_HEADER_BYTES), resolver);
      return { record, value } as DecodedEvent;
    } catch (error) {
      throw new UndecodableError(`not a ${record} (schema ${schemaId}): ${String(error)}`);
    }
  };
}

export type Decode = ReturnType<typeof createDecoder>;
