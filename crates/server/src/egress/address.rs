//! Which addresses may be called: those of the public internet, and those that the operator names.
//!
//! The table is the registries of special-purpose addresses (RFC 6890 and its updates). Of IPv6 only the global unicast
//! space is public; what is unknown is refused.

use super::Authorities;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses: `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
    }

    const fn v6(a: u16, b: u16, c: u16, last: u16, bits: u8) -> Self {
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, last)), bits }
    }

    /// Whether it is one of IPv4 in the clothes of IPv6.
    pub fn is_mapped(&self) -> bool {
        matches!(self.first, IpAddr::V6(first) if first.to_ipv4_mapped().is_some())
    }

    /// Whether the address is in it. An IPv4 address inside an IPv6 one is not the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                self.bits == 0 || (first.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                self.bits == 0 || (first.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not a network; write it like 10.20.0.0/16 or fd12:3456::/32");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most { Err(wrong()) } else { Ok(Self { first, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The internet.
    Public,
    /// This machine and the networks around it: one switch opens them.
    Private,
    /// Something that gives itself to whoever asks, above all a cloud's metadata; only an operator who names it gets there.
    Special,
    /// Nobody in particular: multicast, broadcast, "any".
    Nobody,
}

/// The first line that fits decides.
const IPV4: &[(Network, Place)] = &[
    (Network::v4(255, 255, 255, 255, 32), Place::Nobody),
    (Network::v4(224, 0, 0, 0, 4), Place::Nobody),
    (Network::v4(0, 0, 0, 0, 8), Place::Nobody),
    (Network::v4(100, 100, 100, 200, 32), Place::Special), // Alibaba Cloud's metadata
    (Network::v4(168, 63, 129, 16, 32), Place::Special),   // Azure's host
    (Network::v4(169, 254, 0, 0, 16), Place::Special),     // link-local, and most clouds' metadata
    (Network::v4(10, 0, 0, 0, 8), Place::Private),
    (Network::v4(100, 64, 0, 0, 10), Place::Private), // shared by carriers' customers
    (Network::v4(127, 0, 0, 0, 8), Place::Private),
    (Network::v4(172, 16, 0, 0, 12), Place::Private),
    (Network::v4(192, 168, 0, 0, 16), Place::Private),
    (Network::v4(192, 0, 0, 0, 24), Place::Special),
    (Network::v4(192, 0, 2, 0, 24), Place::Special),    // documentation
    (Network::v4(192, 88, 99, 0, 24), Place::Special),  // relays of 6to4
    (Network::v4(198, 18, 0, 0, 15), Place::Special),   // benchmarks
    (Network::v4(198, 51, 100, 0, 24), Place::Special), // documentation
    (Network::v4(203, 0, 113, 0, 24), Place::Special),  // documentation
    (Network::v4(240, 0, 0, 0, 4), Place::Special),
];

const IPV6: &[(Network, Place)] = &[
    (Network::v6(0, 0, 0, 0, 128), Place::Nobody),
    (Network::v6(0, 0, 0, 1, 128), Place::Private),
    (Network::v6(0xff00, 0, 0, 0, 8), Place::Nobody),
    (Network::v6(0xfd00, 0xec2, 0, 0x254, 128), Place::Special), // AWS's metadata
    (Network::v6(0xfd20, 0xce, 0, 0x254, 128), Place::Special),  // Google Cloud's metadata
    (Network::v6(0xfc00, 0, 0, 0, 7), Place::Private),
    (Network::v6(0x2001, 0, 0, 0, 23), Place::Special), // Teredo and other protocols
    (Network::v6(0x2001, 0xdb8, 0, 0, 32), Place::Special), // documentation
    (Network::v6(0x2002, 0, 0, 0, 16), Place::Special), // 6to4 holds an IPv4 address
    (Network::v6(0x3fff, 0, 0, 0, 20), Place::Special), // documentation
    (Network::v6(0x2000, 0, 0, 0, 3), Place::Public),
    // The rest: IPv4 in IPv6's clothes (`::ffff:0:0/96`, `64:ff9b::/96`), link-local, everything not handed out.
    (Network::v6(0, 0, 0, 0, 0), Place::Special),
];

impl Place {
    /// What kind of place this is.
    pub fn of(address: IpAddr) -> Self {
        let table = if address.is_ipv4() { IPV4 } else { IPV6 };
        table.iter().find(|(network, _)| network.contains(address)).map_or(Self::Public, |(_, place)| *place)
    }
}

/// Where the server may send requests, besides the internet.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Everything private: loopback and the networks of RFC 1918, RFC 4193 and RFC 6598.
    pub private: bool,
    /// And these.
    pub networks: Vec<Network>,
    /// Whose certificates are trusted there besides those that the system trusts.
    pub authorities: Authorities,
}

impl Targets {
    /// Whether an operator opened the way to this address. Only there plain HTTP is spoken.
    pub fn opened(&self, address: IpAddr) -> bool {
        match Place::of(address) {
            Place::Nobody => false,
            Place::Private if self.private => true,
            _ => self.networks.iter().any(|network| network.contains(address)),
        }
    }

    /// Whether this address may be called, in the open (`plain`) or over TLS.
    pub fn permits(&self, address: IpAddr, plain: bool) -> bool {
        self.opened(address) || (!plain && Place::of(address) == Place::Public)
    }
}
