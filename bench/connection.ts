import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
/** Servers of Node close a connection that is idle for 5 s; an older one is not used again. */
const IDLE_MAX_MS = 3_000;
const REQUEST_TIMEOUT_MS = 60_000;

export interface HttpAnswer {
  /** HTTP status; 0 when the connection failed or no answer came within 60 s. */
  status: number;
  /** The body, or the reason of status 0. */
  body: string;
}

/** One kept-alive connection with at most one request on its way. */
class Connection {
  #lastUsedMs = performance.now();
  #isOpen = true;
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #resolve: ((answer: HttpAnswer) => void) | undefined;

  constructor(host: string, port: number) {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.setTimeout(REQUEST_TIMEOUT_MS, () => this.#fail('no answer within 60 s'));
    this.#socket.on('data', (part) => this.#onData(part));
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('the connection was closed'));
  }

  send(request: string): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#socket.write(request);
    });
  }

  /** Whether the server keeps it for another request. */
  isUsable(): boolean {
    return this.#isOpen && performance.now() - this.#lastUsedMs < IDLE_MAX_MS;
  }

  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #fail(reason: string): void {
    this.close();
    this.#answer({ status: 0, body: reason });
  }

  #answer(answer: HttpAnswer): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#received = [];
    this.#lastUsedMs = performance.now();
    resolve?.(answer);
  }

  #onData(part: Buffer): void {
    this.#received.push(part);
    const [first = part] = this.#received;
    const bytes = this.#received.length === 1 ? first : Buffer.concat(this.#received);
    this.#received = [bytes];
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = bytes.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) return this.#fail('the answer has no Content-Length');
    const bodyAt = headEnd + HEAD_END.length;
    if (bytes.length < bodyAt + Number(length)) return;
    if (/\r\nconnection: *close/i.test(head)) this.close();
    this.#answer({
      status: Number(head.slice(9, 12)),
      body: bytes.toString('utf8', bodyAt, bodyAt + Number(length)),
    });
  }
}

/** Sends one POST and waits for its answer; never rejects. */
export type Post = (path: string, body: string) => Promise<HttpAnswer>;

/** Posts JSON over kept-alive connections; a request costs a fraction of what `node:http` takes. */
export class JsonPoster {
  readonly #host: string;
  readonly #port: number;
  readonly #idle: Connection[] = [];

  /** @param url base URL, `http://host:port` */
  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port || '80');
  }

  post: Post = (path, body) => this.withConnection((post) => post(path, body));

  /** Runs `work` with a connection of its own, as a browser has it: it posts one request after the other. */
  async withConnection<T>(work: (post: Post) => Promise<T>): Promise<T> {
    let connection = this.#take();
    const result = await work((path, body) => {
      if (!connection.isUsable()) {
        connection.close();
        connection = this.#take();
      }
      return connection.send(
        `POST ${path} HTTP/1.1\r\nHost: ${this.#host}:${this.#port}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
    if (connection.isUsable()) this.#idle.push(connection);
    else connection.close();
    return result;
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #take(): Connection {
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      if (found.isUsable()) return found;
      found.close();
    }
    return new Connection(this.#host, this.#port);
  }
}
