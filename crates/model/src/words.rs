//! Closed word lists that are published names: additions only (DESIGN §10.7.11).

use crate::node::named_enum;

named_enum! {
    /// A network listener through which people come in.
    Door {
        /// Terminals to target hosts.
        Ssh = "ssh",
        /// Authorises VPN concentrators and access routers.
        Radius = "radius",
        /// Shadowsocks, Trojan, VLESS, Hysteria 2.
        Proxy = "proxy",
    }
}

named_enum! {
    /// What made a row or asked for a change: a surface, the command line, the state file or the program itself.
    Origin {
        /// django-sspanel-api.
        Oa = "oa",
        /// The SSL-VPN console.
        Vpn = "vpn",
        /// The subscription panel.
        Panel = "panel",
        /// The bastion.
        Bastion = "bastion",
        /// ISP billing.
        Billing = "billing",
        /// Our own console.
        Console = "console",
        /// The command line.
        Cli = "cli",
        /// `gatehouse apply`.
        State = "state",
        /// Jobs, periodic tasks and doors.
        System = "system",
    }
}

named_enum! {
    /// What lets an account through a door and makes it visible on a surface.
    PassKind {
        /// SSL-VPN user.
        Vpn = "vpn",
        /// Proxy user.
        Proxy = "proxy",
        /// Staff.
        Staff = "staff",
        /// ISP subscriber.
        Subscriber = "subscriber",
    }
}

named_enum! {
    /// Type of an extra field of subscribers (specs/billing.md §5.9).
    FieldKind {
        /// Whole number.
        Int = "num_int",
        /// Whole number without a sign.
        Uint = "num_uint",
        /// Decimal number.
        Float = "num_float",
        /// Decimal number without a sign.
        Ufloat = "num_ufloat",
        /// One line.
        Line = "str_one",
        /// Several lines.
        Lines = "str_many",
        /// 1 or 0.
        YesNo = "yes_no",
        /// One of its choices, or several.
        Select = "select",
        /// A secret: sealed, never listed.
        Pass = "pass",
        /// Bytes.
        Traffic = "traffic",
        /// Unix seconds.
        Time = "time",
        /// Money.
        Money = "money",
        /// An object, as JSON.
        Hash = "hash",
    }
}

named_enum! {
    /// Why an access session ended.
    EndedWhy {
        /// The person left.
        Closed = "closed",
        /// Nothing moved for the idle time.
        Idle = "idle",
        /// The longest allowed stay was over.
        MaxDuration = "max_duration",
        /// The pass expired.
        Expired = "expired",
        /// The quota was reached.
        Quota = "quota",
        /// The account was disabled.
        Disabled = "disabled",
        /// The account was deleted.
        Deleted = "deleted",
        /// The pass was taken away.
        PassRevoked = "pass_revoked",
        /// The credential was replaced.
        CredentialsChanged = "credentials_changed",
        /// A right was taken away.
        PermissionRevoked = "permission_revoked",
        /// The pass moved to another group.
        GroupChanged = "group_changed",
        /// A policy changed.
        PolicyChanged = "policy_changed",
        /// The node was changed, disabled or removed.
        NodeChanged = "node_changed",
        /// The node reached its own traffic cap.
        NodeCap = "node_cap",
        /// Staff ended it.
        Kicked = "kicked",
        /// Its recording could not be kept.
        RecordingFailed = "recording_failed",
        /// The NAS said it had restarted.
        NasReboot = "nas_reboot",
        /// Not heard of for too long.
        Stale = "stale",
        /// It never came to be.
        Failed = "failed",
        /// The process stopped in order.
        Shutdown = "shutdown",
        /// The process vanished.
        Lost = "lost",
    }
}
