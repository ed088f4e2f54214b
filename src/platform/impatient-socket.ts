import { Socket } from 'node:net';

/**
 * A socket that is cut when the other side says nothing for so long. A server that is frozen, or behind a network that
 * swallows everything, never refuses: without this whoever asked it would wait for ever. The error looks like any
 * other time-out of a connection.
 */
export function impatientSocket(silenceMsMax: number): Socket {
  const socket = new Socket();
  socket.setTimeout(silenceMsMax, () => {
    const error = new Error(`The server has been silent for ${silenceMsMax} ms, so the connection was cut.`);
    socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  });
  return socket;
}
