import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { WrongAnswer } from './wrong-server.ts';

const KIB = 1024;
const JSON_TYPE = 'content-type: application/json';
const PART = Buffer.alloc(64 * KIB, 'x');

function head(status: string, headers: readonly string[] = []): string {
  return [`HTTP/1.1 ${status}`, ...headers, '', ''].join('\r\n');
}

/** A whole answer with its length; the server knows nothing of it, so that the connection can't be used again. */
export function whole(status: string, body: string | Buffer, headers: readonly string[] = [JSON_TYPE]): WrongAnswer {
  const bytes = Buffer.from(body);
  return socket => {
    socket.write(head(status, [...headers, `content-length: ${bytes.length}`, 'connection: close']));
    socket.end(bytes);
  };
}

/** An object or a list, as JSON, with 200. */
export const object = (value: unknown): WrongAnswer => whole('200 OK', JSON.stringify(value));

/** A watch that brings these events at once, and stays open. */
export function events(...frames: readonly unknown[]): WrongAnswer {
  const body = frames.map(frame => `${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n`).join('');
  return socket => {
    socket.write(head('200 OK', [JSON_TYPE, 'transfer-encoding: chunked']));
    socket.write(`${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`);
  };
}

/** Writes for as long as the other side reads. */
function endlessly(socket: Socket, part: Buffer | string): void {
  const write = () => {
    while (!socket.destroyed && socket.write(part));
  };
  socket.on('drain', write);
  write();
}

const chunk = (bytes: Buffer | string) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from('\r\n')]);

/** A body without an end, as fast as it is read. */
export function endless(begin = '', part: Buffer | string = PART): WrongAnswer {
  return socket => {
    socket.write(head('200 OK', [JSON_TYPE, 'transfer-encoding: chunked']));
    if (begin !== '') socket.write(chunk(begin));
    endlessly(socket, chunk(part));
  };
}

/** The same in chunks of one byte. */
export function endlessCrumbs(begin = ''): WrongAnswer {
  const crumbs = Buffer.concat(Array.from({ length: 4 * KIB }, () => chunk('x')));
  return socket => {
    socket.write(head('200 OK', [JSON_TYPE, 'transfer-encoding: chunked']));
    if (begin !== '') socket.write(chunk(begin));
    endlessly(socket, crumbs);
  };
}

/** One byte every so often, without an end. */
export function drip(everyMs: number): WrongAnswer {
  return socket => {
    socket.write(head('200 OK', [JSON_TYPE, 'transfer-encoding: chunked']));
    const timer = setInterval(() => socket.write(chunk(' ')), everyMs);
    socket.on('close', () => clearInterval(timer));
  };
}

/** Answers before the answer, which never comes. */
export const informationalFlood: WrongAnswer = socket =>
  endlessly(socket, head('103 Early Hints', ['link: </x>']).repeat(100));

/** The same, slowly: each alone would be in time. */
export function informationalDrip(everyMs: number): WrongAnswer {
  return socket => {
    const timer = setInterval(() => socket.write(head('103 Early Hints', ['link: </x>'])), everyMs);
    socket.on('close', () => clearInterval(timer));
  };
}

export const headerFlood: WrongAnswer = socket => {
  socket.write('HTTP/1.1 200 OK\r\n');
  endlessly(socket, `x-more: ${'y'.repeat(KIB)}\r\n`.repeat(32));
};

export const trailerFlood: WrongAnswer = socket => {
  socket.write(`${head('200 OK', [JSON_TYPE, 'transfer-encoding: chunked', 'trailer: x-more'])}2\r\nok\r\n0\r\n`);
  endlessly(socket, `x-more: ${'y'.repeat(KIB)}\r\n`.repeat(32));
};

export const upgrade: WrongAnswer = socket => {
  socket.write(head('101 Switching Protocols', ['connection: upgrade', 'upgrade: websocket']));
};

export function shorterThanAnnounced(body: string): WrongAnswer {
  return socket => {
    socket.write(head('200 OK', [JSON_TYPE, `content-length: ${body.length + 100}`, 'connection: close']));
    socket.end(body);
  };
}

export function longerThanAnnounced(body: string): WrongAnswer {
  return socket => {
    socket.write(`${head('200 OK', [JSON_TYPE, `content-length: ${body.length - 1}`])}${body}`);
  };
}

export const announcesTooMuch: WrongAnswer = socket => {
  socket.write(head('200 OK', [JSON_TYPE, 'content-length: 900719925474099']));
};

export const noHttp: WrongAnswer = socket => {
  socket.write('SSH-2.0-OpenSSH_9.9\r\n');
};

export function redirect(location: string): WrongAnswer {
  return whole('307 Temporary Redirect', '', [`location: ${location}`]);
}

export function gzipped(value: unknown): WrongAnswer {
  return whole('200 OK', gzipSync(JSON.stringify(value)), [JSON_TYPE, 'content-encoding: gzip']);
}

/** An API error. */
export function refusal(code: number, status: object, headers: readonly string[] = []): WrongAnswer {
  const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, ...status });
  return whole(`${code} Refused`, body, [JSON_TYPE, ...headers]);
}
