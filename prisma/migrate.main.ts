import { parseArgs } from 'node:util';
import { ConfigError } from '#kit/config';
import { databaseUrl } from './config';
import { DatabaseUrlError } from './connection';
import { MigrationError, migrate, migrationStatus, resolveMigration, seed } from './migrate';

const USAGE = `npm run migrate                              apply pending migrations and the grants
npm run migrate -- status [--json]           list migrations; exit 1 unless all are applied
npm run migrate -- --seed                    also insert the demo data
npm run migrate -- --resolve NAME --rolled-back | --applied
                                             after a failed migration was settled by hand
`;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      resolve: { type: 'string' },
      'rolled-back': { type: 'boolean', default: false },
      applied: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const url = databaseUrl('migrator');
  if (positionals[0] === 'status') {
    const statuses = await migrationStatus(url);
    print(
      values.json
        ? JSON.stringify(statuses)
        : statuses.map((s) => `${s.state.padEnd(8)} ${s.name}`).join('\n'),
    );
    return statuses.every((s) => s.state === 'applied') ? 0 : 1;
  }
  if (positionals.length > 0) throw new MigrationError(`unknown: ${positionals.join(' ')}\n${USAGE}`);
  if (values.resolve !== undefined) {
    if (values.applied === values['rolled-back'])
      throw new MigrationError(`say --rolled-back or --applied\n${USAGE}`);
    await resolveMigration(url, values.resolve, values.applied ? 'applied' : 'rolled-back');
    print(`${values.resolve}: recorded as ${values.applied ? 'applied' : 'rolled back'}`);
    return 0;
  }
  const applied = await migrate(url);
  if (values.seed) await seed(url);
  const summary = applied.length === 0 ? 'nothing pending' : `applied ${applied.join(', ')}`;
  print(values.json ? JSON.stringify({ applied }) : summary);
  return 0;
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    const expected =
      error instanceof MigrationError || error instanceof ConfigError || error instanceof DatabaseUrlError;
    const connection = (error as { sqlMessage?: string }).sqlMessage ?? (error as Error).message;
    process.stderr.write(`${expected ? (error as Error).message : `cannot migrate: ${connection}`}\n`);
    process.exitCode = 1;
  },
);
