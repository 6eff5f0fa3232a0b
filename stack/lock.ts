import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { sleep } from '#kit/clock';
import { throwIfInterrupted } from './errors';

const POLL_MS = 150;

/** Undefined while another process (or another call in this one) holds the name. */
function tryBind(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => {
      server.unref();
      resolve(server);
    });
  });
}

/**
 * Runs `work` while holding the lock of a folder, which must exist. The lock is a Linux abstract socket: the
 * kernel frees it when its holder dies, however that happens, so there is no stale lock to judge.
 *
 * @param onWait called once when another holder has to be waited for
 */
export async function withFolderLock<T>(
  folder: string,
  work: () => Promise<T>,
  options: { signal?: AbortSignal | undefined; onWait?: () => void } = {},
): Promise<T> {
  const key = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32);
  let server = await tryBind(`\0payment-eda-stack-${key}`);
  if (server === undefined) options.onWait?.();
  while (server === undefined) {
    await sleep(POLL_MS, options.signal);
    throwIfInterrupted(options.signal);
    server = await tryBind(`\0payment-eda-stack-${key}`);
  }
  const held = server;
  try {
    return await work();
  } finally {
    await new Promise<void>((resolve) => held.close(() => resolve()));
  }
}
