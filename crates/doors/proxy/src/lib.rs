//! The proxy door: Shadowsocks, Trojan, VLESS.
