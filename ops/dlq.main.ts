import { createDecoder } from '#contracts/codec';
import { openWriterSchemas } from '#contracts/registry';
import { readOptions } from '#kit/arguments';
import { systemIds } from '#kit/ids';
import type { Database } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { CommandError, print, runOperation } from './command';
import { operatorName, opsConfig } from './config';
import { openOpsDatabase } from './database';
import { listDeadLetters, redriveAll, redriveOne, resolveByHand, showDeadLetter } from './dead-letters';
import { forTheRecord, seqRange } from './dead-letters.rules';
import { deadLetterJson, listText, redriveText, resolvedText, showText } from './dead-letters.text';

const USAGE = `npm run dlq -- list [--all] [--limit N]           messages that consumers have parked; --all: resolved ones too
npm run dlq -- show ID                            one of them: why, its bytes decoded, what can be done
npm run dlq -- redrive ID [--again] | --all       publish again, in order; exit 1 while some cannot be; --again: also what
                                                  is on its way already
npm run dlq -- resolve ID --reason TEXT [--seq N|N-M|none]
                                                  close by hand; --seq: the numbers of the order that are given up
Every command takes --json; redrive and resolve take --by NAME (otherwise OPERATOR, or the system's user).`;

const BY_CHARACTERS_MAX = 100;
const REASON_CHARACTERS_MAX = 500;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  again: { type: 'boolean', default: false },
  limit: { type: 'string', default: '100' },
  by: { type: 'string' },
  reason: { type: 'string' },
  seq: { type: 'string' },
} as const;

type Values = ReturnType<typeof readArguments>['values'];

const readArguments = () => readOptions({ allowPositionals: true, options: OPTIONS }, USAGE);

const operator = ({ by }: Values): string =>
  forTheRecord('the operator’s name (--by NAME)', by ?? operatorName(), BY_CHARACTERS_MAX);

async function run(
  db: Database,
  command: string | undefined,
  id: string | undefined,
  values: Values,
): Promise<number> {
  const show = <T>(result: T, text: (result: T) => string): void =>
    print(values.json ? deadLetterJson(result) : text(result));
  const needId = (): string => {
    if (id === undefined) throw new CommandError(USAGE);
    return id;
  };
  switch (command) {
    case 'list': {
      const countMax = Number(values.limit);
      if (!Number.isInteger(countMax) || countMax < 1 || countMax > 100_000)
        throw new CommandError('--limit takes a number from 1 to 100000');
      show(await listDeadLetters(db, { withResolved: values.all, countMax }), listText);
      return 0;
    }
    case 'show': {
      const decode = createDecoder(openWriterSchemas(opsConfig().registry));
      show(await showDeadLetter(db, decode, needId()), showText);
      return 0;
    }
    case 'redrive': {
      const world = { db, ids: systemIds, by: operator(values) };
      if (values.all === (id !== undefined)) throw new CommandError(USAGE);
      const report = values.all
        ? await redriveAll(world)
        : await redriveOne(world, needId(), { again: values.again });
      show(report, redriveText);
      return report.left.length === 0 ? 0 : 1;
    }
    case 'resolve': {
      const reason = forTheRecord('the reason (--reason TEXT)', values.reason, REASON_CHARACTERS_MAX);
      const seq = values.seq === undefined ? {} : { seq: seqRange(values.seq) };
      show(await resolveByHand(db, needId(), { by: operator(values), reason, ...seq }), resolvedText);
      return 0;
    }
    default:
      throw new CommandError(USAGE);
  }
}

runOperation(async () => {
  const { values, positionals } = readArguments();
  const [command, id, ...more] = positionals;
  if (more.length > 0) throw new CommandError(USAGE);
  const db = openOpsDatabase();
  try {
    return await run(db, command, id, values);
  } finally {
    await closeDatabase(db);
  }
});
