import { createEncoder, type Encode } from '#contracts/codec';
import { openDatabase } from '#prisma/database';
import { loadSchemaIds } from '#prisma/event-schemas';
import { closeDatabase } from '#prisma/transaction';

/** Encodes under the ids that the registry of a system gave: its consumers can read the frames. */
export async function publishedEncoder(databaseUrl: string): Promise<Encode> {
  const db = openDatabase(databaseUrl, 1);
  try {
    return createEncoder(await loadSchemaIds(db));
  } finally {
    await closeDatabase(db);
  }
}
