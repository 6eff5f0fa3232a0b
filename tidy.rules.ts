/**
 * The repository's law as pure functions over a file's path and text: which room may import which, and the few bans.
 * `tidy.test.ts` runs them over every file, and over bad snippets, so that a rule that no longer bites is seen.
 */
export interface Problem {
  path: string;
  line: number;
  /** What is wrong, and what to use instead. */
  message: string;
}

export interface SourceFile {
  /** Relative to the project, with `/`. */
  path: string;
  text: string;
}

/** What a room's code may import besides its own files. DESIGN: the layout is the architecture. */
export const ROOM_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  kit: [],
  prisma: ['contracts', 'kit'],
  messaging: ['contracts', 'prisma', 'kit'],
  'payment-api': ['contracts', 'prisma', 'messaging', 'kit'],
  'wallet-consumer': ['contracts', 'prisma', 'messaging', 'kit'],
  connect: ['contracts', 'kit'],
  'psp-simulator': ['kit'],
  stack: ['connect', 'contracts', 'prisma', 'kit'],
  ops: ['contracts', 'prisma', 'connect', 'kit'],
  launch: [
    'contracts',
    'prisma',
    'messaging',
    'kit',
    'payment-api',
    'wallet-consumer',
    'connect',
    'psp-simulator',
    'stack',
    'ops',
  ],
  chaos: ['launch', 'connect', 'prisma', 'stack', 'ops', 'contracts', 'kit'],
  bench: ['launch', 'prisma', 'stack', 'ops', 'contracts', 'kit'],
};

/** What the tests of every room may import besides. */
const TEST_IMPORTS = ['stack', 'psp-simulator', 'prisma', 'contracts', 'kit'];

/** Folders that hold what several verbs of a service share. All others are verbs, and verbs do not know each other. */
const NOUN_FOLDERS = new Set(['payment-api/payment', 'payment-api/toss', 'payment-api/pages']);
const SERVICES = new Set(['payment-api', 'wallet-consumer']);

const LINES_MAX = 400;
const TEST_LINES_MAX = 600;

export const isTest = (path: string): boolean => /\.(test|fixture)\.ts$/.test(path);
const isGenerated = (path: string): boolean => /(^|\/)generated(-types\.ts$|\/)/.test(path);
const isTypeScript = (path: string): boolean => path.endsWith('.ts');
/** The rules and their bad examples name what they ban. */
const isTheLaw = (path: string): boolean => /^tidy\.[a-z]+\.ts$/.test(path);
const roomOf = (path: string): string | undefined => (path.includes('/') ? path.split('/')[0] : undefined);

/** Blanks comments, keeping the lines. Comments stand at a line's beginning or behind a space: that is how they are written. */
export function withoutComments(text: string): string {
  return text
    .replaceAll(/^[ \t]*\/\*[\s\S]*?\*\//gm, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;

export interface Import {
  specifier: string;
  line: number;
  /** Gone after compiling. */
  typeOnly: boolean;
}

const FROM =
  /\b(import|export)\s+(type\s+)?((?:[\w*$]+\s*,?\s*)?(?:\{[^}]*\}|\*\s+as\s+\w+|\*)?)\s*from\s*'([^']+)'/g;
const BARE = /\bimport\s+'([^']+)'/g;
const CALL = /\b(?:import|require|require\.resolve|mock|requireActual)\s*\(\s*'([^']+)'/g;

function isAllTypes(clause: string): boolean {
  const named = /^\{([^}]*)\}$/.exec(clause.trim());
  if (named === null) return false;
  const names = (named[1] ?? '').split(',').filter((name) => name.trim() !== '');
  return names.length > 0 && names.every((name) => name.trim().startsWith('type '));
}

/** Every module a file names, however it does. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  for (const match of code.matchAll(FROM)) {
    const [, , type, clause = '', specifier = ''] = match;
    found.push({
      specifier,
      line: lineAt(code, match.index),
      typeOnly: type !== undefined || isAllTypes(clause),
    });
  }
  for (const pattern of [BARE, CALL]) {
    for (const match of code.matchAll(pattern)) {
      found.push({ specifier: match[1] ?? '', line: lineAt(code, match.index), typeOnly: false });
    }
  }
  return found;
}

/** Project path (without extension) that a specifier leads to; `undefined` for a package. `..` above the project stays. */
export function resolveImport(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (!specifier.startsWith('.')) return undefined;
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part === '..') parts.push('..');
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function allowedRooms(path: string, room: string): readonly string[] {
  const own = ROOM_IMPORTS[room] ?? [];
  return isTest(path) ? [...own, ...TEST_IMPORTS] : own;
}

function importProblem(path: string, room: string, { specifier }: Import): string | undefined {
  const target = resolveImport(path, specifier);
  if (target === undefined) return undefined;
  const targetRoom = target.split('/')[0] ?? '';
  if (specifier.startsWith('#')) {
    if (targetRoom === room) return `${specifier} is this room's own: use a relative path`;
    const allowed = allowedRooms(path, room);
    if (allowed.includes(targetRoom)) {
      const isPrivate = isTest(`${target}.ts`) && !isTest(path);
      return isPrivate ? `${specifier} is for tests: code uses what it stands in for` : undefined;
    }
    const may = allowed.length === 0 ? 'no other room' : `only ${allowed.join(', ')}`;
    return `${room} may import ${may}, not ${targetRoom}: move what both need there, or pass it in as an argument`;
  }
  if (targetRoom !== room) return `${specifier} leaves the room: use #room/file`;
  if (isTest(`${target}.ts`) && !isTest(path))
    return `${specifier} is for tests: code uses what it stands in for`;
  return siblingProblem(path, room, target);
}

function siblingProblem(path: string, room: string, target: string): string | undefined {
  if (!SERVICES.has(room)) return undefined;
  const [from, to] = [path, target].map((place) => {
    const parts = place.split('/');
    return parts.length > 2 ? parts.slice(0, 2).join('/') : undefined;
  });
  if (from === undefined || to === undefined || from === to || NOUN_FOLDERS.has(to)) return undefined;
  return `${from} imports its sibling ${to}: move what both share up, or into a noun's folder`;
}

/** The room table, and siblings that know each other. */
export function checkImports({ path, text }: SourceFile): Problem[] {
  const room = roomOf(path);
  if (!isTypeScript(path) || room === undefined || isGenerated(path)) return [];
  if (!(room in ROOM_IMPORTS)) {
    return [{ path, line: 1, message: `${room} is no room: add it to the table with what it may import` }];
  }
  return importsOf(text).flatMap((found) => {
    const message = importProblem(path, room, found);
    return message === undefined ? [] : [{ path, line: found.line, message }];
  });
}

interface Ban {
  pattern: RegExp;
  message: string;
  /** Where the ban holds; everywhere by default. */
  holds?: (path: string) => boolean;
  inComments?: boolean;
}

const isConfig = (path: string): boolean => /(^|\/)([\w-]+\.)?config\.ts$/.test(path);
const isLocked = (path: string): boolean => /(^|\/)package-lock\.json$/.test(path);

const BANS: readonly Ban[] = [
  {
    pattern: /\.producer\s*\(/,
    message:
      'no Kafka producer: write the event with `depart` (prisma/outbox), in the transaction of its state',
    holds: (path) => isTypeScript(path) && !isTest(path) && !path.startsWith('bench/'),
  },
  {
    pattern: /\bsystemClock\b|\bnew Date\(\)|\bDate\.now\(/,
    message: 'no clock of the process: what stays in the books is dated by `databaseClock` (prisma/clock)',
    holds: (path) =>
      isTypeScript(path) &&
      !isTest(path) &&
      /^(wallet-consumer|messaging|payment-api\/acknowledge-settlement)\//.test(path),
  },
  {
    pattern: /\.\$disconnect\s*\(/,
    message: 'no $disconnect: it tears running transactions; use `closeDatabase` (prisma/transaction)',
    holds: (path) =>
      isTypeScript(path) && !isTest(path) && !['prisma/transaction.ts', 'prisma/database.ts'].includes(path),
  },
  {
    pattern: /\.\$transaction\s*\(/,
    message: 'no $transaction: its time limit tears transactions; use `inTransaction` (prisma/transaction)',
    holds: (path) => isTypeScript(path) && path !== 'prisma/transaction.ts',
  },
  {
    pattern: /\bprocess\s*\.\s*env\b|\bprocess\s*\[\s*'env'|\benv\b[^;]*\}\s*=\s*process\b/,
    message: 'process.env is read in config.ts files only: take the value as an argument',
    // The runner of the tests sets the variables of the processes it starts.
    holds: (path) => isTypeScript(path) && !isConfig(path) && path !== 'launch/test.ts',
  },
  {
    pattern: /(?<![.\w'])console\s*\./,
    message: 'no console: a service logs with `createLog` (kit/log), a command writes to process.stdout',
    holds: (path) => isTypeScript(path),
  },
  {
    pattern: /\b(describe|it|test)\s*\.\s*only\b|\bf(it|describe)\s*\(/,
    message: 'no .only: every test runs',
    holds: isTest,
  },
  {
    pattern: /\b(describe|it|test)\s*\.\s*(skip|todo|failing)\b|\bx(it|test|describe)\s*\(/,
    message:
      'no .skip: mend the test or remove it; `describeWith` (kit/optional-tool.fixture) asks for a program',
    holds: (path) => isTest(path) && path !== 'kit/optional-tool.fixture.ts',
  },
  {
    pattern: /^\s*\}, \d{1,3}_000\);$|\b(before|after)(All|Each)\(.*, \d{1,3}_000\);$/,
    message: 'no time limit of its own: `testTimeout` in jest.config.cjs is generous, for a slow machine',
    holds: isTest,
  },
  {
    pattern: /\bfunction until\b/,
    message: 'no second way to wait: use `until` (kit/until.fixture), which has a generous end',
    holds: (path) => isTest(path) && path !== 'kit/until.fixture.ts',
  },
  {
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    message: 'no reminders in the code: do it, or write it down in docs/',
    inComments: true,
    holds: (path) => !isLocked(path) && !path.endsWith('.json'),
  },
  {
    pattern: /\bparseFloat\s*\(|\.toNumber\s*\(\s*\)/,
    message: 'money never passes through floating point: use `wonFromText(decimal.toFixed(2))` (kit/money)',
    holds: isTypeScript,
  },
  {
    pattern: /(^|[\s'"`(=:])(\/work\/|\/root\/|\/home\/\w|\/Users\/\w|[A-Z]:\\Users)/,
    message: 'a path of one machine: build it from __dirname or a variable',
    inComments: true,
  },
  {
    pattern:
      /https?:\/\/[\w.-]*(npmjs|yarnpkg|jfrog|artifactory|nexus|mirror|proxy)[\w.-]*[/:]|\brepo1?\.maven\b/i,
    message: 'a registry host: leave it to the settings of npm and Maven',
    inComments: true,
    holds: (path) => !isLocked(path),
  },
];

/** What no line may say. */
export function checkBans({ path, text }: SourceFile): Problem[] {
  if (isTheLaw(path) || isGenerated(path)) return [];
  const problems: Problem[] = [];
  const code = isTypeScript(path) ? withoutComments(text) : text;
  for (const { pattern, message, inComments = false, holds = () => true } of BANS) {
    if (!holds(path)) continue;
    for (const [index, line] of (inComments ? text : code).split('\n').entries()) {
      if (pattern.test(line)) problems.push({ path, line: index + 1, message });
    }
  }
  return problems;
}

export function checkLength({ path, text }: SourceFile): Problem[] {
  if (!isTypeScript(path) || isGenerated(path)) return [];
  const lines = text.replace(/\n$/, '').split('\n').length;
  const max = isTest(path) ? TEST_LINES_MAX : LINES_MAX;
  return lines <= max
    ? []
    : [{ path, line: max + 1, message: `${lines} lines, at most ${max}: split by what it is about` }];
}

/** Packages that the architecture names; another in their place is a decision, not an update. */
const FIXED_PACKAGES = [
  'kafkajs',
  '@kafkajs/confluent-schema-registry',
  'avsc',
  '@prisma/client',
  'prisma',
  'express',
  'typescript',
  'jest',
];

type Dependencies = Record<string, string>;

/** Exact versions, and the packages that the architecture names. */
export function checkPackage({ path, text }: SourceFile): Problem[] {
  const {
    dependencies = {},
    devDependencies = {},
    overrides = {},
  } = JSON.parse(text) as Record<string, Dependencies>;
  const all = { ...dependencies, ...devDependencies };
  const lineOf = (name: string): number => lineAt(text, Math.max(text.indexOf(`"${name}"`), 0));
  const loose = Object.entries({ ...all, ...overrides })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => ({
      path,
      line: lineOf(name),
      message: `${name} ${version} is not one version: write it out, as in "1.2.3"`,
    }));
  const absent = FIXED_PACKAGES.filter((name) => !(name in all)).map((name) => ({
    path,
    line: 1,
    message: `${name} is missing: the architecture names it; replacing it needs a record in docs/adr`,
  }));
  return [...loose, ...absent];
}

/**
 * Ways from a file to a package at run time, through whatever it imports. Types are gone by then and do not count.
 *
 * @param files every source, by path
 */
export function checkUnreachable(
  files: ReadonlyMap<string, string>,
  entry: string,
  banned: ReadonlySet<string>,
  instead: string,
): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    const text = files.get(path);
    if (seen.has(path) || text === undefined) return;
    seen.add(path);
    for (const { specifier, line, typeOnly } of importsOf(text)) {
      if (typeOnly) continue;
      const target = resolveImport(path, specifier);
      if (target !== undefined) walk(`${target}.ts`, [...way, path]);
      else if (banned.has(specifier)) {
        problems.push({ path, line, message: `${[...way, path].join(' → ')} → ${specifier}: ${instead}` });
      }
    }
  };
  walk(entry, []);
  if (!files.has(entry))
    problems.push({ path: entry, line: 1, message: 'is not there any more: name its successor' });
  return problems;
}
