import { readOptions } from '#kit/arguments';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { createLog } from '#kit/log';
import { apply, failureOf, isRunning, plan, type Plan } from './apply';
import { connectSettings, type ConnectSettings } from './config';
import { readDefinitions } from './definition';
import { watchConnectors, type WatchEvent } from './watch';
import { ConnectError, command, getOffsets, getStatus, remove, restart, type ConnectorStatus } from './rest';

const USAGE = `npm run connect -- plan      compare the connector files with Kafka Connect: exit 0 same, 2 differs or absent, 1 error
npm run connect -- apply     create topics, put the connector, wait until it runs
npm run connect -- status    exit 1 unless connector and tasks are RUNNING
npm run connect -- restart [--all]   restart what has failed, or everything
npm run connect -- watch     restart what fails, with growing delays, until Ctrl-C
npm run connect -- pause | resume | stop | offsets | delete
Every command takes --json.
`;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function planText(item: Plan): string {
  if (item.verdict !== 'differs') return `${item.name}: ${item.verdict}`;
  const lines = item.differences.map(
    ({ key, actual, desired }) =>
      `  ${key}\n    is     ${actual ?? '(not set)'}\n    should ${desired ?? '(not set)'}`,
  );
  return `${item.name}: differs\n${lines.join('\n')}`;
}

function statusText(name: string, status: ConnectorStatus | undefined): string {
  if (status === undefined) return `${name}: absent`;
  const parts = [
    `connector ${status.connector.state}`,
    ...status.tasks.map((t) => `task ${t.id} ${t.state}`),
  ];
  const failure = failureOf(status);
  return `${name}: ${parts.join(', ')}${failure === '' ? '' : `\n  ${failure}`}`;
}

function watchText(event: WatchEvent): string {
  if (event.event === 'running') return `${event.name}: runs again`;
  if (event.event === 'not-watched') return `${event.name}: ${event.reason}`;
  return `${event.name}: failed, restarting in ${event.restartInMs / 1000} s\n  ${event.reason}`;
}

async function runVerb(
  verb: string,
  settings: ConnectSettings,
  json: boolean,
  all: boolean,
): Promise<number> {
  const log = createLog('connect', 'fatal');
  const names = readDefinitions(settings.placeholders).map((definition) => definition.name);
  const show = (data: unknown, text: string): void => print(json ? JSON.stringify(data) : text);
  switch (verb) {
    case 'plan': {
      const plans = await plan(settings);
      show(plans, plans.map(planText).join('\n'));
      return plans.every((item) => item.verdict === 'same') ? 0 : 2;
    }
    case 'apply':
      await apply(settings, { log, report: json ? () => {} : print });
      if (json) print(JSON.stringify({ applied: names }));
      return 0;
    case 'status': {
      const statuses = await Promise.all(
        names.map(async (name) => ({ name, status: await getStatus(settings, name) })),
      );
      show(statuses, statuses.map(({ name, status }) => statusText(name, status)).join('\n'));
      return statuses.every(({ status }) => isRunning(status)) ? 0 : 1;
    }
    case 'watch': {
      const watch = watchConnectors(settings, (event) => show(event, watchText(event)));
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
        if (!json) print(`watching ${names.join(', ')}`);
      });
      await watch.stop();
      return 0;
    }
    case 'offsets': {
      const offsets = await Promise.all(
        names.map(async (name) => ({ name, offsets: await getOffsets(settings, name) })),
      );
      show(offsets, JSON.stringify(offsets, null, 2));
      return 0;
    }
    case 'restart':
      for (const name of names) await restart(settings, name, !all);
      show({ restarted: names }, `restarting ${names.join(', ')}`);
      return 0;
    case 'pause':
    case 'resume':
    case 'stop':
      for (const name of names) await command(settings, name, verb);
      show({ [verb]: names }, `${verb}: ${names.join(', ')}`);
      return 0;
    case 'delete':
      for (const name of names) await remove(settings, name);
      show({ deleted: names }, `deleted ${names.join(', ')}; its position stays in Kafka`);
      return 0;
    default:
      throw new ConnectError(`unknown: ${verb}\n${USAGE}`);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = readOptions(
    {
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, all: { type: 'boolean', default: false } },
    },
    USAGE,
  );
  const [verb] = positionals;
  if (verb === undefined) {
    process.stderr.write(USAGE);
    return 1;
  }
  return runVerb(verb, connectSettings(), values.json, values.all);
}

runCommand(main, { expected: [ConnectError, ConfigError] });
