import { createRequire } from 'node:module';
import type { KafkaMessage } from 'kafkajs';
import { consumedMessage } from '#kit/kafka-consumer';
import { readStoredHeaders, storedHeaders } from './stored-headers';

interface Bytes {
  buffer: Buffer;
}

// kafkajs' own record format, both ways: what its decoder makes of a header's name is what is tested.
const kafkajs = createRequire(__filename);
const encodeRecord = kafkajs('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Bytes;
const decodeRecord = kafkajs('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: object,
  batch: object,
) => KafkaMessage;
const Decoder = kafkajs('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => { readVarInt(): number };

function arrived(name: string, values: string[]): KafkaMessage {
  const headers = Object.defineProperty({}, name, { value: values, enumerable: true });
  const record = encodeRecord({ key: Buffer.from('k'), value: Buffer.from('v'), headers });
  const decoder = new Decoder(record.buffer);
  decoder.readVarInt(); // the record's length
  return decodeRecord(decoder, { firstOffset: '0', firstTimestamp: '0' });
}

it.each(['plain', 'toString', 'constructor', 'valueOf', 'hasOwnProperty', '__proto__'])(
  'When a header is called %s, then its values are kept as they came, and can be stored',
  (name) => {
    const message = consumedMessage('payment', 0, arrived(name, ['a', 'b']));
    expect(Object.entries(message.headers)).toEqual([[name, 'a']]);
    expect(readStoredHeaders(JSON.parse(JSON.stringify(storedHeaders(message))))).toEqual([
      [name, 'a'],
      [name, 'b'],
    ]);
  },
);
