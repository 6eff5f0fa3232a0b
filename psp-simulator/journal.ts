import { closeSync, mkdirSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalLine } from './record';

/** Where one line stands in the journal file, in bytes. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

const FILE_NAME = 'journal.jsonl';
const READ_BYTES = 1 << 20;
const NEWLINE = 0x0a;

interface Waiting {
  bytes: Buffer;
  resolve: (place: Place) => void;
  reject: (error: Error) => void;
}

/**
 * An append-only file of JSON lines: what was appended has survived a SIGKILL once the promise resolves.
 *
 * One line is one atomic change, for a killed process can leave only the last line torn, and a torn last
 * line was never acknowledged: it is cut off when the file is opened again. Lines that wait together share one write. A
 * power failure may lose lines: this is a stand-in for development.
 */
export class Journal {
  readonly #file: FileHandle;
  #end: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(file: FileHandle, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /**
   * Opens (or creates) the journal in `dir` and hands every complete line to `replay`, oldest first.
   *
   * @throws Error when a line that is not the last is not JSON: the file was damaged by something else than
   * a crash.
   */
  static async open(dir: string, replay: (line: JournalLine, place: Place) => void): Promise<Journal> {
    mkdirSync(dir, { recursive: true });
    const path = join(dir, FILE_NAME);
    const file = await open(path, 'a+');
    try {
      const end = replayFile(path, replay);
      await file.truncate(end);
      return new Journal(file, end);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** False after a failed write: memory and disk may differ then, so nothing more is accepted. */
  get healthy(): boolean {
    return this.#failure === undefined;
  }

  /** Resolves when the line is written. @throws the error of the failed write, now and for ever after. */
  append(line: JournalLine): Promise<Place> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ bytes: Buffer.from(`${JSON.stringify(line)}\n`), resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Reads back a line that was appended or replayed. */
  async read(place: Place): Promise<JournalLine> {
    const bytes = Buffer.alloc(place.length);
    const { bytesRead } = await this.#file.read(bytes, 0, place.length, place.offset);
    if (bytesRead !== place.length) throw new Error(`journal ends at ${place.offset + bytesRead}, too early`);
    return JSON.parse(bytes.toString('utf8'));
  }

  async close(): Promise<void> {
    await this.#flushing;
    this.#failure ??= new Error('the journal is closed');
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        // The file is opened for appending: a short write is continued by the library at the end of the file.
        await this.#file.appendFile(Buffer.concat(batch.map((one) => one.bytes)));
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        for (const one of [...batch, ...this.#waiting]) one.reject(this.#failure);
        this.#waiting = [];
        break;
      }
      for (const one of batch) {
        const place = { offset: this.#end, length: one.bytes.length };
        this.#end += one.bytes.length;
        one.resolve(place);
      }
    }
    this.#flushing = undefined;
  }
}

/** @returns where the last complete line ends: the length the file ought to have. */
function replayFile(path: string, replay: (line: JournalLine, place: Place) => void): number {
  const descriptor = openSync(path, 'r');
  try {
    let end = 0;
    let rest: Buffer = Buffer.alloc(0);
    const chunk = Buffer.alloc(READ_BYTES);
    for (;;) {
      const count = readSync(descriptor, chunk, 0, READ_BYTES, null);
      if (count === 0) return end;
      rest = Buffer.concat([rest, chunk.subarray(0, count)]);
      let start = 0;
      for (let at = rest.indexOf(NEWLINE); at !== -1; at = rest.indexOf(NEWLINE, start)) {
        const place = { offset: end, length: at + 1 - start };
        replay(parseLine(rest.toString('utf8', start, at), path, end), place);
        end += place.length;
        start = at + 1;
      }
      rest = rest.subarray(start);
    }
  } finally {
    closeSync(descriptor);
  }
}

function parseLine(text: string, path: string, offset: number): JournalLine {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is damaged at byte ${offset}; remove it to start with no payments`, {
      cause: error,
    });
  }
}
