import { connectionOptions } from './connection';
import { isDatabaseUnavailable } from './transaction';

/** MySQL does not answer, or does not let us in: the operator's business, told in one sentence. */
export class DatabaseSilentError extends Error {
  override readonly name = 'DatabaseSilentError';
}

const REFUSED = /Access denied|Unknown database/i;
const SILENT = /pool timeout|ECONNREFUSED|Can't reach database/i;

/** Prisma tells a call of ours, and last what the driver said. */
const driversWords = (error: unknown): string => {
  const text = String(error).trim();
  return /Message: `([^`\n]*)/.exec(text)?.[1]?.trim() ?? text.split('\n').at(-1) ?? text;
};

/**
 * @param databaseUrl is looked up only to be told
 * @returns what `work` does
 * @throws DatabaseSilentError when that fails because MySQL is not there; everything else as it is
 */
export async function whileDatabaseAnswers<T>(databaseUrl: () => string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isRefused = REFUSED.test(String(error));
    if (!isRefused && !SILENT.test(String(error)) && !isDatabaseUnavailable(error)) throw error;
    const { host, port } = connectionOptions(databaseUrl());
    const advice = isRefused
      ? ''
      : ' Is the system up (npm start), and are the variables that moved its ports set here, too?';
    throw new DatabaseSilentError(
      `MySQL ${isRefused ? 'refuses' : 'does not answer'} at ${host}:${port}: ${driversWords(error)}.${advice}`,
      { cause: error },
    );
  }
}
