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
