import type { Duplex } from 'node:stream';
import { DomainError } from '../src/domain/errors.ts';
import { newId } from '../src/platform/ids.ts';
import { toProblem } from './problem.ts';

export const TOO_SLOW = 'The request did not arrive in time; send it as a whole.';

/**
 * What never became a request (broken HTTP, a length given twice, half a header for ten seconds) is answered as a problem
 * too, and the connection ends: whatever follows on it cannot be trusted to begin where we think.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  // The public URL is not known here; a `type` may be relative.
  const refusal = new DomainError('malformed_request', reasonOf(error.code));
  const { problem } = toProblem(refusal, newId('req'), '');
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} Bad Request`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${problem.instance}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function reasonOf(code: string | undefined): string {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return TOO_SLOW;
  if (code === 'HPE_HEADER_OVERFLOW') return 'The headers are longer than 16 KB; send fewer or shorter ones.';
  return 'This is not valid HTTP/1.1, or it says twice and differently how long the body is; look at your HTTP client.';
}
