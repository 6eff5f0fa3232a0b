import { readRecordSchemas } from '#contracts/records';
import { findMovedIds, publishSchema, type PublishedSchema, type RegistryAccess } from '#contracts/registry';
import type { Database } from '#prisma/database';
import { recordSchemas, recordedSchemas } from '#prisma/event-schemas';
import { CommandError } from './command';

/**
 * Publishes every contract of this build and records the ids in MySQL, where writers find them. Repeating it changes
 * nothing.
 *
 * @param db opened as the migrator: the services may only read `event_schemas`
 * @throws CommandError when ids that were recorded before mean something else at this registry
 * @throws RegistryRefusal when a contract is not compatible with its earlier versions
 */
export async function publishContracts(registry: RegistryAccess, db: Database): Promise<PublishedSchema[]> {
  const moved = await findMovedIds(registry, await recordedSchemas(db));
  if (moved.length > 0) {
    throw new CommandError(
      `the registry is not the one these events were written with:\n  ${moved.join('\n  ')}\n` +
        'Stored events carry these ids. Restore the registry from its backup.',
    );
  }
  const published: PublishedSchema[] = [];
  for (const schema of readRecordSchemas()) published.push(await publishSchema(registry, schema));
  await recordSchemas(db, published);
  return published;
}
