import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { StackInterrupted } from './errors';

export interface ToolResult {
  exitCode: number;
  output: string;
}

export interface ToolOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** Output is appended here as well. */
  logPath?: string;
  onLine?: (line: string) => void;
}

/**
 * Runs a program to its end in a process group of its own; an interruption ends the whole group.
 *
 * @returns exit code (-1 when it ended by a signal) and its output
 * @throws StackInterrupted after `signal` aborted and the program has ended
 */
export function runTool(file: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted === true) return reject(new StackInterrupted());
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (chunk: string): void => {
      output += chunk;
      if (options.logPath !== undefined) appendFileSync(options.logPath, chunk);
      for (const line of chunk.split('\n')) options.onLine?.(line);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const interrupt = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    signal?.addEventListener('abort', interrupt, { once: true });
    child.once('error', reject);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', interrupt);
      if (signal?.aborted === true) reject(new StackInterrupted());
      else resolve({ exitCode: code ?? -1, output });
    });
  });
}
