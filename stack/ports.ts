import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
/**
 * Below the range from which Linux takes the ports of outgoing connections, which would collide now and then.
 */
const FREE_FROM = 15_000;
const FREE_TO = 32_000;
const TRIES_MAX = 500;

/** Whether a server could listen on the port of the loopback address now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `count` different ports that are free now. Nothing reserves them: start the servers soon. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > TRIES_MAX + count) throw new Error(`no ${count} free ports in ${FREE_FROM}–${FREE_TO}`);
    const port = FREE_FROM + Math.floor(Math.random() * (FREE_TO - FREE_FROM));
    if (!found.has(port) && (await isPortFree(port))) found.add(port);
  }
  return [...found];
}

/** Inodes of the sockets that listen on `port`, from the text of /proc/net/tcp or tcp6. */
export function listeningInodes(procNetTcp: string, port: number): string[] {
  const LISTEN = '0A';
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return procNetTcp
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === LISTEN)
    .map((fields) => fields[9] ?? '');
}

function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    // Another user's process, or one that has just ended: not readable is an answer here.
    return otherwise;
  }
}

/** The process that listens on `port`, as far as this user may see it. */
export function portHolder(port: number): { pid: number; name: string } | undefined {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) =>
    attempt(() => readFileSync(path, 'utf8'), ''),
  );
  const links = new Set(tables.flatMap((text) => listeningInodes(text, port)).map((i) => `socket:[${i}]`));
  if (links.size === 0) return undefined;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const descriptors = attempt(() => readdirSync(`/proc/${entry}/fd`), []);
    if (!descriptors.some((fd) => links.has(attempt(() => readlinkSync(`/proc/${entry}/fd/${fd}`), ''))))
      continue;
    return {
      pid: Number(entry),
      name: attempt(() => readFileSync(`/proc/${entry}/comm`, 'utf8').trim(), '?'),
    };
  }
  return undefined;
}
