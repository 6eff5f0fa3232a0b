import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { ConfigError } from '#kit/config';
import { SERVER_NAMES, readStackSettings, type ServerName, type StackSettings } from './config';
import { StackError, StackInterrupted, codeOf, messageOf } from './errors';
import { onInterruption } from './interruption';
import { eventLine } from './screen';
import type { StackEvent } from './server';
import { stackDown, stackReset, stackStatus, stackUp, type ServerStatus } from './stack';

const USAGE = `npm run stack -- up [SERVER…]      start what does not run, wait until healthy; they stay
npm run stack -- down [SERVER…]    stop them; data stay
npm run stack -- status [--json]   exit 0 when all are healthy, else 1
npm run stack -- reset             stop them and delete their data
servers: ${SERVER_NAMES.join(', ')} (all by default)
`;
const EXIT_INTERRUPTED = 130;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const report = (event: StackEvent): void => print(eventLine(event));

function statusLine(status: ServerStatus): string {
  const colour = status.state === 'healthy' ? pc.green : status.state === 'stopped' ? pc.dim : pc.red;
  const memory = status.residentMiB === undefined ? '' : `  ${status.residentMiB} MiB`;
  const pid = status.pid === undefined ? '' : `  pid ${status.pid}`;
  return `${status.title.padEnd(16)} ${colour(status.state.padEnd(9))}  port ${status.port}${pid}${memory}`;
}

function serversOf(names: string[]): ServerName[] {
  if (names.length === 0) return [...SERVER_NAMES];
  return names.map((name) => {
    const known = SERVER_NAMES.find((candidate) => candidate === name);
    if (known === undefined) throw new StackError(`unknown server ${name}.\n${USAGE}`);
    return known;
  });
}

async function up(settings: StackSettings, servers: ServerName[], signal: AbortSignal): Promise<number> {
  const startedMs = Date.now();
  const stack = await stackUp(settings, { servers, report, signal });
  const took = ((Date.now() - startedMs) / 1000).toFixed(1);
  const { mysql, kafkaBrokers, registryUrl, connectUrl } = stack.endpoints;
  const address: Record<ServerName, string> = {
    mysql: `${mysql.host}:${mysql.port} (${mysql.rootUser} / ${mysql.rootPassword}, ${mysql.database})`,
    kafka: kafkaBrokers.join(','),
    registry: registryUrl,
    connect: connectUrl,
  };
  print(`up in ${took} s`);
  for (const name of stack.servers) print(`  ${name.padEnd(9)} ${address[name]}`);
  return 0;
}

async function showStatus(settings: StackSettings, json: boolean): Promise<number> {
  const statuses = await stackStatus(settings);
  print(json ? JSON.stringify(statuses) : statuses.map(statusLine).join('\n'));
  return statuses.every(({ state }) => state === 'healthy') ? 0 : 1;
}

async function main(signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  const [verb, ...names] = positionals;
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const settings = readStackSettings();
  switch (verb) {
    case 'up':
      return up(settings, serversOf(names), signal);
    case 'down':
      await stackDown(settings, { servers: serversOf(names), report });
      print('down');
      return 0;
    case 'status':
      return showStatus(settings, values.json);
    case 'reset':
      await stackReset(settings, report);
      print(`deleted the data in ${settings.stackDir}`);
      return 0;
    case undefined:
    default:
      throw new StackError(`say up, down, status or reset.\n${USAGE}`);
  }
}

// Whoever read the output has gone (`| head`): the work goes on without a reader.
process.stdout.on('error', (error) => {
  if (codeOf(error) !== 'EPIPE') throw error;
});

const interruption = onInterruption((text) => void process.stderr.write(`${text}\n`));

async function run(): Promise<void> {
  try {
    process.exitCode = await main(interruption);
  } catch (error) {
    if (error instanceof StackInterrupted) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = EXIT_INTERRUPTED;
      return;
    }
    const expected =
      error instanceof StackError ||
      error instanceof ConfigError ||
      codeOf(error)?.startsWith('ERR_PARSE_ARGS') === true;
    const unforeseen = error instanceof Error ? error.stack : undefined;
    process.stderr.write(`${expected ? messageOf(error) : (unforeseen ?? messageOf(error))}\n`);
    process.exitCode = 1;
  }
}

void run();
