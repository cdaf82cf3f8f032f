//! The vocabulary of Gatehouse: ids, units and enums that every other package speaks. No I/O.

mod address;
mod ids;
mod login;
mod node;
mod page;
mod secret;
mod text;
mod units;
mod words;

pub use address::{IpRange, ParseIpRangeError, client_of};
pub use ids::{
    AccessRequestId, AccountId, ApiTokenId, AuthServerId, BillingFieldId, BillingGroupId, BillingServiceId,
    BillingSubscriptionId, CommandRuleId, HostKeyId, JobId, LedgerAccountId, LedgerEntryId, LoginSessionId, NasId,
    NodeGroupId, NodeId, NodeRouteId, OaUserId, PanelArticleId, PanelCouponId, PanelGiftCodeId, PanelGiftTemplateId,
    PanelGiftUsageId, PanelInviteCodeId, PanelNoticeId, PanelOrderId, PanelTicketId, PanelTicketMessageId,
    PaymentAttemptId, PaymentChannelId, PlanId, ProtocolId, ResourceGroupId, ResourceId, RoleId, SshKeyId, StatementId,
    VisitId, VoucherId, VpnGroupId, VpnPolicySetId, VpnResourceGroupId, VpnResourceId, VpnRoleId,
};
pub use login::{Login, LoginError, email_key, fold_key};
pub use node::{NodeKind, SsCipher};
pub use page::{Paged, Paging};
pub use secret::Secret;
pub use text::{ByteSize, ParseUnitError, Span};
pub use units::{Bytes, Millis, Money, ParseMoneyError};
pub use words::{Door, EndedWhy, FieldKind, Origin, PassKind};
