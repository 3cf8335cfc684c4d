/**
 * A fingerprint as people compare it. Of a certificate, which comes as 64 hex digits: pairs in capitals with colons, as
 * openssl and vCenter show it, in groups of four pairs, so that the eye keeps its place. An ssh host key stays as
 * `ssh-keygen -l` prints it.
 */
export function fingerprintGroups(fingerprint: string): readonly string[] {
  if (!/^[0-9a-f]{64}$/i.test(fingerprint)) return [fingerprint];
  const pairs = fingerprint.toUpperCase().match(/../g) ?? [];
  return Array.from({ length: 8 }, (_, at) => pairs.slice(at * 4, at * 4 + 4).join(':'));
}
