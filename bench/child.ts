import { fork } from 'node:child_process';
import { join } from 'node:path';
import { CommandError } from '#ops/command';

/** A process of the benchmark that answers each plan with one result. */
export interface Child<Plan, Result> {
  pid: number;
  /** Plans do not overlap. @throws CommandError when the process fails or ends before its answer */
  run(plan: Plan): Promise<Result>;
  stop(): void;
}

/**
 * Starts `script`, a file below `bench/`, as a process. It ends when this process does, however this one ends: it watches
 * the channel between both.
 */
export function startChild<Plan extends object, Result>(script: string): Child<Plan, Result> {
  const child = fork(join(__dirname, `${script}.js`), { serialization: 'advanced', execArgv: [] });
  return {
    pid: child.pid ?? 0,
    run: (plan) =>
      new Promise((resolve, reject) => {
        const ended = (): void => reject(new CommandError(`bench/${script} ended before its answer`));
        child.once('exit', ended);
        child.once('message', (message) => {
          child.off('exit', ended);
          const answer = message as { result: Result } | { error: string };
          if ('result' in answer) resolve(answer.result);
          else reject(new CommandError(`bench/${script}: ${answer.error}`));
        });
        child.send(plan);
      }),
    stop: () => void child.kill('SIGKILL'),
  };
}
