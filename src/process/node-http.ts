/**
 * Node's HTTP. An import of it asks for all that it exports, and so loads fetch and WebSocket, which nobody here uses: 0.04 s
 * of CPU at each start (Node 26.10).
 */
export const { Agent, createServer, request } = process.getBuiltinModule('node:http');
