import { sleep } from '#kit/clock';
import type { Logger } from '#kit/log';
import type { ConnectSettings } from './config';
import { differences, readDefinitions, type ConnectorDefinition, type Difference } from './definition';
import {
  ConnectBusyError,
  ConnectError,
  getConfig,
  getStatus,
  putConfig,
  restart,
  validate,
  type ConnectorStatus,
} from './rest';
import { ensureTopics } from './topics';

export type Plan = { name: string } & (
  { verdict: 'same' } | { verdict: 'absent' } | { verdict: 'differs'; differences: Difference[] }
);

/** Compares the files with what Kafka Connect runs; changes nothing. */
export async function plan(settings: ConnectSettings): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const definition of readDefinitions(settings.placeholders, settings.connectorsDir)) {
    const actual = await getConfig(settings, definition.name);
    if (actual === undefined) {
      plans.push({ name: definition.name, verdict: 'absent' });
      continue;
    }
    const found = differences(definition, actual);
    const { name } = definition;
    plans.push(
      found.length === 0 ? { name, verdict: 'same' } : { name, verdict: 'differs', differences: found },
    );
  }
  return plans;
}

/** Is the connector RUNNING, and at least one task, and every task? */
export function isRunning(status: ConnectorStatus | undefined): boolean {
  return (
    status !== undefined &&
    status.connector.state === 'RUNNING' &&
    status.tasks.length > 0 &&
    status.tasks.every((task) => task.state === 'RUNNING')
  );
}

/** First lines of the traces of what has failed; empty when nothing has. */
export function failureOf(status: ConnectorStatus): string {
  return [status.connector, ...status.tasks]
    .filter((part) => part.state === 'FAILED')
    .map((part) => causeOf(part.trace ?? 'failed without a trace'))
    .join('\n');
}

/** A Java trace's last "Caused by" says more than its first line. */
function causeOf(trace: string): string {
  const lines = trace.split('\n');
  return (lines.findLast((line) => line.startsWith('Caused by:')) ?? lines[0] ?? '').trim();
}

export interface ApplyOptions {
  log: Logger;
  report?: (line: string) => void;
  /** How long connector and task may take until they run. */
  timeoutMs?: number;
}

const POLL_MS = 150;

/**
 * Creates the topics, puts every connector of the files, and waits until connector and tasks are RUNNING. Applying what
 * is there already changes nothing.
 *
 * @throws ConnectError with the connector's own reason
 */
export async function apply(settings: ConnectSettings, options: ApplyOptions): Promise<void> {
  const { log, report = () => {}, timeoutMs = 60_000 } = options;
  const topics = await ensureTopics(settings, log);
  if (topics.created.length > 0) report(`topics created: ${topics.created.join(', ')}`);
  if (topics.differing.length > 0) throw new ConnectError(topics.differing.join('; '));
  const deadline = Date.now() + timeoutMs;
  for (const definition of readDefinitions(settings.placeholders, settings.connectorsDir)) {
    const same = await whileBusy(deadline, () => put(settings, definition));
    const { name } = definition;
    const status = await whileBusy(deadline, () => untilRunning(settings, name, deadline));
    report(
      `connector ${name} ${same ? 'was there already' : 'applied'}, ${status.tasks.length} task running`,
    );
  }
}

/** Repeats what Connect had no time for (its workers rebalance); every step of `apply` may be done again. */
async function whileBusy<T>(deadline: number, step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof ConnectBusyError) || Date.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** @returns true when the connector was there already, as it should be */
async function put(settings: ConnectSettings, definition: ConnectorDefinition): Promise<boolean> {
  const { name } = definition;
  const actual = await getConfig(settings, name);
  if (actual !== undefined && differences(definition, actual).length === 0) {
    const status = await getStatus(settings, name);
    if (status !== undefined && failureOf(status) !== '') await restart(settings, name, true);
    return true;
  }
  const problems = await validate(settings, definition);
  if (problems.length > 0) {
    throw new ConnectError(`connector ${name} is not valid:\n  ${problems.join('\n  ')}`);
  }
  await putConfig(settings, definition);
  return false;
}

async function untilRunning(
  settings: ConnectSettings,
  name: string,
  deadline: number,
): Promise<ConnectorStatus> {
  let failedSince: number | undefined;
  for (;;) {
    const status = await getStatus(settings, name);
    if (status !== undefined && isRunning(status)) return status;
    const state = status?.connector.state ?? '';
    if (state === 'PAUSED' || state === 'STOPPED') {
      throw new ConnectError(`connector ${name} is ${state}: npm run connect -- resume`);
    }
    const failure = status === undefined ? '' : failureOf(status);
    // A state read just after a restart can still be the old one; a failure counts when it stays.
    failedSince = failure === '' ? undefined : (failedSince ?? Date.now());
    if (failedSince !== undefined && Date.now() - failedSince > 3_000) {
      throw new ConnectError(`connector ${name} failed: ${failure}`);
    }
    if (Date.now() > deadline) {
      const found = status === undefined ? 'not there yet' : JSON.stringify(status);
      throw new ConnectError(`connector ${name} is not running yet: ${found}`);
    }
    await sleep(POLL_MS);
  }
}
