import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateTypes } from './generate-types';
import { fingerprintOf, readRecordSchemas } from './records';
import { TOPICS } from './topics';

describe('the contracts', () => {
  it('have the TypeScript that stands in generated-types.ts', () => {
    const standing = readFileSync(join(__dirname, 'generated-types.ts'), 'utf8');
    expect(standing).toBe(generateTypes(readRecordSchemas()));
  });

  it('are the five of the interfaces, each under its full name', () => {
    expect(readRecordSchemas().map(({ record }) => record)).toEqual([
      'deadletter.DeadLettered',
      'payment.PaymentCanceled',
      'payment.PaymentConfirmed',
      'wallet.CancellationSettled',
      'wallet.PaymentSettled',
    ]);
    expect(TOPICS).toEqual({
      payment: { partitions: 6 },
      wallet: { partitions: 6 },
      payment_wallet_dlq: { partitions: 1 },
      wallet_payment_dlq: { partitions: 1 },
    });
  });

  it('carry money as decimal(15,2) and moments as timestamp-millis, and neither any other way', () => {
    const kinds = new Set<string>();
    const walk = (node: unknown, name = ''): void => {
      if (Array.isArray(node)) return node.forEach((member) => walk(member, name));
      if (typeof node !== 'object' || node === null) {
        if (/amount$/i.test(name) || name.endsWith('At')) kinds.add(`${name} ${String(node)}`);
        return;
      }
      const type = node as Record<string, unknown>;
      if (type['logicalType'] === 'decimal') kinds.add(`decimal(${type['precision']},${type['scale']})`);
      else if (type['logicalType'] !== undefined) kinds.add(String(type['logicalType']));
      else if (type['type'] === 'array') walk(type['items'], name);
      else if (Array.isArray(type['fields'])) {
        for (const field of type['fields'] as { name: string; type: unknown }[]) walk(field.type, field.name);
      }
    };
    for (const { schema } of readRecordSchemas()) walk(schema);
    expect([...kinds].sort()).toEqual(['decimal(15,2)', 'timestamp-millis']);
  });
});

describe('readRecordSchemas', () => {
  it('When a file is named otherwise than its record, then it is refused', () => {
    const dir = mkdtempSync(join(tmpdir(), 'records-'));
    writeFileSync(
      join(dir, 'payment.Paid.avsc'),
      JSON.stringify({ type: 'record', name: 'PaymentPaid', namespace: 'payment', fields: [] }),
    );
    expect(() => readRecordSchemas(dir)).toThrow(
      'payment.Paid.avsc holds the record payment.PaymentPaid: rename one of them',
    );
    rmSync(dir, { recursive: true });
  });
});

describe('fingerprintOf', () => {
  it('When only white space differs, then it is the same; a default or a logical type is not', () => {
    const text = '{"type":"record","fields":[{"name":"a","type":"long"}]}';
    expect(fingerprintOf(text)).toMatch(/^[0-9a-f]{64}$/);
    expect(fingerprintOf(JSON.stringify(JSON.parse(text), null, 4))).toBe(fingerprintOf(text));
    expect(fingerprintOf(text.replace('"long"', '"long","default":0'))).not.toBe(fingerprintOf(text));
    expect(
      fingerprintOf(text.replace('"long"', '{"type":"long","logicalType":"timestamp-millis"}')),
    ).not.toBe(fingerprintOf(text));
  });
});

describe('generateTypes', () => {
  it('When a contract uses a type that has no TypeScript yet, then it is refused instead of guessed', () => {
    const schema = {
      type: 'record' as const,
      name: 'A',
      namespace: 'x',
      fields: [{ name: 'a', type: 'double' }],
    };
    expect(() => generateTypes([{ record: 'x.A', schema, text: '', fingerprint: '' }])).toThrow(
      'no TypeScript for the Avro type "double"',
    );
  });
});
