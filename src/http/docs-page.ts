/** `/api/openapi.json`, and a page for people made from it: plain HTML, no script, nothing from elsewhere. */
import Type from 'typebox';
import { catalogue, type ErrorEntry } from '../model/errors.ts';
import type { OpenApi } from './openapi.ts';
import type { App } from './routes.ts';

export function addDocs(app: App, described: () => OpenApi): void {
  let document: OpenApi | undefined;
  const get = (): OpenApi => (document ??= described());
  app.get(
    '/api/openapi.json',
    {
      config: { permission: 'public' },
      schema: {
        operationId: 'getOpenApi',
        summary: 'This API as an OpenAPI 3.1 document',
        tags: ['documentation'],
        response: { 200: Type.Unknown() },
      },
    },
    async () => get(),
  );
  app.get(
    '/api/docs',
    {
      config: { permission: 'public' },
      schema: {
        operationId: 'getDocs',
        summary: 'This API as a page to read',
        tags: ['documentation'],
        response: { 200: Type.String({ contentMediaType: 'text/html' }) },
      },
    },
    async (_request, reply) => reply.type('text/html; charset=utf-8').send(page(get())),
  );
}

const style = `
  :root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  code, pre { font-family: ui-monospace, monospace; font-size: .9em } pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: 6px }
  details { border-top: 1px solid #8884; padding: .4rem 0 } summary { cursor: pointer } .method { display: inline-block; min-width: 4.5rem; font-weight: 700 }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-top: 1px solid #8884 } .muted { opacity: .75 }`;

type Operation = {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    name: string;
    in: string;
    required: boolean;
    schema: unknown;
    description?: string;
  }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { schema?: unknown }>> };
  readonly responses?: Readonly<Record<string, { content?: Readonly<Record<string, { schema?: unknown }>> }>>;
  readonly 'x-permission'?: string;
};

function page(api: OpenApi): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = (operation as Operation).tags?.[0] ?? 'other';
      byTag.set(tag, [...(byTag.get(tag) ?? []), describe(method, path, operation)]);
    }
  }
  const sections = [...byTag].map(([tag, parts]) => `<h2 id="tag-${escape(tag)}">${escape(tag)}</h2>${parts.join('')}`);
  const schemas = Object.entries(api.components.schemas).map(
    ([name, schema]) =>
      `<details id="${escape(name)}"><summary><code>${escape(name)}</code></summary>${json(schema)}</details>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Wherry API ${escape(api.info.version)}</title><style>${style}</style></head><body>
<h1>Wherry API <small class="muted">${escape(api.info.version)}</small></h1>
<p>The same as a document for programs: <a href="/api/openapi.json">openapi.json</a>. Send a token as
<code>Authorization: Bearer wherry_…</code> (make one with <code>wherry token create NAME</code>), or use the server’s unix socket:
<code>curl --unix-socket …/run/server.sock http://wherry/api/v1/session</code>. Each POST has an <code>Idempotency-Key</code> of
your own: sent again with the same key, a request happens once.</p>
${sections.join('\n')}
<h2 id="schemas">Schemas</h2>${schemas.join('')}
<h2 id="errors">Errors</h2><p>Every error is a problem document (RFC 9457) with one of these codes.</p>
<table><thead><tr><th>Code</th><th>Status</th><th>What failed, and what to do</th></tr></thead><tbody>${errors()}</tbody></table>
</body></html>`;
}

function describe(method: string, path: string, raw: unknown): string {
  const operation = raw as Operation;
  const parameters = (operation.parameters ?? []).map(
    (p) =>
      `<tr><td><code>${escape(p.name)}</code></td><td>${escape(p.in)}${p.required ? ', required' : ''}</td><td><code>${escape(
        JSON.stringify(p.schema),
      )}</code> ${escape(p.description ?? '')}</td></tr>`,
  );
  const answers = Object.entries(operation.responses ?? {}).map(
    ([status, answer]) => `<p>Answer ${escape(status)}</p>${content(answer.content)}`,
  );
  return `<details id="${escape(operation.operationId ?? '')}"><summary><span class="method">${escape(method.toUpperCase())}</span>
<code>${escape(path)}</code> ${escape(operation.summary ?? '')}</summary>
<p class="muted">Needs: ${escape(operation['x-permission'] ?? '')}</p>
${operation.description === undefined ? '' : `<p>${escape(operation.description)}</p>`}
${parameters.length === 0 ? '' : `<table><tbody>${parameters.join('')}</tbody></table>`}
${operation.requestBody === undefined ? '' : `<p>Body</p>${content(operation.requestBody.content)}`}
${answers.join('')}</details>`;
}

function content(types: Readonly<Record<string, { schema?: unknown }>> | undefined): string {
  const [type, body] = Object.entries(types ?? {})[0] ?? [];
  if (type === undefined || body === undefined) return '<p class="muted">empty</p>';
  return `<p><code>${escape(type)}</code></p>${json(body.schema)}`;
}

/** Names of schemas are links. */
function json(value: unknown): string {
  const text = escape(JSON.stringify(value, null, 2));
  return `<pre>${text.replace(/#\/components\/schemas\/(\w+)/g, '<a href="#$1">$1</a>')}</pre>`;
}

function errors(): string {
  const entries: [string, ErrorEntry][] = Object.entries(catalogue);
  return entries
    .map(
      ([code, { status, message, next }]) =>
        `<tr id="${escape(code)}"><td><code>${escape(code)}</code></td><td>${status}</td><td>${escape(message)}<br><span class="muted">${escape(next)}</span></td></tr>`,
    )
    .join('');
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
