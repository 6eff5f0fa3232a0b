import type { AvroField, AvroType, RecordSchema } from './records';

const PRIMITIVES: Record<string, string> = {
  string: 'string',
  int: 'number',
  long: 'number',
  boolean: 'boolean',
  bytes: 'Buffer',
  null: 'null',
};

const LOGICAL: Record<string, string> = { decimal: 'bigint', 'timestamp-millis': 'Date' };

interface NestedRecord {
  name: string;
  fields: AvroField[];
}

/** TypeScript of an Avro type; nested records are collected on the way. @throws Error for a type no contract uses yet. */
function typeText(type: AvroType, nested: NestedRecord[]): string {
  if (Array.isArray(type)) return type.map((member) => typeText(member, nested)).join(' | ');
  const name = typeof type === 'string' ? type : type.type;
  if (typeof type !== 'string') {
    const logical = LOGICAL[String(type['logicalType'])];
    if (logical !== undefined) return logical;
    if (name === 'array') return `${typeText(type['items'] as AvroType, nested)}[]`;
    if (name === 'record') {
      const record = type as unknown as NestedRecord;
      nested.push(record);
      return record.name;
    }
  }
  const primitive = PRIMITIVES[name];
  if (primitive === undefined) throw new Error(`no TypeScript for the Avro type ${JSON.stringify(type)}`);
  return primitive;
}

function interfaceText(
  name: string,
  doc: string | undefined,
  fields: AvroField[],
  nested: NestedRecord[],
): string {
  const lines = fields.map((field) => {
    const comment = field.doc === undefined ? '' : `  /** ${field.doc} */\n`;
    return `${comment}  ${field.name}: ${typeText(field.type, nested)};`;
  });
  const comment = doc === undefined ? '' : `/** ${doc} */\n`;
  return `${comment}export interface ${name} {\n${lines.join('\n')}\n}\n`;
}

/**
 * The TypeScript of all contracts, as it stands in `generated-types.ts`. Decimals are `bigint` of whole won,
 * timestamps are `Date`.
 */
export function generateTypes(schemas: RecordSchema[]): string {
  const parts = [
    '// Generated from records/*.avsc by `npm run contracts -- generate`. Do not edit: a test compares both.\n',
  ];
  for (const { schema } of schemas) {
    const nested: NestedRecord[] = [];
    const text = interfaceText(schema.name, schema.doc, schema.fields, nested);
    for (const record of nested) parts.push(interfaceText(record.name, undefined, record.fields, nested));
    parts.push(text);
  }
  const entries = schemas.map(({ record, schema }) => `  '${record}': ${schema.name};`);
  parts.push(
    `/** Every event by its full name. */\nexport interface EventRecords {\n${entries.join('\n')}\n}\n`,
  );
  return parts.join('\n');
}
