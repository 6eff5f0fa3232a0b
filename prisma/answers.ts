import { connectionOptions } from './connection';
import { mysqlErrorNumber } from './transaction';

/** MySQL does not answer, or does not let us in: the operator's business, told in one sentence. */
export class DatabaseSilentError extends Error {
  override readonly name = 'DatabaseSilentError';
}

/** Of Prisma, its adapter and the driver. What other servers do not answer says the same words. */
const OF_THE_DATABASE = /^(?:Prisma|DriverAdapter|Sql)/;
const REFUSED = /Access denied|Unknown database/i;
const SILENT = /pool timeout|ECONNREFUSED|Can't reach database/i;
/** MySQL's: too many connections, shutting down; the client library's: connection refused or lost. */
const GONE = new Set([1040, 1053, 2002, 2003, 2006, 2013]);

/** Prisma tells a call of ours, and last what the driver said. */
const driversWords = (error: Error): string => {
  const text = error.message.trim();
  const [firstLine = text] = text.split('\n');
  if (error.name === 'SqlError') return firstLine.replace(/^\(conn:[^)]*\)\s*/, '');
  return /Message: `([^`\n]*)/.exec(text)?.[1]?.trim() ?? text.split('\n').at(-1) ?? text;
};

function howItFails(error: unknown): 'refuses' | 'does not answer' | undefined {
  if (!(error instanceof Error) || !OF_THE_DATABASE.test(error.name)) return undefined;
  if (REFUSED.test(error.message)) return 'refuses';
  const number = mysqlErrorNumber(error) ?? 0;
  // The driver numbers its own errors from 45000.
  const isGone = GONE.has(number) || (number >= 45_000 && number < 46_000);
  return isGone || SILENT.test(error.message) ? 'does not answer' : undefined;
}

/**
 * @param databaseUrls are looked up only to be told
 * @returns what `work` does
 * @throws DatabaseSilentError when that fails because MySQL is not there; everything else as it is
 */
export async function whileDatabaseAnswers<T>(
  databaseUrls: () => readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const how = howItFails(error);
    if (how === undefined) throw error;
    const places = databaseUrls().map((url) => {
      const { host, port } = connectionOptions(url);
      return `${host}:${port}`;
    });
    const advice =
      how === 'refuses'
        ? ''
        : ' Is the system up (npm start), and are the variables that moved its ports set here, too?';
    throw new DatabaseSilentError(
      `MySQL ${how} at ${[...new Set(places)].join(' or ')}: ${driversWords(error as Error)}.${advice}`,
      { cause: error },
    );
  }
}
