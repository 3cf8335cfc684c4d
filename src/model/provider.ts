/**
 * How a hypervisor, a cloud or a store of images is reached: what a user fills in (`ProviderAccount`), apart from its
 * secrets, which have one name each (`secretNames`), are encrypted at rest and never part of these objects.
 */
import Type from 'typebox';
import { StringEnum } from './schema.ts';

/** Lower-case hex SHA-256 of the server's certificate (DER), without colons. */
export const Fingerprint = Type.String({ pattern: '^[0-9a-f]{64}$' });

/**
 * Whose word is taken for a TLS server: the system's authorities, an own one, or the one certificate that the user saw.
 * Never nobody's.
 */
export const Trust = Type.Union([
  Type.Object({ kind: Type.Literal('system') }, { additionalProperties: false }),
  Type.Object(
    { kind: Type.Literal('ca'), pem: Type.String({ minLength: 1, maxLength: 1_000_000 }) },
    { additionalProperties: false },
  ),
  Type.Object({ kind: Type.Literal('pinned'), sha256: Fingerprint }, { additionalProperties: false }),
]);
export type Trust = Type.Static<typeof Trust>;

/** vCenter or ESXi. Secrets: `password`. */
export const VsphereAccount = Type.Object(
  {
    type: Type.Literal('vsphere'),
    /** https://host[:port]; the path /sdk is ours. */
    url: Type.String({ format: 'uri', pattern: '^https://', maxLength: 2048 }),
    username: Type.String({ minLength: 1, maxLength: 256 }),
    trust: Trust,
  },
  { additionalProperties: false },
);
export type VsphereAccount = Type.Static<typeof VsphereAccount>;

/**
 * A libvirt daemon, KVM or Xen, by libvirt's own URI: qemu:///system, qemu+tcp://host/system, qemu+tls://host/system,
 * qemu+ssh://user@host/system, xen:///system, test:///default. Secrets: `password` or `privateKey` (ssh; `passphrase` of the
 * key), `clientKey` (tls).
 */
export const LibvirtAccount = Type.Object(
  {
    type: Type.Literal('libvirt'),
    uri: Type.String({ minLength: 1, maxLength: 2048 }),
    /** For qemu+tls; `clientCertificate` is PEM. */
    trust: Type.Optional(Trust),
    clientCertificate: Type.Optional(Type.String({ maxLength: 1_000_000 })),
    /** For qemu+ssh: the host key as the user saw it, `SHA256:…` in base64 without padding, as ssh-keygen -l prints it. */
    hostKey: Type.Optional(Type.String({ pattern: '^SHA256:[A-Za-z0-9+/]{43}$' })),
  },
  { additionalProperties: false },
);
export type LibvirtAccount = Type.Static<typeof LibvirtAccount>;

/**
 * A store of OVAs, OVF directories, libvirt domain XML with its disks, and bare images: a directory on a worker (absolute
 * path), or an http(s) URL of an OVA or of a page that lists some. Secrets: `password`, and `query`, what stands after the
 * question mark of its address (a signature): it is taken out of a `location` that holds it, which then ends in `?…`.
 */
export const OvaAccount = Type.Object(
  {
    type: Type.Literal('ova'),
    location: Type.String({ minLength: 1, maxLength: 4096, pattern: '^(/|https?://)' }),
    username: Type.Optional(Type.String({ maxLength: 256 })),
    trust: Type.Optional(Trust),
  },
  { additionalProperties: false },
);
export type OvaAccount = Type.Static<typeof OvaAccount>;

export const ProviderAccount = Type.Union([VsphereAccount, LibvirtAccount, OvaAccount]);
export type ProviderAccount = Type.Static<typeof ProviderAccount>;

export const ProviderType = StringEnum(['vsphere', 'libvirt', 'ova']);
export type ProviderType = Type.Static<typeof ProviderType>;

/** Secret values by name. Lives in memory only; never logged, stored as it is, or put into an error. */
export type Secrets = Readonly<Record<string, string>>;
export const SecretsSchema = Type.Record(Type.String(), Type.String({ maxLength: 65_536 }));
