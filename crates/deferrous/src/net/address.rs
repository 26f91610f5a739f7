//! Addresses, and what one can connect to.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::unix::net as unix,
    path::{Path, PathBuf},
};

/// One end of a connection. Twisted's `IPv4Address`, `IPv6Address` and `UNIXAddress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// Of TCP.
    Tcp(SocketAddr),
    /// Of a UNIX socket: its path, if it has one. The end that connects has none.
    Unix(Option<PathBuf>),
}

impl Address {
    /// The IP address and port, unless it is that of a UNIX socket.
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }

    /// The path of a UNIX socket that has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Address::Tcp(_) => None,
            Address::Unix(path) => path.as_deref(),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address)
    }
}

impl From<unix::SocketAddr> for Address {
    fn from(address: unix::SocketAddr) -> Self {
        Address::Unix(address.as_pathname().map(Path::to_owned))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(Some(path)) => path.display().fmt(f),
            Address::Unix(None) => f.write_str("a UNIX socket without a path"),
        }
    }
}

/// What [`connect_tcp`](crate::Reactor::connect_tcp) connects to: addresses, or a host whose addresses are looked
/// up.
///
/// It is made from a [`SocketAddr`], from several, from a text such as `"example.org:80"` or `"[::1]:80"`, and from
/// a host or an IP address and a port, as in `("example.org", 80)`.
#[derive(Clone, Debug)]
pub struct TcpTarget(pub(super) Target);

#[derive(Clone, Debug)]
pub(super) enum Target {
    Addresses(Vec<SocketAddr>),
    Host(String, u16),
    /// A text that is none.
    Nonsense(String),
}

impl fmt::Display for TcpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Addresses(addresses) => {
                for (n, address) in addresses.iter().enumerate() {
                    let before = if n == 0 { "" } else { ", " };
                    write!(f, "{before}{address}")?;
                }
                Ok(())
            }
            Target::Host(host, port) => write!(f, "{host}:{port}"),
            Target::Nonsense(text) => f.write_str(text),
        }
    }
}

impl From<Vec<SocketAddr>> for TcpTarget {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        TcpTarget(Target::Addresses(addresses))
    }
}

impl From<SocketAddr> for TcpTarget {
    fn from(address: SocketAddr) -> Self {
        vec![address].into()
    }
}

impl From<SocketAddrV4> for TcpTarget {
    fn from(address: SocketAddrV4) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<SocketAddrV6> for TcpTarget {
    fn from(address: SocketAddrV6) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(IpAddr, u16)> for TcpTarget {
    fn from(address: (IpAddr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(Ipv4Addr, u16)> for TcpTarget {
    fn from(address: (Ipv4Addr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(Ipv6Addr, u16)> for TcpTarget {
    fn from(address: (Ipv6Addr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(&str, u16)> for TcpTarget {
    fn from((host, port): (&str, u16)) -> Self {
        match host.parse::<IpAddr>() {
            Ok(address) => (address, port).into(),
            Err(_) => TcpTarget(Target::Host(host.to_owned(), port)),
        }
    }
}

impl From<(String, u16)> for TcpTarget {
    fn from((host, port): (String, u16)) -> Self {
        (host.as_str(), port).into()
    }
}

impl From<&str> for TcpTarget {
    fn from(text: &str) -> Self {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return address.into();
        }
        let parts = text.rsplit_once(':');
        match parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
            Some((host, port)) if !host.is_empty() && !host.contains(':') => (host, port).into(),
            _ => TcpTarget(Target::Nonsense(text.to_owned())),
        }
    }
}

impl From<String> for TcpTarget {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, TcpTarget};

    #[test]
    fn numbers_need_no_look_up_and_nonsense_is_kept_for_the_error() {
        for (text, kind) in [
            ("127.0.0.1:80", "Addresses([127.0.0.1:80])"),
            ("[::1]:80", "Addresses([[::1]:80])"),
            ("example.org:80", "Host(\"example.org\", 80)"),
            ("example.org", "Nonsense(\"example.org\")"),
            ("example.org:http", "Nonsense(\"example.org:http\")"),
            (":80", "Nonsense(\":80\")"),
            ("::1:80", "Nonsense(\"::1:80\")"),
            ("", "Nonsense(\"\")"),
        ] {
            assert_eq!(format!("{:?}", TcpTarget::from(text).0), kind);
        }
        let by_parts = TcpTarget::from(("::1", 80));
        assert!(matches!(by_parts.0, Target::Addresses(_)));
        assert_eq!(by_parts.to_string(), "[::1]:80");
    }
}
