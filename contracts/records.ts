import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the event records live: one `.avsc` per event, named after the record's full name. */
export const RECORDS_DIR = join(__dirname, 'records');

export interface RecordSchema {
  /** Full name, which is the registry's subject too (RecordNameStrategy): "payment.PaymentConfirmed". */
  record: string;
  /** The schema as parsed JSON. */
  schema: AvroRecordSchema;
  /** The text that is sent to the registry. */
  text: string;
  /** SHA-256, in hex, of the schema's JSON without white space. Logical types and defaults count. */
  fingerprint: string;
}

export interface AvroRecordSchema {
  type: 'record';
  name: string;
  namespace: string;
  doc?: string;
  fields: AvroField[];
}

export interface AvroField {
  name: string;
  type: AvroType;
  doc?: string;
  default?: unknown;
}

export type AvroType = string | AvroType[] | { type: string; [attribute: string]: unknown };

/** SHA-256, in hex, of an Avro schema's JSON, blind to white space only. */
export function fingerprintOf(schemaText: string): string {
  return createHash('sha256')
    .update(JSON.stringify(JSON.parse(schemaText)))
    .digest('hex');
}

/**
 * Reads every contract of `dir`.
 *
 * @throws Error when a file's name is not its record's full name.
 */
export function readRecordSchemas(dir: string = RECORDS_DIR): RecordSchema[] {
  return readdirSync(dir)
    .filter((file) => file.endsWith('.avsc'))
    .sort()
    .map((file) => {
      const text = readFileSync(join(dir, file), 'utf8');
      const schema = JSON.parse(text) as AvroRecordSchema;
      const record = `${schema.namespace}.${schema.name}`;
      if (file !== `${record}.avsc`)
        throw new Error(`${file} holds the record ${record}: rename one of them`);
      return { record, schema, text: JSON.stringify(schema), fingerprint: fingerprintOf(text) };
    });
}
