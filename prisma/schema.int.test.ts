import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { readDmmf, type Dmmf, type DmmfField, type DmmfModel } from './dmmf.fixture';

// schema.prisma and the migrations say the same, in both directions: both are written down as plain tables, and the
// tables are compared.

const SCHEMA = readFileSync(join(__dirname, 'schema.prisma'), 'utf8');

/** MySQL's column type where Prisma's schema names no native type. */
const BY_DEFAULT: Record<string, string> = {
  BigInt: 'bigint',
  Int: 'int',
  Boolean: 'tinyint(1)',
  Json: 'json',
};

function columnType(dmmf: Dmmf, field: DmmfField): string {
  if (field.kind === 'enum') {
    const values = dmmf.enums.find(({ name }) => name === field.type)?.values ?? [];
    return `enum(${values.map(({ name, dbName }) => `'${dbName ?? name}'`).join(',')})`;
  }
  if (field.nativeType === null || field.nativeType === undefined) {
    return BY_DEFAULT[field.type] ?? `(no native type for ${field.type})`;
  }
  const [name, parameters] = field.nativeType;
  return `${name.toLowerCase()}${parameters.length === 0 ? '' : `(${parameters.join(',')})`}`;
}

/** `column type NULL|NOT NULL [AUTO] [= default]`, by table. */
function columnsOfSchema(dmmf: Dmmf): Record<string, string[]> {
  return Object.fromEntries(
    dmmf.models.map((model) => [
      tableOf(model),
      model.fields
        .filter(({ kind }) => kind !== 'object')
        .map((field) => {
          const isAuto = JSON.stringify(field.default ?? null).includes('autoincrement');
          return [
            field.dbName ?? field.name,
            columnType(dmmf, field),
            field.isRequired ? 'NOT NULL' : 'NULL',
            ...(isAuto ? ['AUTO'] : []),
            ...(field.hasDefaultValue && !isAuto ? [`= ${defaultOf(dmmf, field)}`] : []),
          ].join(' ');
        })
        .sort(),
    ]),
  );
}

function defaultOf(dmmf: Dmmf, field: DmmfField): string {
  if (typeof field.default === 'object') return 'now';
  if (field.kind === 'enum') {
    const values = dmmf.enums.find(({ name }) => name === field.type)?.values ?? [];
    const value = values.find(({ name }) => name === field.default);
    return value?.dbName ?? value?.name ?? '?';
  }
  if (field.type === 'Boolean') return field.default === true ? '1' : '0';
  if (field.type === 'Decimal') return `${String(field.default)}.00`;
  return String(field.default);
}

const tableOf = (model: DmmfModel): string => model.dbName ?? model.name;

/** `unique|index|primary name (columns)`, by table. */
function keysOfSchema(dmmf: Dmmf): Record<string, string[]> {
  const columnOf = (model: DmmfModel, name: string): string => {
    const field = model.fields.find((candidate) => candidate.name === name);
    return field?.dbName ?? name;
  };
  return Object.fromEntries(
    dmmf.models.map((model) => {
      const keys = dmmf.indexes
        .filter((index) => index.model === model.name)
        .map(({ type, dbName, fields }) => {
          const columns = fields.map(({ name }) => columnOf(model, name)).join(', ');
          return type === 'id'
            ? `primary (${columns})`
            : `${type === 'unique' ? 'unique' : 'index'} ${dbName} (${columns})`;
        });
      return [tableOf(model), keys.sort()];
    }),
  );
}

interface ColumnRow {
  table_name: string;
  column_name: string;
  column_type: string;
  is_nullable: string;
  column_default: string | null;
  extra: string;
}

async function columnsOfDatabase({ administer }: TestDatabase): Promise<Record<string, string[]>> {
  const rows = await administer<ColumnRow[]>(
    `SELECT table_name AS table_name, column_name AS column_name, column_type AS column_type,
            is_nullable AS is_nullable, column_default AS column_default, extra AS extra
     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> '_prisma_migrations'`,
  );
  const tables: Record<string, string[]> = {};
  for (const row of rows) {
    const byDefault =
      row.column_default?.startsWith('CURRENT_TIMESTAMP(3)') === true ? 'now' : row.column_default;
    (tables[row.table_name] ??= []).push(
      [
        row.column_name,
        row.column_type,
        row.is_nullable === 'YES' ? 'NULL' : 'NOT NULL',
        ...(row.extra.includes('auto_increment') ? ['AUTO'] : []),
        ...(byDefault === null ? [] : [`= ${byDefault}`]),
      ].join(' '),
    );
  }
  for (const columns of Object.values(tables)) columns.sort();
  return tables;
}

interface KeyRow {
  table_name: string;
  index_name: string;
  non_unique: number | bigint;
  columns: string;
}

async function keysOfDatabase({ administer }: TestDatabase): Promise<Record<string, string[]>> {
  const rows = await administer<KeyRow[]>(
    `SELECT table_name AS table_name, index_name AS index_name, MAX(non_unique) AS non_unique,
            GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR ', ') AS columns
     FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name <> '_prisma_migrations'
     GROUP BY table_name, index_name`,
  );
  const tables: Record<string, string[]> = {};
  for (const row of rows) {
    const kind = Number(row.non_unique) === 0 ? 'unique' : 'index';
    const key =
      row.index_name === 'PRIMARY'
        ? `primary (${row.columns})`
        : `${kind} ${row.index_name} (${row.columns})`;
    (tables[row.table_name] ??= []).push(key);
  }
  for (const keys of Object.values(tables)) keys.sort();
  return tables;
}

/** `table (columns) → table (columns)` */
function parentsOfSchema(dmmf: Dmmf): string[] {
  return dmmf.models
    .flatMap((model) =>
      model.fields
        .filter(({ relationFromFields = [] }) => relationFromFields.length > 0)
        .map(({ type, relationFromFields = [] }) => {
          const [from = ''] = relationFromFields;
          const column = model.fields.find(({ name }) => name === from)?.dbName ?? from;
          const parent = dmmf.models.find(({ name }) => name === type);
          return `${tableOf(model)} (${column}) → ${parent === undefined ? type : tableOf(parent)} (no)`;
        }),
    )
    .sort();
}

async function parentsOfDatabase({ administer }: TestDatabase): Promise<string[]> {
  const rows = await administer<{ way: string }[]>(
    `SELECT CONCAT(table_name, ' (', column_name, ') → ', referenced_table_name, ' (', referenced_column_name, ')') AS way
     FROM information_schema.key_column_usage
     WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL`,
  );
  return rows.map(({ way }) => way).sort();
}

let database: TestDatabase;
let dmmf: Dmmf;
beforeAll(async () => {
  database = await openTestDatabase('ops');
  dmmf = readDmmf(SCHEMA);
});
afterAll(() => database.close());

describe('schema.prisma and the migrated database', () => {
  it('have the same tables and columns: names, types, lengths, precision, nullability, defaults, enum values', async () => {
    const inSchema = columnsOfSchema(dmmf);
    expect(Object.keys(inSchema)).toHaveLength(19);
    expect(inSchema['wallets']).toContain('balance decimal(15,2) NOT NULL = 0.00');
    expect(inSchema).toEqual(await columnsOfDatabase(database));
  });

  it('have the same primary keys, unique keys and indexes, under the same names', async () => {
    const inSchema = keysOfSchema(dmmf);
    expect(inSchema['inbox']).toContain('primary (consumer, event_id)');
    expect(inSchema).toEqual(await keysOfDatabase(database));
  });

  it('have the same parents', async () => {
    const inSchema = parentsOfSchema(dmmf);
    expect(inSchema).toContain('wallets (seller_no) → sellers (no)');
    expect(inSchema).toEqual(await parentsOfDatabase(database));
  });
});

describe('the migrated database', () => {
  it('compares identifiers byte by byte: two keys that differ in case are two', async () => {
    const rows = await database.administer(
      `SELECT CONCAT(table_name, '.', column_name) AS place, collation_name AS collation
       FROM information_schema.columns
       WHERE table_schema = DATABASE() AND table_name <> '_prisma_migrations' AND collation_name IS NOT NULL
         AND data_type IN ('varchar', 'char')
         AND (column_name REGEXP '_id$|^id$|_key$|_hash$|token$|fingerprint|^aggregate_type$|^topic$|^consumer$')`,
    );
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => row['collation'] !== 'ascii_bin')).toEqual([]);
  });

  it('keeps every moment to the millisecond and none as TIMESTAMP', async () => {
    const rows = await database.administer(
      `SELECT CONCAT(table_name, '.', column_name) AS place FROM information_schema.columns
       WHERE table_schema = DATABASE() AND data_type IN ('timestamp', 'datetime', 'date', 'time')
         AND column_type <> 'datetime(3)'`,
    );
    expect(rows).toEqual([]);
  });

  it('keeps no number as floating point', async () => {
    const rows = await database.administer(
      `SELECT table_name, column_name FROM information_schema.columns
       WHERE table_schema = DATABASE() AND data_type IN ('float', 'double')`,
    );
    expect(rows).toEqual([]);
  });

  it.each([
    ['a price of zero', "INSERT INTO products (seller_no, product_id, name, price) VALUES (1, 'Z', 'z', 0)"],
    [
      'a price in fractions',
      "INSERT INTO products (seller_no, product_id, name, price) VALUES (1, 'Z', 'z', 1.5)",
    ],
    [
      'an amount of zero to pay',
      "INSERT INTO payment_events (member_no, order_id, order_name, total_amount) VALUES (1, 'zero', 'x', 0)",
    ],
    [
      'more acknowledged than published',
      "INSERT INTO payment_events (member_no, order_id, order_name, total_amount, acknowledged_events) VALUES (1, 'ack', 'x', 1, 1)",
    ],
    [
      'an empty payload',
      "INSERT INTO outbox (id, aggregate_type, aggregate_id, event_type, idempotency_key, payload) VALUES ('i', 'payment', 'o', 't', 'k', '')",
    ],
  ])('When a row has %s, then a CHECK refuses it', async (_what, sql) => {
    await expect(database.administer(sql)).rejects.toMatchObject({ errno: 3819 });
  });
});
