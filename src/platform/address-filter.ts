import ipaddr from 'ipaddr.js';

/** Judges one IP address, given as text without brackets. */
export type AddressFilter = {
  /** Whether it lies in a range that this installation allows on purpose, also for plain http. */
  isListed(address: string): boolean;
  /** Whether requests that a tenant caused may go there at all: public addresses and listed ones. */
  isReachable(address: string): boolean;
};

/** Public by its number, private by its use: the metadata and health service of Azure. */
const REFUSED_ALTHOUGH_PUBLIC = ['168.63.129.16'];
/** The only part of IPv6 that the internet routes; outside it lie forms such as `::10.0.0.1` that no list names all of. */
const ROUTED_IPV6 = ipaddr.parseCIDR('2000::/3');

/**
 * Everything that is not plain public unicast is refused: private, loopback, link-local, metadata, CGNAT, multicast,
 * reserved, and all forms of IPv6 that carry another address inside (mapped, NAT64, 6to4, Teredo).
 *
 * @param listed CIDR ranges of `PERENNIAL_WEBHOOK_ALLOW`.
 */
export function createAddressFilter(listed: readonly string[]): AddressFilter {
  const ranges = listed.map((range) => ipaddr.parseCIDR(range));
  const isListed = (text: string): boolean => {
    const address = parse(text);
    return address !== null && ranges.some((range) => contains(address, range));
  };
  return { isListed, isReachable: (text) => isListed(text) || isPublic(text) };
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

function isPublic(text: string): boolean {
  const address = parse(text);
  if (address === null || address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && !contains(address, ROUTED_IPV6)) return false;
  return !REFUSED_ALTHOUGH_PUBLIC.includes(address.toString());
}

/** An IPv4 address that is wrapped in an IPv6 one counts as what it is. */
function parse(text: string): Address | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}

function contains(address: Address, [network, bits]: [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}
