//! Proxy node types and Shadowsocks ciphers by their published names (specs/panel-nodes.md N5).

macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every variant, in the order of its definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The published name: what is stored, logged and spoken.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Reads the published name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use named_enum;

named_enum! {
    /// The type of a proxy node. Shadowsocks, Trojan, VLESS and Hysteria can be embedded.
    NodeKind {
        /// Shadowsocks, classic AEAD or 2022.
        Shadowsocks = "shadowsocks",
        /// Trojan over TLS.
        Trojan = "trojan",
        /// VLESS inside TLS.
        Vless = "vless",
        /// Hysteria 1 or 2.
        Hysteria = "hysteria",
        /// `VMess`.
        Vmess = "vmess",
        /// TUIC 5.
        Tuic = "tuic",
        /// `AnyTLS`.
        Anytls = "anytls",
        /// SOCKS5.
        Socks = "socks",
        /// `NaiveProxy`.
        Naive = "naive",
        /// HTTP proxy.
        Http = "http",
        /// mieru.
        Mieru = "mieru",
    }
}

named_enum! {
    /// A Shadowsocks cipher the embedded door speaks.
    SsCipher {
        /// 2022 edition, 32-byte keys; the default.
        Blake3Aes256Gcm = "2022-blake3-aes-256-gcm",
        /// 2022 edition, 16-byte keys: only 52 random bits of a user key, for compatibility.
        Blake3Aes128Gcm = "2022-blake3-aes-128-gcm",
        /// Classic AEAD, 32-byte keys; the seed's example.
        Aes256Gcm = "aes-256-gcm",
        /// Classic AEAD, 16-byte keys.
        Aes128Gcm = "aes-128-gcm",
        /// Classic AEAD, 32-byte keys.
        Chacha20IetfPoly1305 = "chacha20-ietf-poly1305",
    }
}

impl SsCipher {
    /// Whether the cipher belongs to the 2022 edition, which names its users.
    pub const fn is_2022(self) -> bool {
        matches!(self, Self::Blake3Aes256Gcm | Self::Blake3Aes128Gcm)
    }

    /// Length of the key and of the salt in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Blake3Aes256Gcm | Self::Aes256Gcm | Self::Chacha20IetfPoly1305 => 32,
            Self::Blake3Aes128Gcm | Self::Aes128Gcm => 16,
        }
    }
}
