import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Behind MySQL's COM_QUERY, or at the end of a packet of statements; "READ COMMITTED" is another. */
const COMMITS = ['\u0003COMMIT', ';\nCOMMIT'];
/** After that time a COMMIT (some fsyncs) has happened. */
const COMMIT_TAKES_MS = 300;

const isCommit = (chunk: Buffer): boolean => COMMITS.some((end) => chunk.toString('latin1').endsWith(end));

export interface DatabaseProxy {
  port: number;
  /** The present connections stay open and nothing passes on them any more; new ones work. */
  silence(): void;
  /**
   * Lets the next `count` COMMITs reach the database and cuts their connections before the answer comes back. With
   * `andThen` "refuse", every other connection is cut with them, idle ones of a pool too, and new ones until {@link serve}.
   */
  cutCommits(count: number, andThen?: 'serve' | 'refuse'): void;
  /** Breaks the present connections. MySQL does not notice while it runs a statement. */
  break(): void;
  /** The next COMMIT arrives only after `delayMs`; its client's connection breaks at once. */
  delayCommit(delayMs: number): void;
  /** Serves again. */
  serve(): void;
  cuts: () => number;
  close(): void;
}

/** A TCP proxy before the database that does what a network does on a bad day. */
export async function openDatabaseProxy(port: number): Promise<DatabaseProxy> {
  let isRefusing = false;
  let commitsToCut = 0;
  let after: 'serve' | 'refuse' = 'serve';
  let cuts = 0;
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const silent = new WeakSet<Socket>();
  const server = createServer((client) => {
    if (isRefusing) return void client.destroy();
    const upstream = connect(port, '127.0.0.1');
    let isCut = false;
    let isLate = false;
    client.on('data', (chunk: Buffer) => {
      if (silent.has(client)) return;
      if (commitsToCut > 0 && isCommit(chunk)) {
        commitsToCut -= 1;
        cuts += 1;
        isCut = true;
        isRefusing = after === 'refuse';
        if (isRefusing)
          for (const socket of sockets) if (socket !== client && socket !== upstream) socket.destroy();
      }
      if (delayMs > 0 && isCommit(chunk)) {
        // The session lives on with its locks; what it was told last is still on its way.
        isLate = true;
        setTimeout(() => upstream.write(chunk), delayMs);
        delayMs = 0;
        client.destroy();
        return;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      // MySQL answers each statement of a packet: the last answer is COMMIT's. It has happened, and nobody is told.
      if (isCut) setTimeout(() => client.destroy(), COMMIT_TAKES_MS);
      else if (!silent.has(client)) client.write(chunk);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        if (!isLate) other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence() {
      for (const socket of sockets) silent.add(socket);
    },
    cutCommits(count, andThen = 'serve') {
      commitsToCut = count;
      after = andThen;
    },
    break() {
      for (const socket of sockets) socket.destroy();
    },
    delayCommit(ms) {
      delayMs = ms;
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
