/** Of what a worker and the server say to each other (protocol.ts): they work together when theirs is the same. */
export const protocolVersion = 3;
