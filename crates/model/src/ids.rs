//! Row identities. Database ids are never reused, so a stale id finds nothing instead of somebody else.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// An account: one person or machine. Its number is the wire id on bastion, panel, node API and vpn.
    AccountId,
    /// A machine credential of the kinds `oa` and `api`.
    ApiTokenId,
    /// A request for access to a resource for a while.
    AccessRequestId,
    /// A foreign authentication server: LDAP or RADIUS.
    AuthServerId,
    /// A billing group: what subscribers are sorted into, and how far staff's codes reach.
    BillingGroupId,
    /// An extra field of subscribers.
    BillingFieldId,
    /// A service of the billing catalogue.
    BillingServiceId,
    /// A subscriber's service (`usr_service_id`).
    BillingSubscriptionId,
    /// A command rule of the bastion.
    CommandRuleId,
    /// A public key that a target host presented.
    HostKeyId,
    /// A row of the job table.
    JobId,
    /// An account of the ledger.
    LedgerAccountId,
    /// An entry of the ledger: one event, its postings add up to nothing.
    LedgerEntryId,
    /// A login session: a token family issued by a surface.
    LoginSessionId,
    /// A network access server: a VPN concentrator or access router.
    NasId,
    /// A node group: which proxy passes may use which nodes.
    NodeGroupId,
    /// A proxy node, embedded or remote.
    NodeId,
    /// A route rule of nodes.
    NodeRouteId,
    /// A user row of the oa surface.
    OaUserId,
    /// An article of the panel's knowledge base.
    PanelArticleId,
    /// A coupon of the panel.
    PanelCouponId,
    /// A gift card: one code that is redeemed.
    PanelGiftCodeId,
    /// What gift cards of one kind give.
    PanelGiftTemplateId,
    /// A redemption of a gift card.
    PanelGiftUsageId,
    /// A code that invites to the panel.
    PanelInviteCodeId,
    /// A notice that the panel shows everybody.
    PanelNoticeId,
    /// An order of the panel; people know it by its trade number.
    PanelOrderId,
    /// A ticket of the panel.
    PanelTicketId,
    /// A message of a ticket.
    PanelTicketMessageId,
    /// An order at a payment channel.
    PaymentAttemptId,
    /// A way to pay at the panel: a driver with its credentials.
    PaymentChannelId,
    /// A plan: what a proxy pass may be bought as.
    PlanId,
    /// A protocol that resources speak; SSH is 1.
    ProtocolId,
    /// A resource group.
    ResourceGroupId,
    /// A resource: a host to log in to.
    ResourceId,
    /// A role of the permission system.
    RoleId,
    /// A public key an account logs in with through the ssh door.
    SshKeyId,
    /// A row of the statement: a posting, an order, a message, a block or an event; the `pays` id of billing.
    StatementId,
    /// A stay through a door.
    VisitId,
    /// A VPN group; -100 is the root, -1 the default group, -2 the anonymous one.
    VpnGroupId,
    /// A policy set of VPN users; 0 is the default one.
    VpnPolicySetId,
    /// A resource of the vpn surface.
    VpnResourceId,
    /// A resource group of the vpn surface; 0 is the default one.
    VpnResourceGroupId,
    /// A VPN role: which resources a user or group may reach.
    VpnRoleId,
    /// A voucher: what a target host is logged in to with.
    VoucherId,
}
