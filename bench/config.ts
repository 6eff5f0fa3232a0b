import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readStackSettings } from '#stack/config';

/** Variables of a system: none of a shell's reaches one that the benchmark brings up. */
const SYSTEM =
  /^(PAYMENT|WALLET|OPS|MIGRATOR|MYSQL|KAFKA|SCHEMA_REGISTRY|REGISTRY|CONNECT|CDC|PSP|TOSS|ADMIN|CLAIM|RATE|TRUSTED|WORKER|RECOVERY|RECONCILE|STACK)_|^(NODE_ENV|BIND_HOST|ALLOWED_ORIGINS|WEBHOOK_URL|LOG_LEVEL)$/;

/**
 * The environment of a system of the benchmark's own: this shell's variables without those of a system, then `own`. Where
 * the servers are unpacked is kept, so that two checkouts share them.
 */
export function benchEnvironment(
  own: NodeJS.ProcessEnv,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return {
    ...Object.fromEntries(Object.entries(env).filter(([name]) => !SYSTEM.test(name))),
    STACK_CACHE_DIR: readStackSettings(env).cacheDir,
    ...own,
  };
}

/**
 * Makes the home of a user who has installed nothing yet, and returns the variables that lead npm and Maven there. What
 * says where their registries are is copied: without it a machine behind a mirror could not download anything.
 */
export function emptyHome(home: string, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  mkdirSync(join(home, '.m2'), { recursive: true });
  for (const settings of ['.npmrc', join('.m2', 'settings.xml')]) {
    const own = join(homedir(), settings);
    if (existsSync(own)) copyFileSync(own, join(home, settings));
  }
  return {
    HOME: home,
    // npm hands its own cache to whatever `npm run` starts.
    npm_config_cache: join(home, '.npm'),
    // Java asks the system's list of users for its home, not HOME.
    MAVEN_OPTS: `${env['MAVEN_OPTS'] ?? ''} -Duser.home=${home}`.trim(),
  };
}
