import { fork } from 'node:child_process';
import { join } from 'node:path';
import { CommandError } from '#ops/command';
import type { LoadPlan, LoadResult } from './load.plan';

/** The load generator's process. */
export interface Load {
  pid: number;
  /** Runs one plan; plans do not overlap. @throws CommandError when the process ends before its answer */
  run(plan: LoadPlan): Promise<LoadResult>;
  stop(): void;
}

/** Starts the load generator. It ends when this process does, however this one ends. */
export function startLoad(): Load {
  const child = fork(join(__dirname, 'load.worker.js'), { serialization: 'advanced', execArgv: [] });
  return {
    pid: child.pid ?? 0,
    run: (plan) =>
      new Promise((resolve, reject) => {
        const ended = (): void => reject(new CommandError('the load generator ended before its answer'));
        child.once('exit', ended);
        child.once('message', (result) => {
          child.off('exit', ended);
          resolve(result as LoadResult);
        });
        child.send(plan);
      }),
    stop: () => void child.kill('SIGKILL'),
  };
}
