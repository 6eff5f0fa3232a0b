// The door of every `npm run` command. It needs nothing but Node: it installs, generates and builds what is
// missing or out of date, then hands over to the command. Plain JavaScript, because it runs before there is a compiler.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const NODE_MINIMUM = [20, 19];
const ROOMS = [
  'contracts',
  'prisma',
  'messaging',
  'kit',
  'payment-api',
  'wallet-consumer',
  'connect',
  'psp-simulator',
  'stack',
  'launch',
  'ops',
  'chaos',
  'bench',
];

/** What each command runs once everything is built: a script in dist/. */
const COMMANDS = {
  start: 'launch/start.js',
  demo: 'launch/demo.js',
  test: 'launch/test.js',
  stack: 'stack/main.js',
  migrate: 'prisma/migrate.main.js',
  contracts: 'ops/contracts.main.js',
  connect: 'connect/main.js',
  audit: 'ops/audit.main.js',
  trace: 'ops/trace.main.js',
  dlq: 'ops/dlq.main.js',
  reconcile: 'payment-api/reconcile/reconcile.main.js',
  'toss-contract': 'launch/toss-contract.js',
  bench: 'bench/main.js',
  chaos: 'chaos/main.js',
  model: 'launch/model.js',
  screenshots: 'launch/screenshots.js',
  lint: 'launch/lint.js',
  types: 'launch/types.js',
  format: 'launch/format.js',
};

const say = (text) => process.stderr.write(`${text}\n`);

function fail(text) {
  say(text);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1])) return;
  fail(`Node ${process.versions.node} is too old: install Node ${NODE_MINIMUM.join('.')} or newer.`);
}

/** Runs a tool; its output is shown only when it fails, so that progress stays readable. */
function run(title, command, args, env = {}, cleanUp = () => {}) {
  const started = Date.now();
  process.stderr.write(`${title} … `);
  const result = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' });
  if (result.signal === 'SIGINT') {
    cleanUp();
    process.exit(130);
  }
  if (result.status !== 0) {
    say('failed');
    cleanUp();
    fail(
      `${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}\n${title} failed (${command} ${args.join(' ')}).`,
    );
  }
  say(`${((Date.now() - started) / 1000).toFixed(1)} s`);
}

const hashOfFile = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');
const readStamp = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

function install() {
  const stampPath = join(root, 'node_modules', '.install-stamp');
  const stamp = hashOfFile(join(root, 'package-lock.json'));
  if (readStamp(stampPath) === stamp) return;
  // Prisma's install scripts would download an engine that the client does not use; no other package needs one.
  run('installing packages', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  writeFileSync(stampPath, stamp);
}

function generate() {
  const schemaPath = join(root, 'prisma', 'schema.prisma');
  const stampPath = join(root, 'prisma', 'generated', '.schema-stamp');
  const stamp = hashOfFile(schemaPath);
  if (readStamp(stampPath) === stamp) return;
  // `prisma generate` insists on a schema engine that it never runs; any executable satisfies it.
  run('generating the Prisma client', process.execPath, ['node_modules/prisma/build/index.js', 'generate'], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  });
  writeFileSync(stampPath, stamp);
}

function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesOf(path);
    return entry.isFile() ? [path] : [];
  });
}

/** A stamp says which sources `dist` was built from; it is swapped in one move, so a failed build leaves the old one. */
function build() {
  const sources = ROOMS.flatMap((room) => filesOf(join(root, room))).filter(
    (path) => !path.endsWith('.test.ts'),
  );
  const hash = createHash('sha256');
  for (const path of [...sources, join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json')].sort(
    (a, b) => (a < b ? -1 : 1),
  )) {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${relative(root, path)}:${mtimeMs}:${size}\n`);
  }
  const stamp = hash.digest('hex');
  const dist = join(root, 'dist');
  if (readStamp(join(dist, '.build-stamp')) === stamp) return;
  const fresh = join(root, `dist.${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  const compile = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', fresh];
  const cleanUp = () => rmSync(fresh, { recursive: true, force: true });
  run('compiling', process.execPath, compile, {}, cleanUp);
  for (const path of sources) {
    if (path.endsWith('.ts') || path.includes(`${sep}generated${sep}`)) continue;
    const target = join(fresh, relative(root, path));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
  const imports = Object.fromEntries(ROOMS.map((room) => [`#${room}/*`, `./${room}/*.js`]));
  writeFileSync(join(fresh, 'package.json'), JSON.stringify({ type: 'commonjs', imports }, null, 2));
  writeFileSync(join(fresh, '.build-stamp'), stamp);
  const old = join(root, `dist.old.${process.pid}`);
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

checkNode();
const [command, ...args] = process.argv.slice(2);
if (command !== 'build' && !(command in COMMANDS)) {
  fail(`unknown command ${command ?? ''}. Known: ${['build', ...Object.keys(COMMANDS)].join(', ')}.`);
}
install();
generate();
build();
if (command !== 'build') {
  const script = join(root, 'dist', COMMANDS[command]);
  process.argv = [process.execPath, script, ...args];
  await import(pathToFileURL(script).href);
}
