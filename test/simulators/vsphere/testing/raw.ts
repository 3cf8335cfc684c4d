/** SOAP by hand, for tests of the simulator itself: no client of ours stands between. */
import { request } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { VsphereSimulator } from '../simulator.ts';
import { parseXml, type Element } from '../soap/xml.ts';
import { asData, asRef, asText, type Ref } from '../values.ts';

/** How long a test waits for what will come: a busy machine is slow. */
export const patience = { timeout: 30_000, interval: 10 };

export type RawAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

/** One HTTPS request that trusts the simulator's certificate and nothing else. */
export function http(
  simulator: VsphereSimulator,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal } = {},
): Promise<RawAnswer> {
  const { method = 'GET', headers = {}, body, signal } = options;
  const target = new URL(path, simulator.url);
  return new Promise((resolve, reject) => {
    const ca = simulator.certificate.certificate;
    const sent = request(target, { method, headers, ca, agent: false, ...(signal ? { signal } : {}) }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('close', () => {
        if (!response.complete) reject(new Error('the answer was cut off'));
        else resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export type SoapAnswer = {
  readonly status: number;
  readonly text: string;
  /** `returnval` elements, in order. */
  readonly returned: readonly Element[];
  /** The fault's type, or null. */
  readonly fault: string | null;
  readonly faultText: string;
};

export const wrap = (inner: string): string =>
  `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
  `xmlns:xsd="http://www.w3.org/2001/XMLSchema"><soapenv:Body>${inner}</soapenv:Body></soapenv:Envelope>`;

export class Raw {
  readonly simulator: VsphereSimulator;
  cookie: string | null = null;
  soapAction = '"urn:vim25/6.5"';

  constructor(simulator: VsphereSimulator) {
    this.simulator = simulator;
  }

  /** Calls a method: `parameters` is the XML after `_this`. */
  async call(self: Ref, method: string, parameters = '', signal?: AbortSignal): Promise<SoapAnswer> {
    const target = `<_this type="${self.type}">${self.value}</_this>`;
    return this.send(wrap(`<${method} xmlns="urn:vim25">${target}${parameters}</${method}>`), signal);
  }

  async send(body: string, signal?: AbortSignal): Promise<SoapAnswer> {
    const headers: Record<string, string> = { 'content-type': 'text/xml; charset=utf-8', soapaction: this.soapAction };
    if (this.cookie !== null) headers['cookie'] = this.cookie;
    const options = { method: 'POST', headers, body, ...(signal ? { signal } : {}) };
    const answer = await http(this.simulator, '/sdk', options);
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0];
    if (cookie !== undefined) this.cookie = cookie;
    const text = answer.body.toString();
    const inner = parseXml(text).children[0]?.children[0];
    const detail = find(inner, 'detail')?.children[0];
    return {
      status: answer.status,
      text,
      returned: inner?.children.filter(({ name }) => name === 'returnval') ?? [],
      fault: detail?.attributes.get('xsi:type') ?? find(inner, 'faultcode')?.text ?? null,
      faultText: find(inner, 'faultstring')?.text ?? '',
    };
  }

  async login(password = this.simulator.password): Promise<SoapAnswer> {
    const self = { type: 'SessionManager', value: this.manager('sessionManager') };
    const names = `<userName>${this.simulator.username}</userName><password>${password}</password>`;
    return this.call(self, 'Login', names);
  }

  manager(name: string): string {
    const ref = this.simulator.world.store.read(
      { type: 'ServiceInstance', value: 'ServiceInstance' },
      `content.${name}`,
    );
    return asRef(ref)?.value ?? '';
  }

  collector(): Ref {
    return { type: 'PropertyCollector', value: this.manager('propertyCollector') };
  }

  /** Calls a method that starts a task and waits until it ends. */
  async task(
    self: Ref,
    method: string,
    parameters = '',
  ): Promise<{ state: string; fault: string | null; result: string }> {
    const started = await this.call(self, method, parameters);
    const id = started.returned[0]?.text;
    if (id === undefined) return { state: 'refused', fault: started.fault, result: '' };
    const { store } = this.simulator.world;
    const task = { type: 'Task', value: id };
    for (;;) {
      const state = asText(store.read(task, 'info.state')) ?? '';
      if (state === 'success' || state === 'error') {
        const fault = asData(store.read(task, 'info.error.fault'));
        return {
          state,
          fault: fault?._type ?? null,
          result: asRef(store.read(task, 'info.result'))?.value ?? '',
        };
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

export function find(element: Element | undefined, ...path: string[]): Element | undefined {
  return path.reduce<Element | undefined>((at, name) => at?.children.find((child) => child.name === name), element);
}

export const all = (element: Element | undefined, name: string): Element[] =>
  element?.children.filter((child) => child.name === name) ?? [];

export const given = (name: string, ref: Ref): string => `<${name} type="${ref.type}">${ref.value}</${name}>`;

/** A filter over one object, or over a view. */
export function filterOf(type: string, paths: readonly string[], root: Ref, traversal = ''): string {
  const pathSet = paths.map((path) => `<pathSet>${path.replaceAll('"', '&quot;')}</pathSet>`).join('');
  const skip = traversal === '' ? '' : '<skip>true</skip>';
  return `<propSet><type>${type}</type>${pathSet}</propSet><objectSet>${given('obj', root)}${skip}${traversal}</objectSet>`;
}

export const overView =
  '<selectSet xsi:type="TraversalSpec"><type>ContainerView</type><path>view</path><skip>false</skip></selectSet>';
