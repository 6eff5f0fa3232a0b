import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import {
  checkBans,
  checkImports,
  checkLength,
  checkPackage,
  checkUnreachable,
  importsOf,
  resolveImport,
  type Problem,
  type SourceFile,
} from './tidy.rules';

// Holds the law of STYLE.md that a compiler and a linter do not know. First over the repository, then over bad
// snippets: a rule that does not bite is worse than none.

const ROOT = __dirname;
const NOT_OURS = /^(node_modules|dist.*|coverage|generated|\.git|\.stack.*)$/;
const TEXT =
  /\.(ts|mjs|cjs|js|json|md|sql|prisma|ya?ml|html|css|properties|cnf|xml|avsc|http|sh)$|(^|\/)(Dockerfile|run)$/;

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.test(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesOf(path);
    return TEXT.test(path) ? [path] : [];
  });
}

const FILES: SourceFile[] = filesOf(ROOT).map((path) => ({
  path: relative(ROOT, path).replaceAll(sep, '/'),
  text: readFileSync(path, 'utf8'),
}));
const BY_PATH = new Map(FILES.map(({ path, text }) => [path, text]));

const said = (problems: Problem[]): string[] =>
  problems.map(({ path, line, message }) => `${path}:${line} ${message}`);
const messages = (problems: Problem[]): string => problems.map(({ message }) => message).join('\n');

describe('the repository', () => {
  it('has been read', () => {
    expect(FILES.length).toBeGreaterThan(100);
    expect([...BY_PATH.keys()]).toEqual(expect.arrayContaining(['kit/money.ts', 'STYLE.md', 'package.json']));
  });

  it('keeps to the import table of the rooms', () => {
    expect(said(FILES.flatMap(checkImports))).toEqual([]);
  });

  it('says nothing that is banned', () => {
    expect(said(FILES.flatMap(checkBans))).toEqual([]);
  });

  it('has files that can be read in one go', () => {
    expect(said(FILES.flatMap(checkLength))).toEqual([]);
  });

  it('pins every package to one version, and has those the architecture names', () => {
    expect(said(checkPackage({ path: 'package.json', text: BY_PATH.get('package.json') ?? '{}' }))).toEqual(
      [],
    );
  });

  it('has a payment API whose server cannot reach Kafka, so that it cannot publish past the outbox', () => {
    const instead = 'import the settings from #kit/kafka.config, and write events with `depart`';
    expect(
      said(checkUnreachable(BY_PATH, 'payment-api/server.main.ts', new Set(['kafkajs']), instead)),
    ).toEqual([]);
  });

  it('has a worker that does reach Kafka: the walk above would find a way if there were one', () => {
    const found = checkUnreachable(BY_PATH, 'payment-api/worker.main.ts', new Set(['kafkajs']), 'x');
    expect(found).not.toEqual([]);
  });
});

describe('a room that imports what it may not', () => {
  it.each([
    ['contracts/a.ts', "import { x } from '#kit/money';", /may import no other room/],
    ['kit/a.ts', "import { x } from '#prisma/database';", /no other room/],
    ['payment-api/a.ts', "import { x } from '#wallet-consumer/a';", /only contracts, prisma, messaging, kit/],
    ['payment-api/a.ts', "import type { X } from '#wallet-consumer/a';", /not wallet-consumer/],
    ['wallet-consumer/a.ts', "const x = await import('#payment-api/a');", /not payment-api/],
    ['connect/a.ts', "const x = require('#ops/a');", /not ops/],
    ['psp-simulator/a.ts', "export * from '#contracts/topics';", /only kit/],
    ['ops/a.ts', "import '#launch/a';", /not launch/],
    ['launch/a.ts', "import { x } from '#chaos/a';", /not chaos/],
    ['payment-api/a.test.ts', "import { x } from '#wallet-consumer/a';", /not wallet-consumer/],
    ['kit/a.ts', "import { x } from '../contracts/codec';", /leaves the room: use #room\/file/],
    ['kit/a.ts', "import { x } from '#kit/money';", /use a relative path/],
    ['kit/a.ts', "import {\n  x,\n  type Y,\n} from '#prisma/database';", /no other room/],
    ['ops/a.ts', "import { x } from '#prisma/database.fixture';", /is for tests/],
    ['payment-api/a.ts', "import { x } from './payment-api.fixture';", /is for tests/],
    ['cellar/a.ts', '', /cellar is no room/],
  ])('When %s says %s, then that is a problem', (path, text, message) => {
    expect(messages(checkImports({ path, text }))).toMatch(message);
  });

  it.each([
    [
      'payment-api/checkout/checkout.ts',
      '../confirm-payment/confirm-payment',
      /sibling payment-api\/confirm-payment/,
    ],
    ['wallet-consumer/show-wallet/a.ts', '../list-wallets/list-wallets.store', /sibling/],
  ])('When %s imports %s, then siblings know each other', (path, specifier, message) => {
    expect(messages(checkImports({ path, text: `import { x } from '${specifier}';` }))).toMatch(message);
  });

  it.each([
    ['payment-api/checkout/checkout.ts', '../payment/payment'],
    ['payment-api/checkout/checkout.ts', './checkout.rules'],
    ['payment-api/checkout/checkout.ts', '../config'],
    ['payment-api/routes.ts', './checkout/checkout.route'],
    ['payment-api/a.int.test.ts', '#psp-simulator/simulator'],
    ['payment-api/a.ts', '#kit/money'],
    ['payment-api/a.ts', 'express'],
    ['launch/a.ts', '#wallet-consumer/a'],
  ])('When %s imports %s, then that is as it should be', (path, specifier) => {
    expect(checkImports({ path, text: `import { x } from '${specifier}';` })).toEqual([]);
  });

  it('When an import stands in a comment, then it is none', () => {
    expect(importsOf("// import { x } from '#ops/a';\n/* import '#ops/b'; */\n")).toEqual([]);
  });

  it('When an import spans lines, then its line and kind are known', () => {
    const text =
      "import { a } from './a';\nimport {\n  type B,\n  type C,\n} from './b';\nimport { d, type E } from './d';";
    expect(importsOf(text)).toEqual([
      { specifier: './a', line: 1, typeOnly: false },
      { specifier: './b', line: 2, typeOnly: true },
      { specifier: './d', line: 6, typeOnly: false },
    ]);
  });

  it('When a relative path leaves the project, then it leads nowhere inside', () => {
    expect(resolveImport('kit/a.ts', '../../kit/b')).toBe('../kit/b');
  });
});

describe('a file that says what is banned', () => {
  it.each([
    ['wallet-consumer/a.ts', 'await db.$transaction(async (tx) => {});', /inTransaction/],
    ['wallet-consumer/a.ts', 'const p = kafka.producer({});', /no Kafka producer/],
    ['ops/a.ts', 'await db.$disconnect();', /tears running transactions/],
    ['wallet-consumer/a/a.ts', 'clock: systemClock,', /no clock of the process/],
    ['payment-api/acknowledge-settlement/a.ts', 'const now = new Date();', /no clock of the process/],
    ['ops/a.ts', "const x = process.env['X'];", /config\.ts files only/],
    ['ops/a.ts', "const x = process['env'];", /config\.ts files only/],
    ['ops/a.ts', 'const { env } = process;', /config\.ts files only/],
    ['ops/reconfig.ts', 'use(process.env);', /config\.ts files only/],
    ['ops/a.ts', "console.log('x');", /no console/],
    ['ops/a.unit.test.ts', 'it.only(', /every test runs/],
    ['ops/a.unit.test.ts', 'describe.skip(', /mend the test/],
    ['ops/a.unit.test.ts', 'xit(', /mend the test/],
    ['ops/a.int.test.ts', '}, 60_000);', /no time limit of its own/],
    ['ops/a.int.test.ts', 'afterAll(() => api.close(), 60_000);', /no time limit of its own/],
    ['ops/a.int.test.ts', 'async function until(check: () => boolean) {', /no second way to wait/],
    ['ops/a.ts', '// TODO later', /no reminders/],
    ['ops/a.ts', 'const won = parseFloat(text);', /floating point/],
    ['ops/a.ts', 'const won = row.amount.toNumber();', /floating point/],
    ['ops/a.ts', "const dir = '/home/somebody/project';", /path of one machine/],
    ['docs/a.md', 'run it in /home/somebody/main', /path of one machine/],
    ['README.md', 'npm config set registry https://npm-mirror.example/', /registry host/],
  ])('When %s says %s, then that is a problem on its line', (path, text, message) => {
    const problems = checkBans({ path, text: `\n${text}\n` });
    expect(messages(problems)).toMatch(message);
    expect(problems[0]).toMatchObject({ path, line: 2 });
  });

  it.each([
    ['launch/e2e.fixture.ts', 'kafka.producer({})'],
    ['bench/a.ts', 'kafka.producer({})'],
    ['ops/config.ts', 'read(process.env)'],
    ['prisma/testing.config.ts', 'read(process.env)'],
    ['ops/a.ts', '// a producer(, the console. and process.env are banned'],
    ['stack/a.ts', "'quarkus.log.level': 'false'"],
  ])('When %s says %s, then that is as it should be', (path, text) => {
    expect(checkBans({ path, text })).toEqual([]);
  });

  it('When a file is too long, then that is a problem; a test may be longer', () => {
    const text = 'x\n'.repeat(401);
    expect(messages(checkLength({ path: 'kit/a.ts', text }))).toMatch(/401 lines, at most 400/);
    expect(checkLength({ path: 'kit/a.ts', text: 'x\n'.repeat(400) })).toEqual([]);
    expect(checkLength({ path: 'kit/a.int.test.ts', text })).toEqual([]);
    expect(checkLength({ path: 'kit/a.int.test.ts', text: 'x\n'.repeat(601) })).toHaveLength(1);
  });
});

describe('a package.json that leaves versions open', () => {
  const packageOf = (dependencies: Record<string, string>) =>
    checkPackage({ path: 'package.json', text: JSON.stringify({ dependencies }, null, 2) });

  it.each(['^1.2.3', '~1.2.3', '1.x', 'latest', '*', 'git+ssh://x', 'file:../x'])(
    'When a package stands as %s, then that is a problem on its line',
    (version) => {
      expect(packageOf({ zod: version })).toContainEqual(
        expect.objectContaining({ line: 3, message: expect.stringContaining(`zod ${version}`) }),
      );
    },
  );

  it('When a package of the architecture is missing, then it is named', () => {
    expect(messages(packageOf({ zod: '1.2.3' }))).toMatch(/^kafkajs is missing/m);
  });
});

describe('a way to a package', () => {
  const files = new Map([
    ['a/main.ts', "import { b } from './b';\nimport type { X } from './x';"],
    ['a/b.ts', "import { c } from '#kit/c';"],
    ['a/x.ts', "import { Kafka } from 'kafkajs';"],
    ['kit/c.ts', "import { type A } from 'kafkajs';"],
  ]);
  const look = (more: [string, string][] = []) =>
    checkUnreachable(new Map([...files, ...more]), 'a/main.ts', new Set(['kafkajs']), 'use d');

  it('When only types lead there, then there is none', () => {
    expect(look()).toEqual([]);
  });

  it('When a value leads there, then the whole way is said', () => {
    expect(said(look([['kit/c.ts', "import { Kafka, type A } from 'kafkajs';"]]))).toEqual([
      'kit/c.ts:1 a/main.ts → a/b.ts → kit/c.ts → kafkajs: use d',
    ]);
  });

  it('When the entry has been renamed, then the check says so instead of passing', () => {
    expect(messages(checkUnreachable(files, 'a/gone.ts', new Set(['kafkajs']), ''))).toMatch(/not there/);
  });
});
