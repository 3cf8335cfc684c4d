/** A SOAP request in, an answer or a fault out. */
import { encode, encodeFields, escapeText } from './encode.ts';
import { SoapError, VimFault } from './fault.ts';
import { parseXml, type Element } from './xml.ts';
import type { Method } from '../schema/method-types.ts';
import type { Value } from '../values.ts';

const soap11 = 'http://schemas.xmlsoap.org/soap/envelope/';

/** The one element in the body: the method with its parameters. */
export function methodElement(text: string): Element {
  const envelope = parseXml(text);
  const body = envelope.children.find(({ name, uri }) => name === 'Body' && uri === soap11);
  if (envelope.name !== 'Envelope' || envelope.uri !== soap11 || body === undefined) {
    throw new SoapError('ServerFaultCode', 'The request is no SOAP 1.1 envelope');
  }
  const [method, ...others] = body.children;
  if (method === undefined || others.length > 0) {
    throw new SoapError('ServerFaultCode', 'The body of the envelope does not hold exactly one element');
  }
  if (method.uri !== 'urn:vim25') {
    throw new SoapError('ServerFaultCode', `Unexpected namespace "${method.uri}" of method ${method.name}`);
  }
  return method;
}

const wrap = (body: string): string =>
  '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"\n' +
  ` xmlns:soapenv="${soap11}"\n xmlns:xsd="http://www.w3.org/2001/XMLSchema"\n` +
  ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n${body}\n</soapenv:Body>\n</soapenv:Envelope>`;

export function resultEnvelope(method: Method, value: Value | undefined): string {
  const { returns } = method;
  const content = returns === null ? '' : encode('returnval', value, returns.type, returns.array);
  return wrap(`<${method.name}Response xmlns="urn:vim25">${content}</${method.name}Response>`);
}

export function faultEnvelope(error: VimFault | SoapError): string {
  const code = error instanceof SoapError ? error.code : 'ServerFaultCode';
  const text = `<faultcode>${code}</faultcode><faultstring>${escapeText(error.message)}</faultstring>`;
  return wrap(`<soapenv:Fault>${text}${error instanceof VimFault ? detail(error) : ''}</soapenv:Fault>`);
}

function detail({ fault }: VimFault): string {
  const type = fault._type;
  const content = encodeFields(fault, type);
  return `<detail><${type}Fault xmlns="urn:vim25" xsi:type="${type}">${content}</${type}Fault></detail>`;
}
