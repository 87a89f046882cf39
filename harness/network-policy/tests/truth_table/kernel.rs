//! What the kernel does with a packet under a ruleset: the few statements that the ruleset is made of, and no others.

use std::collections::HashMap;
use std::net::IpAddr;

/// A packet that a node forwards.
pub struct Packet<'a> {
    /// Its source.
    pub from: IpAddr,
    /// Its destination, after a Service's address was replaced.
    pub to: IpAddr,
    /// In lower case.
    pub protocol: &'a str,
    /// Its destination's.
    pub port: u16,
    /// Whether it belongs to a connection that was let pass before.
    pub is_established: bool,
}

/// Whether the ruleset lets the packet pass.
pub fn forwards(ruleset: &str, packet: &Packet) -> bool {
    let mut chains: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut current = "";
    for line in ruleset.lines().map(str::trim) {
        match line.strip_prefix("chain ").and_then(|line| line.strip_suffix(" {")) {
            Some(name) => {
                current = name;
                assert!(chains.insert(name, vec![]).is_none(), "two chains are called {name}");
            }
            None if line == "}" => current = "",
            None if current.is_empty() => {
                let is_start = line.starts_with("table inet ") && line.ends_with(" {");
                assert!(is_start || line.starts_with("add table ") || line.starts_with("delete table "), "`{line}`");
            }
            None => chains.entry(current).or_default().push(line),
        }
    }
    walk(&chains, "forward", packet).unwrap_or(true)
}

/// Whether the chain lets the packet pass; nothing if it goes back to the chain before.
fn walk(chains: &HashMap<&str, Vec<&str>>, chain: &str, packet: &Packet) -> Option<bool> {
    for line in &chains[chain] {
        let mut rest = *line;
        while let Some((does_match, tail)) = condition(rest, packet) {
            if !does_match {
                rest = "";
                break;
            }
            rest = tail;
        }
        match rest.split_once(' ').unwrap_or((rest, "")) {
            ("", "") | ("type" | "comment", _) => {}
            ("return", "") => return None,
            ("accept", "") => return Some(true),
            ("drop", "") => return Some(false),
            ("jump", target) => {
                if let Some(verdict) = walk(chains, target, packet) {
                    return Some(verdict);
                }
            }
            _ => panic!("the kernel knows no `{rest}` in `{line}`"),
        }
    }
    None
}

/// Whether the packet meets the first condition of a rule, and the rest of the rule.
fn condition<'a>(rule: &'a str, packet: &Packet) -> Option<(bool, &'a str)> {
    if let Some(rest) = rule.strip_prefix("ct state established,related ") {
        return Some((packet.is_established, rest));
    }
    let mut words = rule.splitn(3, ' ');
    let (subject, field, rest) = (words.next()?, words.next()?, words.next()?);
    let (is_negated, rest) = rest.strip_prefix("!= ").map_or((false, rest), |rest| (true, rest));
    let (value, rest) = match rest.strip_prefix("{ ") {
        Some(set) => set.split_once(" } ")?,
        None => rest.split_once(' ')?,
    };
    let mut values = value.split(", ");
    let does_match = match (subject, field) {
        ("ip" | "ip6", "saddr" | "daddr") => {
            let address = if field == "saddr" { packet.from } else { packet.to };
            // A rule on one family's addresses is not met by the other's, whatever it denies.
            if address.is_ipv4() != (subject == "ip") {
                return Some((false, rest));
            }
            values.any(|value| is_in(address, value))
        }
        ("tcp" | "udp" | "sctp", "dport") => {
            let (first, last) = value.split_once('-').unwrap_or((value, value));
            subject == packet.protocol && (number(first)..=number(last)).contains(&packet.port)
        }
        ("meta", "l4proto") => value == packet.protocol,
        _ => return None,
    };
    Some((does_match != is_negated, rest))
}

fn number(text: &str) -> u16 {
    text.parse().unwrap()
}

fn is_in(address: IpAddr, block: &str) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
        IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
    };
    let (start, length) = block.split_once('/').map_or((block, None), |(start, length)| (start, Some(length)));
    let start = bits(start.parse().unwrap());
    assert_eq!(start.len(), bits(address).len(), "{block} is of the other family");
    let length = length.map_or(start.len(), |length| length.parse().unwrap());
    assert!(length <= start.len(), "{block} is longer than an address");
    bits(address)[..length] == start[..length]
}
