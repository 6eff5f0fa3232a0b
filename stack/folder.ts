import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SERVER_NAMES, type ServerName } from './config';
import { StackError, diskFullSentence, messageOf } from './errors';

/** Makes a folder recognisable as ours; `reset` deletes nothing without it. */
const MARKER = '.payment-eda-stack';
const MARKER_TEXT = 'Data, logs and process records of the embedded servers of payment-eda.\n';
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const PARTS = ['data', 'logs', 'run', 'conf', 'tmp'] as const;

const recordSchema = z.object({
  pid: z.number().int(),
  startTicks: z.string(),
  bootId: z.string(),
  name: z.enum(SERVER_NAMES),
  port: z.number().int(),
  /** Everything that would make a server with other settings; differing means it has to be started anew. */
  fingerprint: z.string(),
  startedAt: z.string(),
  /** It was told to end: nobody is to start it again. */
  stopping: z.boolean().default(false),
});

/** What is known of a server that was started: its process (see ProcessIdentity), port and settings. */
export type ServerRecord = z.infer<typeof recordSchema>;

/** The folder of one stack: data, logs, process records. */
export class StackFolder {
  constructor(readonly path: string) {}

  /** @throws StackError when the folder holds something that is not ours, or cannot be written */
  create(): void {
    try {
      if (existsSync(this.path) && !this.isOurs() && !this.#holdsOnlyCache()) {
        throw new StackError(
          `${this.path} holds files that are not this stack's; set STACK_DIR to an empty or new folder.`,
        );
      }
      for (const part of PARTS) mkdirSync(join(this.path, part), { recursive: true, mode: 0o700 });
      if (!this.isOurs()) writeFileSync(join(this.path, MARKER), MARKER_TEXT);
    } catch (error) {
      if (error instanceof StackError) throw error;
      throw new StackError(
        diskFullSentence(error, this.path) ??
          `cannot write to ${this.path} (${messageOf(error)}); make it writable or set STACK_DIR.`,
        { cause: error },
      );
    }
  }

  isOurs(): boolean {
    return existsSync(join(this.path, MARKER));
  }

  #holdsOnlyCache(): boolean {
    return readdirSync(this.path).every((name) => name === 'cache');
  }

  data(name: ServerName): string {
    return join(this.path, 'data', name);
  }

  conf(file: string): string {
    return join(this.path, 'conf', file);
  }

  log(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  /** An empty folder for the temporary files of a server that is about to start. */
  emptyTmp(name: ServerName): string {
    const path = join(this.path, 'tmp', name);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Moves a large log aside (one older file is kept). Call while nobody writes it. */
  rotateLog(name: string): void {
    const path = this.log(name);
    if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  }

  /** The last lines of a server's log. */
  logTail(name: string, lines: number): string {
    const path = this.log(name);
    if (!existsSync(path)) return '';
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  record(name: ServerName): ServerRecord | undefined {
    try {
      return recordSchema.parse(JSON.parse(readFileSync(this.#recordPath(name), 'utf8')));
    } catch {
      // None, or one whose writing was interrupted: the process is then found by its environment.
      return undefined;
    }
  }

  writeRecord(record: ServerRecord): void {
    const path = this.#recordPath(record.name);
    writeFileSync(`${path}.new`, JSON.stringify(record, null, 2));
    renameSync(`${path}.new`, path);
  }

  removeRecord(name: ServerName): void {
    rmSync(this.#recordPath(name), { force: true });
  }

  /** Deletes everything but the cache. @throws StackError when the folder is not ours */
  deleteAll(): void {
    if (!existsSync(this.path)) return;
    if (!this.isOurs()) {
      throw new StackError(`${this.path} does not look like a folder of this stack; nothing was deleted.`);
    }
    for (const part of PARTS) rmSync(join(this.path, part), { recursive: true, force: true });
    rmSync(join(this.path, MARKER), { force: true });
  }

  #recordPath(name: ServerName): string {
    return join(this.path, 'run', `${name}.json`);
  }
}
