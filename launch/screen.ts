import pc from 'picocolors';
import { eventLine } from '#stack/screen';
import type { SupervisorEvent } from '#stack/supervisor';
import type { WatchEvent } from '#connect/watch';
import type { SystemReport } from './system';

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

const NAME_WIDTH = 16;

/** Progress of a start, one line per event; readable without a terminal too. */
export const screenReport: SystemReport = {
  server: (event) => print(eventLine(event)),
  step: (title, detail, seconds) =>
    print(`${title.padEnd(NAME_WIDTH)} ${pc.green(detail)}  ${seconds.toFixed(1)} s`),
};

/** What supervision has to say. */
export function supervisorLine(event: SupervisorEvent): string {
  const name = event.name.padEnd(NAME_WIDTH);
  switch (event.event) {
    case 'died':
      return `${name} ${pc.red(`died (${event.how})`)}, starting again in ${event.restartInMs / 1000} s`;
    case 'start-failed':
      return `${name} ${pc.red('could not be started')}: ${event.error.message}; again in ${event.restartInMs / 1000} s`;
    case 'started':
      return `${name} ${pc.green('runs again')}  ${(event.tookMs / 1000).toFixed(1)} s`;
    case 'released':
      return `${name} was stopped by another command; not watched any more`;
  }
}

/** What becomes of a connector that fails. */
export function connectorLine(event: WatchEvent): string {
  const name = event.name.padEnd(NAME_WIDTH);
  if (event.event === 'running') return `${name} ${pc.green('runs again')}`;
  if (event.event === 'not-watched') return `${name} ${pc.red(event.reason)}`;
  return `${name} ${pc.red('failed')}, restarting in ${event.restartInMs / 1000} s: ${event.reason}`;
}
