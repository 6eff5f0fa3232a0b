import { defineConfig } from 'prisma/config';

/** Where Prisma's own command line finds the schema and the migrations. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
