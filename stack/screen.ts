import pc from 'picocolors';
import type { StackEvent } from './server';

const NAME_WIDTH = 16;

const WORDS: Record<StackEvent['phase'], string> = {
  note: '',
  kept: 'running already',
  starting: 'starting …',
  healthy: 'healthy',
  stopping: 'stopping …',
  stopped: 'stopped',
  died: 'died',
  restarting: 'starting again …',
};

function paint(phase: StackEvent['phase'], text: string): string {
  if (phase === 'healthy' || phase === 'kept') return pc.green(text);
  if (phase === 'died') return pc.red(text);
  return phase === 'starting' || phase === 'stopping' ? pc.dim(text) : text;
}

/** One line of the screen for an event; readable without a terminal too. */
export function eventLine({ title, phase, seconds, detail }: StackEvent): string {
  const took = seconds === undefined ? '' : `${seconds.toFixed(1)} s`;
  const text = [paint(phase, WORDS[phase]), took, detail ?? ''].filter((part) => part !== '').join('  ');
  return `${title.padEnd(NAME_WIDTH)} ${text}`;
}
