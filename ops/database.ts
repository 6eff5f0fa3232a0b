import { databaseUrl } from '#prisma/config';
import { openDatabase, type Database } from '#prisma/database';

export type OpsDatabase = Database;

/** The database as an operator's commands see it: they read everything and write almost nothing. */
export function openOpsDatabase(): OpsDatabase {
  return openDatabase(databaseUrl('ops'), 1);
}
