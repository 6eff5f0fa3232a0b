import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Prisma's own reading of schema.prisma (DMMF): what a generator is handed. The generated client keeps only a part of
// it, so the test is a generator itself.

export interface DmmfField {
  name: string;
  dbName?: string | null;
  kind: 'scalar' | 'enum' | 'object';
  type: string;
  isRequired: boolean;
  isId: boolean;
  isUnique: boolean;
  hasDefaultValue: boolean;
  default?: unknown;
  nativeType?: [string, string[]] | null;
  relationFromFields?: string[];
}

export interface DmmfModel {
  name: string;
  dbName: string | null;
  fields: DmmfField[];
  primaryKey: { fields: string[] } | null;
}

export interface DmmfIndex {
  model: string;
  type: 'id' | 'normal' | 'unique' | 'fulltext';
  dbName?: string;
  fields: { name: string }[];
}

export interface Dmmf {
  enums: { name: string; values: { name: string; dbName?: string | null }[] }[];
  models: DmmfModel[];
  indexes: DmmfIndex[];
}

/** A generator as Prisma starts one: JSON-RPC, requests on stdin, answers on stderr. */
const GENERATOR = `
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'generate') {
    require('node:fs').writeFileSync(params.generator.output.value, JSON.stringify(params.dmmf.datamodel));
  }
  const result = method === 'generate' ? null : { manifest: { prettyName: 'dmmf', defaultOutput: 'dmmf.json' } };
  process.stderr.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
});
`;

/** @throws Error with Prisma's words when it does not accept the schema */
export function readDmmf(schemaText: string): Dmmf {
  const dir = mkdtempSync(join(tmpdir(), 'dmmf-'));
  try {
    const output = join(dir, 'dmmf.json');
    writeFileSync(join(dir, 'generator.cjs'), GENERATOR);
    const generator = `generator dmmf {
      provider = ${JSON.stringify(`${process.execPath} ${join(dir, 'generator.cjs')}`)}
      output   = ${JSON.stringify(output)}
    }`;
    const schema = join(dir, 'schema.prisma');
    writeFileSync(schema, schemaText.replace(/generator \w+ \{[^}]*\}/, generator));
    const prisma = join(__dirname, '..', 'node_modules', 'prisma', 'build', 'index.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [prisma, 'generate', '--schema', schema], {
      cwd: join(__dirname, '..'),
      encoding: 'utf8',
      env: {
        PATH: '/usr/bin:/bin',
        // It insists on a schema engine that it never runs; any executable satisfies it.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    });
    if (status !== 0) throw new Error(`prisma generate failed: ${stdout}${stderr}`);
    return JSON.parse(readFileSync(output, 'utf8')) as Dmmf;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
