import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** MySQL's COM_QUERY and the statement; "READ COMMITTED" is another. */
const COMMIT = '\u0003COMMIT';

export interface DatabaseProxy {
  port: number;
  /** Connections stay open and nothing passes. */
  silence(silent: boolean): void;
  /**
   * Lets the next `count` COMMITs reach the database and cuts their connections before the answer comes back; while
   * `andThen` is "refuse", new connections are cut as well.
   */
  cutCommits(count: number, andThen?: 'serve' | 'refuse'): void;
  /** Serves again. */
  serve(): void;
  cuts: () => number;
  close(): void;
}

/** A TCP proxy before the database that does what a network does on a bad day. */
export async function openDatabaseProxy(port: number): Promise<DatabaseProxy> {
  let isSilent = false;
  let isRefusing = false;
  let commitsToCut = 0;
  let after: 'serve' | 'refuse' = 'serve';
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (isRefusing) return void client.destroy();
    const upstream = connect(port, '127.0.0.1');
    let isCut = false;
    client.on('data', (chunk: Buffer) => {
      if (isSilent) return;
      if (commitsToCut > 0 && chunk.toString('latin1').endsWith(COMMIT)) {
        commitsToCut -= 1;
        cuts += 1;
        isCut = true;
        isRefusing = after === 'refuse';
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      // The answer to the COMMIT: it has happened, and nobody is told.
      if (isCut) client.destroy();
      else if (!isSilent) client.write(chunk);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence(silent) {
      isSilent = silent;
    },
    cutCommits(count, andThen = 'serve') {
      commitsToCut = count;
      after = andThen;
    },
    serve() {
      isRefusing = false;
    },
    cuts: () => cuts,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
